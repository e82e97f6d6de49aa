"""describe a network: options, parameters, memory, receptive field, shapes, diagram"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from registry.commandline import image_size


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="NAME_OR_SPEC", help='as unet, "unet(depth=4)", or my_net.py:Net')
    parser.add_argument(
        "--size", type=image_size, default=(224, 224), help="image size: 224, or height x width as 224x320"
    )
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture of the data flow to a file")
    parser.add_argument("--tree", action="store_true", help="print every layer (JSON has them always)")


def run(args: Namespace) -> None:
    from zoo.describing import describe
    from zoo.files import write_text

    description = describe(args.spec, args.size)
    if args.svg is not None:
        write_text(args.svg, description.svg())
        print(f"wrote {args.svg}", file=sys.stderr)
    print(json.dumps(description.to_dict(), indent=2) if args.json else description.text(tree=args.tree))
