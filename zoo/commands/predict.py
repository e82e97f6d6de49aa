"""predict the mask and the depth of your own photos, and cut the object out"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.commandline import UsageError, image_size, path, say, whole
from registry.vocabulary import LARGEST_PHOTO, PORTABLE_PRECISIONS

if TYPE_CHECKING:
    from zoo.deploy.many import PredictReport
    from zoo.model import PairModel


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    parser.description = (
        "Find the object in a photo, and how far everything is. For each photo, DIR gets NAME_mask.png (8 bits: the"
        " probability of object), NAME_binary.png (0 or 255), NAME_cutout.png (the object, RGBA), NAME_depth.png (16"
        " bits: 0 is nearest) and NAME_depth_preview.png (near is yellow, far is dark blue), of the photo's size."
    )
    add(
        "photos",
        nargs="*",
        type=Path,
        metavar="PHOTO",
        help="BG PHOTO: the scene without and with the object. For many photos give a folder, and one plate or a folder"
        " of plates with the same names. PHOTO alone for a network without a plate",
    )
    add(
        "--weights",
        metavar="FILE",
        help="a file of zoo.save, a training's folder, or a name from zoo list --weights; default: pairnet-small,"
        " which comes with pairzoo",
    )
    add("--model", metavar="SPEC", help="the network, if the file does not name it: u2net, or 'unet(depth=4)'")
    add(
        "--out",
        type=path,
        metavar="DIR",
        help="folder for the files, made if missing; default: the photo's own; for a folder of photos, FOLDER_predicted"
        " beside it",
    )
    add(
        "--size",
        type=_size,
        default="trained",
        metavar="SIZE",
        help="size that the network works at: 224, or 224x320 (height x width); trained: the size of the training;"
        " photo: the photo's own; tiles: the size of the training, then finer tiles along the edges. The files always"
        " have the photo's size. Default: trained",
    )
    _settings(parser)
    _video(parser)


def _video(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("videos", "instead of photos; needs pip install 'pairzoo[video]'").add_argument
    add("--video", type=Path, metavar="FILE", help="a video, a camera such as /dev/video0, or a folder of frames")
    add("--plate", type=Path, metavar="PHOTO", help="the scene without the object, as the camera sees it")
    add(
        "--over",
        type=Path,
        metavar="PHOTO",
        help="write the object over this picture, instead of the mask; with --out FILE.mp4",
    )
    add("--update-plate", action="store_true", help="update the plate slowly from the frames, where no object is")
    add("--no-smooth", action="store_true", help="do not smooth masks over time")


def _settings(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--resize-plate", action="store_true", help="resize a plate whose size differs from the photo's")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps; default: auto")
    add("--precision", choices=PORTABLE_PRECISIONS, default="fp32", help="default: fp32")
    add(
        "--optimise",
        action="store_true",
        help="first find the form in which the network is fastest here, which takes minutes and is remembered",
    )
    add("--threshold", type=float, default=0.5, help="the probability from which a pixel is object; default: 0.5")
    add(
        "--max-pixels",
        type=whole(1),
        default=LARGEST_PHOTO,
        metavar="N",
        help=f"the largest photo that is read; default: {LARGEST_PHOTO:,}",
    )
    add(
        "--preview",
        action="store_true",
        help="write NAME_preview.png first: a quick cut-out at a quarter of the photo's height and width",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="replace existing files")
    again.add_argument("--resume", action="store_true", help="continue an interrupted run over many photos in --out")


def run(args: Namespace) -> int:
    """The exit code: 0 where all is well, 1 where photos had to be left out, or a video ended early."""
    if args.video is not None:
        return _run_video(args)
    if args.plate or args.over or args.update_plate or args.no_smooth:
        raise UsageError("--plate, --over, --update-plate and --no-smooth are for videos; give --video FILE as well")
    if not args.photos:
        raise UsageError("no photo given; give BG PHOTO, or --video FILE")
    import sys

    from zoo.deploy import PredictSettings, network, pairs, predict_many
    from zoo.deploy.memory import memory_of_largest
    from zoo.deploy.predict import placed
    from zoo.progress import progress
    from zoo.weights.ready import USUAL

    out, (*plates, photos) = args.out or _beside(args.photos[-1]), args.photos
    _check_paths(args.photos, out)
    model = _optimised(placed(network(args.weights, args.model), args.device), args)
    if model.face.plate and not plates:
        raise UsageError("this network compares a photo with its plate; give BG PHOTO")
    if plates and not model.face.plate:
        say(f"note: this network takes no plate, so {plates.pop()} is ignored", file=sys.stderr)
    found, failures = pairs(plates[0] if plates else None, photos)
    if args.size is None and (takes := memory_of_largest(model, [pair.photo for pair in found])):
        say(f"note: {takes}", file=sys.stderr)
    settings = PredictSettings(
        args.size, args.resize_plate, args.precision, args.threshold, args.max_pixels, args.preview
    )
    try:
        with progress() as tick:
            report = predict_many(model, found, out, settings, overwrite=args.overwrite, resume=args.resume, tick=tick)
    except KeyboardInterrupt:
        if len(found) > 1:
            say("to continue, run the same command with --resume", file=sys.stderr)
        raise
    ready = "" if args.weights else f"no --weights given, so this is {USUAL}; "
    say(f"note: {ready}{model.training_story}", file=sys.stderr)
    return _told(report, [*failures, *report.failures], out, is_one=len(found) == 1)


def _optimised(model: "PairModel", args: Namespace) -> "PairModel":
    """With --optimise the network as it is fastest here, at the size it is to work at."""
    if not args.optimise:
        return model
    import sys

    from zoo.deploy.optimise import optimise
    from zoo.progress import progress

    if args.size in (None, "tiles"):
        raise UsageError("--optimise makes a network fast at one size; give --size 224, or the size of its training")
    if args.precision != "fp32":
        raise UsageError("--optimise chooses the precision itself; leave --precision out")
    with progress() as tick:
        fast = optimise(model, size=None if args.size == "trained" else args.size, device=args.device, tick=tick)
    report = fast.report
    say(
        f"note: {report.chosen}, {report.times:.2f} times as fast as the network as it is. {report.note}".rstrip(),
        file=sys.stderr,
    )
    return fast


def _told(report: "PredictReport", failures: list[str], out: Path, *, is_one: bool) -> int:
    """Say what was written and what was left out; the exit code."""
    import sys

    from zoo.progress import duration

    kept = f" (done before: {report.kept:,})" if report.kept else ""
    of = report.photos + len(failures)
    say(f"{report.photos:,} of {of:,} photos{kept} in {duration(report.seconds)}, written to {out}")
    for file in report.files if is_one else ():
        say(f"  {file.name}")
    for line in failures:
        say(f"left out: {line}", file=sys.stderr)
    return 1 if failures else 0


def _run_video(args: Namespace) -> int:
    import sys

    from zoo.deploy import network
    from zoo.deploy.predict import placed
    from zoo.deploy.video.run import VideoSettings, predict_video
    from zoo.progress import duration, progress

    if args.photos or args.out is None or args.resume or args.preview:
        raise UsageError(
            "for a video give --video FILE --plate PHOTO --out FILE.mp4, without photos, --resume and --preview"
        )
    settings = VideoSettings(
        args.size,
        args.resize_plate,
        args.precision,
        args.max_pixels,
        args.over,
        not args.no_smooth,
        args.update_plate,
    )
    model = placed(network(args.weights, args.model), args.device)
    with progress() as tick:
        report = predict_video(model, args.video, args.plate, args.out, settings, overwrite=args.overwrite, tick=tick)
    rate = report.frames / max(report.seconds, 1e-9)
    say(f"{report.frames:,} frames, {duration(report.seconds)}, {rate:.2g} frames/s: {args.out}")
    raw, smooth = report.flicker
    if not args.no_smooth and raw:
        say(f"  flicker (mean change of the mask where the photo did not change): {raw:.5f}, smoothed {smooth:.5f}")
    if report.stopped:
        say(f"ended early: {report.stopped}", file=sys.stderr)
    return 1 if report.stopped else 0


def _check_paths(photos: list[Path], out: Path) -> None:
    """Plate and photo, or the photo alone; what is written lies elsewhere than in a folder of them."""
    if len(photos) > 2:
        raise UsageError(f"{len(photos)} paths given; give BG PHOTO, or two folders for many photos")
    if any(photo.is_dir() and photo.resolve() == out.resolve() for photo in photos):
        raise UsageError(f"{out} holds the photos, and results there would be taken for photos; give another --out")


def _beside(photo: Path) -> Path:
    """Where files go if nobody says: the photo's own folder, or one beside a folder of photos."""
    if not photo.is_dir():
        return photo.parent
    folder = photo if photo.name not in ("", "..") else photo.resolve()
    return folder.with_name(f"{folder.name}_predicted")


def _size(text: str) -> "tuple[int, int] | str | None":
    """As `zoo.predict` takes it: None is the photo's own."""
    if text == "photo":
        return None
    return text if text in ("trained", "tiles") else image_size(text)
