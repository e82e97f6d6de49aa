"""print figures of a data set: moments, coverage, depth, and what a plain threshold achieves"""

from argparse import ArgumentParser, Namespace

from registry.commandline import path, say, whole
from registry.vocabulary import SMALLEST, SPLITS


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", help="pairbench:hard, or a folder, a zip or shards")
    parser.add_argument("--split", choices=SPLITS, help="default: test of computed data, else all")
    parser.add_argument("--size", type=whole(SMALLEST), help="pixels; default: the data's own size")
    parser.add_argument("--limit", type=whole(1), help="at most N samples; default: 500 of computed data, else all")
    parser.add_argument("--workers", type=whole(0), default=0, help="processes; default: this one")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--out", type=path, metavar="FILE.png", help="draw mean images and histograms")


def run(args: Namespace) -> None:
    import json
    import sys

    from registry import OptionError
    from zoo.data.inspecting.figures import figures
    from zoo.progress import progress

    if args.out is not None and args.out.suffix.lower() != ".png":
        raise OptionError(f"--out {args.out} is not accepted; the picture is a PNG, so give a name that ends in .png")
    with progress() as tick:
        stats, record = figures(
            args.spec, split=args.split, size=args.size, limit=args.limit, workers=args.workers, tick=tick
        )
    if args.out is not None:
        from zoo.data.inspecting.sheet import save_page
        from zoo.data.inspecting.stats_picture import draw

        save_page(draw(stats, record), args.out)
        say(f"wrote {args.out}", file=sys.stderr)
    if args.json:
        say(json.dumps(record, indent=2))
    else:
        from zoo.data.inspecting.stats_text import text

        say(text(record))
