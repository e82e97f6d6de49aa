"""draw a contact sheet of samples: bg, fg_bg, mask and depth side by side"""

from argparse import ArgumentParser, Namespace
from typing import Any

from registry.commandline import path, say, whole
from registry.vocabulary import SMALLEST, SPLITS


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="pairbench:hard, or a folder, a zip or shards")
    parser.add_argument("--n", type=whole(1), default=24, help="how many samples; default: 24")
    parser.add_argument("--start", type=whole(0), default=0, help="index of the first one; default: 0")
    parser.add_argument("--split", choices=SPLITS, help="default: train of computed data, else all")
    parser.add_argument("--size", type=whole(SMALLEST), default=128, help="pixels of each picture; default: 128")
    parser.add_argument("--columns", type=whole(1), default=2, help="samples side by side; default: 2")
    parser.add_argument("--out", type=path, required=True, help="the picture to write, a PNG")


def run(args: Namespace) -> None:
    import sys

    from zoo import data
    from zoo.data.dataset import without_damaged
    from zoo.data.inspecting.sheet import contact_sheet, write_png

    split: Any = args.split or ("train" if args.spec.startswith("pairbench") else "all")
    dataset = data.load(args.spec, split=split, size=args.size)
    indices = range(args.start, min(args.start + args.n, len(dataset)))
    samples, damaged = without_damaged(dataset, indices, lambda whole: [dataset[index] for index in whole])
    write_png(args.out, contact_sheet(samples or [], columns=args.columns))
    say(f"wrote {args.out}: {len(samples or [])} samples of {dataset.spec}, split {dataset.split}")
    for reason in damaged.values():
        say(f"left out: {reason}", file=sys.stderr)
