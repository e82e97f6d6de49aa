"""The kills as a command."""

import argparse
import random
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from killing.kill import disturbed
from killing.work import WORKS


def main() -> int:
    """0 where nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m killing", description="kill -9 commands at random moments.")
    parser.add_argument("--kills", type=int, default=25, help="of each command; default: 25")
    parser.add_argument("--only", choices=WORKS, nargs="+", default=[*WORKS])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    for name in args.only:
        with TemporaryDirectory() as base:
            try:
                told = disturbed(WORKS[name], Path(base), args.kills, random.Random(args.seed))
            except AssertionError as error:
                failed += 1
                print(f"{name}: {error}\n{traceback.format_exc()}", flush=True)
                continue
        print(
            f"{name}: {told.kills} kills, {told.runs} runs that ended, each the same as the undisturbed one"
            f" ({told.seconds:.1f} s)",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
