"""what one network is and costs: card, options, parameters, memory, receptive field, shapes, picture"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from zoo.contract import SMALLEST
from zoo.describing import LARGEST, describe, image_size
from zoo.files import write_text


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="NAME_OR_SPEC", help='as unet, or "unet(depth=4, fusion=siamese)"')
    parser.add_argument("--size", type=_size, default=(224, 224), help="image size: 224, or height x width as 224x320")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture of the data flow to a file")
    parser.add_argument("--tree", action="store_true", help="print every layer (JSON has them always)")


def run(args: Namespace) -> None:
    description = describe(args.spec, args.size)
    if args.svg is not None:
        write_text(args.svg, description.svg())
        print(f"wrote {args.svg}", file=sys.stderr)
    print(json.dumps(description.to_dict(), indent=2) if args.json else description.text(tree=args.tree))


def _size(text: str) -> tuple[int, int]:
    """
    >>> _size("224"), _size("224x320")
    ((224, 224), (224, 320))
    """
    sides = text.lower().split("x")
    try:
        if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
            raise ValueError
        return image_size((int(sides[0]), int(sides[-1])))
    except ValueError:  # a ZooError of a wrong option is one too
        raise ArgumentTypeError(
            f"{text!r} is no size; give pixels, {SMALLEST} to {LARGEST}, as 224 or as 224x320 (height x width)"
        ) from None
