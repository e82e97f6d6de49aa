"""write a trained network as a file of other programs: ONNX, OpenVINO, torch.export"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from registry.commandline import image_size, path, say

FORMATS = ("onnx", "onnx-fp16", "onnx-int8", "openvino", "pt2")  # as zoo.deploy.formats has them; this loads nothing
DATA = "pairbench:hard"


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("weights", type=path, help="a file of zoo.save, a training's folder, or others' with --model")
    add("--format", choices=FORMATS, default="onnx", help="default: onnx")
    add(
        "--size",
        type=_size,
        default="dynamic",
        metavar="HxW",
        help="pixels, as 224 or 224x320; default: dynamic, any size from the network's smallest up",
    )
    add(
        "--outputs",
        choices=("probabilities", "logits"),
        default="probabilities",
        help="values in [0, 1], or the network's own; default: probabilities",
    )
    add("--data", default=DATA, metavar="SPEC", help=f"pairs to compare on, and to learn 8 bits on; default: {DATA}")
    add("--model", metavar="SPEC", help="for weights that do not say which: u2net, my_net.py:Net")
    add("--out", type=path, metavar="FILE", help="default: beside the weights")
    add("--overwrite", action="store_true", help="replace a file that is there already")


def run(args: Namespace) -> None:
    from zoo.deploy.exporting import export
    from zoo.deploy.formats import beside, format_of, parts
    from zoo.deploy.outputs import refuse_existing
    from zoo.deploy.predict import network
    from zoo.progress import progress
    from zoo.weights.located import located

    form = format_of(args.format)
    form.require_packages(args.format)
    out = args.out or beside(Path(located(str(args.weights))), args.format)
    if not args.overwrite:
        refuse_existing(parts(out))
    model = network(str(args.weights), args.model)
    with progress() as tick:
        made = export(model, out, format=args.format, size=args.size, outputs=args.outputs, data=args.data, tick=tick)
    say(f"{made.path}: {form.what}, {made.bytes:,} bytes, {made.seconds:.1f} s")
    say(f"compared with the network on {args.data}, at most: {made.furthest}")


def _size(text: str) -> "tuple[int, int] | str":
    if text == "dynamic":
        return text
    try:
        return image_size(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{error}, or dynamic") from None
