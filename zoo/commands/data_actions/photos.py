"""get photographs from packages of the operating system, for the data source photos"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from registry.commandline import path


def arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Download packages of the operating system (339 MB; apt-get, nothing is installed), and keep their photographs:"
        " DIR gets backgrounds/, cutouts/, CREDITS.csv with authors and licences, and pack.zip, smaller copies for"
        " machines without network."
    )
    parser.add_argument("--out", type=path, default=Path("photos"), metavar="DIR", help="default: photos")


def run(args: Namespace) -> None:
    from zoo.data.making.photographs import gather
    from zoo.lock import locked
    from zoo.progress import progress

    with locked(args.out), progress() as tick:
        counts = gather(args.out, tick)
    print(f"{counts['backgrounds']} backgrounds and {counts['cutouts']} cut-outs: {args.out}")
