"""the mask and the depth of photos of your own: files to look at, and the object cut out"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.commandline import UsageError, image_size, path, say, whole
from registry.vocabulary import LARGEST_PHOTO, PORTABLE_PRECISIONS

if TYPE_CHECKING:
    from zoo.deploy.many import PredictReport


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
        help="BG PHOTO: the scene without and with the object; for many photos a folder of them, and one plate or a"
        " folder of plates of the same names. PHOTO alone for a network that takes no plate",
    )
    add(
        "--weights",
        metavar="FILE",
        help="a file of zoo.save, the folder of a training, or a name of zoo list --weights; default:"
        " pairnet-small, which comes with pairzoo",
    )
    add("--model", metavar="SPEC", help="the network, for weights from elsewhere: u2net, or 'unet(depth=4)'")
    add(
        "--out",
        type=path,
        metavar="DIR",
        help="folder for the files; made if it is missing (default: the photo's own; for a folder of photos,"
        " FOLDER_predicted beside it)",
    )
    add(
        "--size",
        type=_size,
        default="trained",
        metavar="SIZE",
        help="work at 224, at height x width as 224x320, at the photo's own size: photo, or at the size of the training"
        " and then in tiles along the edges: tiles; the files keep the photo's size (default: trained, the size of the"
        " training, where the weights tell it)",
    )
    _settings(parser)
    _video(parser)


def _video(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("videos", "needs the extra video; in the place of photos").add_argument
    add("--video", type=Path, metavar="FILE", help="a video, a camera such as /dev/video0, or a folder of frames")
    add("--plate", type=Path, metavar="PHOTO", help="the scene without the object, as the camera sees it")
    add("--over", type=Path, metavar="PHOTO", help="the object over this picture, instead of the mask; --out FILE.mp4")
    add("--update-plate", action="store_true", help="the plate learns from the frames where nothing stands")
    add("--no-smooth", action="store_true", help="leave each frame's mask as it is, though the photo did not change")


def _settings(parser: ArgumentParser) -> None:
    add = parser.add_argument
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
    add(
        "--preview",
        action="store_true",
        help="first NAME_preview.png, at a quarter of the photo's height and width, from a quick look",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    again.add_argument(
        "--resume", action="store_true", help="go on with many photos that were begun in --out; what is done stays"
    )


def run(args: Namespace) -> int:
    """The exit code: 0 where all is well, 1 where photos had to be left out, or a video ended early."""
    if args.video is not None:
        return _run_video(args)
    if args.plate or args.over or args.update_plate or args.no_smooth:
        raise UsageError("--plate, --over, --update-plate and --no-smooth are for videos; give --video FILE, too")
    if not args.photos:
        raise UsageError("no photo came; give BG PHOTO, or --video FILE")
    import sys

    from zoo.deploy import PredictSettings, network, pairs, predict_many
    from zoo.deploy.memory import memory_of_largest
    from zoo.deploy.predict import placed
    from zoo.progress import progress
    from zoo.weights.ready import USUAL

    out, (*plates, photos) = args.out or _beside(args.photos[-1]), args.photos
    _check_paths(args.photos, out)
    model = placed(network(args.weights, args.model), args.device)
    if model.face.plate and not plates:
        raise UsageError("this network compares a photo with its plate; give BG PHOTO")
    if plates and not model.face.plate:
        say(f"note: this network takes no plate, so {plates.pop()} is not looked at", file=sys.stderr)
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
            say("the same command with --resume goes on", file=sys.stderr)
        raise
    ready = "" if args.weights else f"no --weights, so {USUAL} answers; "
    say(f"note: {ready}{model.training_story}", file=sys.stderr)
    return _told(report, [*failures, *report.failures], out, is_one=len(found) == 1)


def _told(report: "PredictReport", failures: list[str], out: Path, *, is_one: bool) -> int:
    """Say what was written and what was left out; the exit code."""
    import sys

    from zoo.progress import duration

    kept = f" (done before: {report.kept:,})" if report.kept else ""
    say(f"{report.photos:,} of {report.photos + len(failures):,} photos{kept}, {duration(report.seconds)}: {out}")
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
        raise UsageError("a video takes --video FILE --plate PHOTO --out FILE.mp4, no photos, --resume or --preview")
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
        say(f"  flicker, the mask's mean change where the photo did not change: {raw:.5f}, smoothed {smooth:.5f}")
    if report.stopped:
        say(f"ended early: {report.stopped}", file=sys.stderr)
    return 1 if report.stopped else 0


def _check_paths(photos: list[Path], out: Path) -> None:
    """Plate and photo, or the photo alone; what is written lies elsewhere than in a folder of them."""
    if len(photos) > 2:
        raise UsageError(f"{len(photos)} paths came; give BG PHOTO, or folders of them for many photos")
    if any(photo.is_dir() and photo.resolve() == out.resolve() for photo in photos):
        raise UsageError(f"{out} holds the photos, and what is written would be read again; give another --out")


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
