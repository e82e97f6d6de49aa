"""the mask and the depth of photos of your own: files to look at, and the object cut out"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from registry.commandline import UsageError, image_size, say, whole
from registry.vocabulary import LARGEST_PHOTO, PORTABLE_PRECISIONS


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    parser.description = (
        "Find the object in a photo, and how far everything is. For each photo, DIR gets NAME_mask.png (8 bits: the"
        " probability of object), NAME_binary.png (0 or 255), NAME_cutout.png (the object, RGBA), NAME_depth.png (16"
        " bits: 0 is nearest) and NAME_depth_preview.png (near is yellow, far is dark blue), of the photo's size."
    )
    add(
        "photos",
        nargs="+",
        type=Path,
        metavar="PHOTO",
        help="BG PHOTO: the scene without and with the object; for many photos a folder of them, and one plate or a"
        " folder of plates of the same names. PHOTO alone for a network that takes no plate",
    )
    add("--weights", required=True, metavar="FILE", help="a file of zoo.save, or the folder of a training")
    add("--model", metavar="SPEC", help="the network, for weights from elsewhere: u2net, or 'unet(depth=4)'")
    add("--out", required=True, type=Path, metavar="DIR", help="folder for the files; made if it is missing")
    add(
        "--size",
        type=_size,
        default="trained",
        help="work at 224, at height x width as 224x320, or at the photo's own size: photo; the files keep the photo's"
        " size (default: the size of the training, where the weights tell it)",
    )
    add("--resize-plate", action="store_true", help="allow a plate of another size than the photo's, and resize it")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps; default: auto")
    add("--precision", choices=PORTABLE_PRECISIONS, default="fp32", help="default: fp32")
    add("--threshold", type=float, default=0.5, help="the probability from which a pixel is object; default: 0.5")
    add(
        "--max-pixels",
        type=whole(1),
        default=LARGEST_PHOTO,
        metavar="N",
        help=f"the largest photo that is read; default: {LARGEST_PHOTO:,}",
    )
    add("--overwrite", action="store_true", help="replace files that are there already, instead of refusing")


def run(args: Namespace) -> int:
    """The exit code: 0 where all is well, 1 where photos had to be left out."""
    import sys

    from zoo.deploy import Options, network, pairs, predict_many
    from zoo.deploy.memory import memory_of_largest
    from zoo.deploy.predict import placed
    from zoo.progress import duration, progress

    *plates, photos = _paths(args)
    model = placed(network(args.weights, args.model), args.device)
    if model.face.plate and not plates:
        raise UsageError("this network compares a photo with its plate; give BG PHOTO")
    if plates and not model.face.plate:
        say(f"note: this network takes no plate, so {plates.pop()} is not looked at", file=sys.stderr)
    found, failures = pairs(plates[0] if plates else None, photos)
    if args.size is None and (takes := memory_of_largest(model, [pair.photo for pair in found])):
        say(f"note: {takes}", file=sys.stderr)
    with progress() as tick:
        options = Options(args.size, args.resize_plate, args.precision, args.threshold, args.max_pixels)
        report = predict_many(model, found, args.out, options, overwrite=args.overwrite, tick=tick)
    say(f"note: {model.training_story}", file=sys.stderr)
    failures += report.failures
    say(f"{report.photos:,} of {report.photos + len(failures):,} photos, {duration(report.seconds)}: {args.out}")
    for path in report.files if len(found) == 1 else ():
        say(f"  {path.name}")
    for line in failures:
        say(f"left out: {line}", file=sys.stderr)
    return 1 if failures else 0


def _paths(args: Namespace) -> list[Path]:
    """Plate and photo, or the photo alone; what is written lies elsewhere."""
    if len(args.photos) > 2:
        raise UsageError(f"{len(args.photos)} paths came; give BG PHOTO, or folders of them for many photos")
    if any(path.is_dir() and path.resolve() == args.out.resolve() for path in args.photos):
        raise UsageError(f"{args.out} holds the photos, and what is written would be read again; give another --out")
    return args.photos


def _size(text: str) -> "tuple[int, int] | str | None":
    """As `zoo.predict` takes it: None is the photo's own."""
    if text == "photo":
        return None
    return text if text == "trained" else image_size(text)
