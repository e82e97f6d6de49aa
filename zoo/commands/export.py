"""export a trained network for other programs: ONNX, OpenVINO, torch.export"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from registry.commandline import image_size, path, say

FORMATS = ("onnx", "onnx-fp16", "onnx-int8", "openvino", "pt2")  # as zoo.deploy.formats has them; this loads nothing
DATA = "pairbench:hard"


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "weights",
        type=path,
        help="a file of zoo.save, a training's folder, a name from zoo list --weights; or, with --model, any other"
        " file of weights",
    )
    add("--format", choices=FORMATS, default="onnx", help="default: onnx")
    add(
        "--size",
        type=_size,
        default="dynamic",
        metavar="HxW",
        help="pixels, as 224 or 224x320; default: dynamic, any size from the network's smallest on",
    )
    add(
        "--outputs",
        choices=("probabilities", "logits"),
        default="probabilities",
        help="values in [0, 1], or raw logits; default: probabilities",
    )
    add(
        "--data",
        default=DATA,
        metavar="SPEC",
        help=f"pairs for the comparison with the network, and for the calibration of int8; default: {DATA}",
    )
    add("--model", metavar="SPEC", help="the network, if the file does not name it: u2net, my_net.py:Net")
    add("--out", type=path, metavar="FILE", help="default: beside the weights")
    add("--overwrite", action="store_true", help="replace an existing file")


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
    say(f"largest difference from the network on {args.data}: {made.furthest}")


def _size(text: str) -> "tuple[int, int] | str":
    if text == "dynamic":
        return text
    try:
        return image_size(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{error}, or dynamic") from None
