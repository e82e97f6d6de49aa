"""The campaign as a command: `PYTHONPATH=tests/helpers python -m fuzzing --seconds 600`."""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from fuzzing import limits
from fuzzing.campaign import campaign, shrunk
from fuzzing.kinds import KINDS
from fuzzing.outcome import REFUSED, WORKS, Tally

OUT = Path("build/fuzz")  # of new findings
MEMORY = Path("/dev/shm")  # where files cost nothing


def main() -> int:
    """0 where nothing was found."""
    args = _arguments()
    torch.set_num_threads(1)
    end = time.monotonic() + args.seconds
    total = sum(KINDS[name].share for name in args.kinds)
    tallies: dict[str, Tally] = {}
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as base:
        for place, name in enumerate(args.kinds):
            kind = KINDS[name]
            share = kind.share / sum(KINDS[left].share for left in args.kinds[place:])
            until = time.monotonic() + (end - time.monotonic()) * share
            most = max(1, round(args.cases * kind.share / total))
            tally = tallies[name] = campaign(
                kind.cases(), kind.judge, Path(base), most=most, until=until, start=args.seed
            )
            print(_row(name, tally), flush=True)
            for number, (told, case) in enumerate(tally.found.values()):
                print(f"  {told}", flush=True)
                small = shrunk(kind.cases(), kind.judge, Path(base), case, told) if args.shrink else case
                OUT.mkdir(parents=True, exist_ok=True)
                small.save(OUT / f"{name}-{number}.json", name, told)
    cases = sum(tally.cases for tally in tallies.values())
    found = sum(tally.ended["found"] for tally in tallies.values())
    print(f"{cases:,} cases, {found} of them findings; this process is {limits.resident() >> 20:,} MB large")
    return 1 if any(tally.found for tally in tallies.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing", description="Look for inputs that break what reads them."
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cases", type=int, default=1_000_000, help="at most, of all kinds together")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shrink", action="store_true", help="look for the smallest case of each finding")
    return parser.parse_args()


def _row(name: str, tally: Tally) -> str:
    ended = ", ".join(f"{tally.ended[how]:,} {how}" for how in (WORKS, REFUSED, "found"))
    most = f"{tally.slowest:.1f} s of the processor and {tally.peak >> 20:,} MB"
    return f"{name}: {tally.cases:,} cases: {ended}; at most {most}"


if __name__ == "__main__":
    sys.exit(main())
