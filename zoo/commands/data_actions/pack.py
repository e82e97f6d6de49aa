"""pack data into shards, for large trainings"""

from argparse import ArgumentParser, Namespace

from registry.arguments import add_executor
from registry.commandline import path, say, whole
from registry.vocabulary import SMALLEST, SPLITS


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "spec", help="what to pack: pairbench:hard, a folder, a zip; files are copied byte for byte where there are any"
    )
    add(
        "--out",
        required=True,
        type=path,
        help="folder for the shards; those that exist are kept",
    )
    add("--split", nargs="+", choices=SPLITS, default=["train", "val", "test"], help="default: train val test")
    add("--per-shard", type=whole(1, 10**6), default=1000, help="samples in a shard; default: 1000")
    add("--samples", type=whole(1), help="at most N samples of each split; default: all")
    add("--size", type=whole(SMALLEST), help="pixels; pictures are resized and encoded again. Default: unchanged")
    add(
        "--pictures", choices=("jpg", "png"), default="jpg", help="how photos are encoded if they are not files already"
    )
    add("--quality", type=whole(1, 100), default=95, help="JPEG quality; default: 95")
    add("--workers", type=int, help="number of processes; default: 1, with ray one per core")
    add_executor(parser)


def run(args: Namespace) -> None:
    import sys

    from zoo.data.files.shards import INDEX, read_index
    from zoo.data.making.packing import Plan, pack
    from zoo.parallel import Workers, session
    from zoo.progress import progress

    count = 1 if args.workers is None and args.executor == "processes" else args.workers
    workers = Workers(count, args.executor, args.address)
    with session(args.executor, workers=count, address=args.address):
        for split in dict.fromkeys(args.split):
            plan = Plan(
                spec=args.spec,
                split=split,
                folder=args.out,
                per_shard=args.per_shard,
                size=args.size and (args.size, args.size),
                samples=args.samples,
                pictures=args.pictures,
                quality=args.quality,
            )
            with progress() as tick:
                for done, total in pack(plan, workers=workers):
                    tick(f"pack {split}: {done:,} of {total:,} samples", done, total)
            if report := plan.dataset.report():
                say(f"warning: {report}\nthese samples are not packed", file=sys.stderr)
            index = read_index(args.out / f"{split}{INDEX}")
            size_mb = sum(shard.bytes for shard in index.shards) / 1e6
            say(f"{split}: {index.samples:,} samples in {len(index.shards)} shards, {size_mb:,.1f} MB")
    say(f"read them with zoo.data.load({str(args.out)!r})")
