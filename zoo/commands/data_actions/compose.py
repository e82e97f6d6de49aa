"""compose your own cut-outs and backgrounds into thousands of pictures with mask and depth"""

from argparse import ArgumentParser, Namespace

from registry.arguments import add_executor
from registry.commandline import image_size, path, say, whole


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--bg", required=True, metavar="DIR", help="folder of background photos")
    add("--fg", required=True, metavar="DIR", help="folder of cut-outs: PNG or WebP with an alpha channel")
    add(
        "--out",
        required=True,
        type=lambda text: str(path(text)),
        metavar="DIR",
        help="a new folder, or one to continue; shards:DIR writes tar shards",
    )
    add("--per-pair", type=int, default=20, help="placements of each object on each background; default: 20")
    add("--flip", action="store_true", help="add a mirrored copy of each")
    add("--size", type=image_size, default=(224, 224), help="size of the pictures: 224, or height x width as 224x320")
    add(
        "--share",
        type=float,
        nargs=2,
        default=(0.2, 0.7),
        metavar=("MIN", "MAX"),
        help="range of the object's height, as a share of the picture's",
    )
    add("--seed", type=int, default=0, help="random seed of the placements; default: 0")
    add("--quality", type=int, default=90, help="JPEG quality, 1 to 100; default: 90")
    add(
        "--mask",
        choices=("soft", "binary"),
        default="soft",
        help="soft: the cut-out's alpha; binary: where the alpha is 0.5 or more",
    )
    add("--mask-format", choices=("png", "jpeg"), default="png", help="default: png, which is lossless")
    add(
        "--depth",
        default="plane",
        help="depth of the backgrounds: plane, folder:DIR, model:FILE or transformers:DIR; default: plane",
    )
    add("--depth-format", choices=("png", "jpeg"), default="png", help="default: png, 8 bits")
    add(
        "--hold-out",
        choices=("held-out", "backgrounds", "objects", "none"),
        default="held-out",
        help="shards: what val and test do not share with train",
    )
    add("--per-shard", type=whole(1), default=1000, help="shards: samples per shard; default: 1000")
    add("--workers", type=int, help="number of processes; default: one per core")
    add_executor(parser)


def run(args: Namespace) -> None:
    import sys
    from pathlib import Path

    from zoo.data.making.compose import compose
    from zoo.data.making.composition import ComposeSettings
    from zoo.data.making.outlets import MANIFEST, ShardSettings
    from zoo.parallel import Workers
    from zoo.progress import duration, progress

    plain = ("per_pair", "flip", "size", "seed", "quality", "mask", "mask_format", "depth", "depth_format")
    recipe = ComposeSettings(share=tuple(args.share), **{name: getattr(args, name) for name in plain})
    shards = ShardSettings(args.hold_out, args.per_shard) if args.out.startswith("shards:") else None
    out = Path(args.out.removeprefix("shards:"))
    workers = Workers(args.workers, args.executor, args.address)
    try:
        with progress() as tick:
            report = compose(Path(args.bg), Path(args.fg), out, recipe, shards=shards, workers=workers, tick=tick)
    except KeyboardInterrupt:
        say("finished samples are kept; the same command continues", file=sys.stderr)
        raise
    say(
        f"{report.made + report.found:,} samples of {report.cutouts:,} objects on {report.backgrounds:,} backgrounds"
        f" ({report.found:,} were there already), {duration(report.seconds)}"
    )
    spec = str(out) if shards else f"folders(path={str(out)!r}, manifest={MANIFEST})"
    say(f'read them with zoo.data.load("{spec}")')
