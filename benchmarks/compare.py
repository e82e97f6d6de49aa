"""Measure and compare networks: `python -m benchmarks.compare --models "u2net*, unet(depth=4)" --size 224`.

Every network is built once and counted, warmed up, and timed in shuffled rounds with all others. Each finished cell is
one line of compare.jsonl at once; the table follows as Markdown and CSV. Ctrl-C shows and keeps what is there.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# torch and what needs it load in `run`: --help, typing errors and Ctrl-C do not wait
from benchmarks.command import at_least, positive, threads
from registry import ZooError
from registry.commandline import INTERRUPTED, Parser, guarded, sides

if TYPE_CHECKING:
    import torch

    from benchmarks.entrants import Entrant


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    return guarded(lambda: run(arguments().parse_args(argv)))


def arguments() -> Parser:
    parser = Parser(prog="python -m benchmarks.compare", description="Measure and compare networks.")
    parser.stray = 'networks are given as in --models "u2net*, unet(depth=4)"'
    add = parser.add_argument
    add(
        "--models",
        default="*",
        help='names, patterns, specs and networks of your own, as in "u2net*, unet(depth=4), my_net.py:Net"; default:'
        " all of the catalog",
    )
    add("--size", type=sides, default=(224, 224), help="pixels: 224, or height x width as 224x320; default: 224")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto, cuda where there is one")
    add("--seconds", type=positive, help="time for all rounds together; default: 5 for each network, at most 60")
    add("--rounds", type=at_least(1), default=3, help="rounds that each network gets at least; default: 3")
    add("--threads", type=threads, help="threads on the CPU; default: what torch chooses")
    add("--out", type=Path, default=Path("results"), help="folder of records and tables; default: results")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, show, write."""
    import torch

    from benchmarks import results
    from benchmarks.contest import choose
    from benchmarks.entrants import enter
    from zoo.claim import claimed

    if args.threads:
        torch.set_num_threads(args.threads)
    entrants = enter(args.models)
    device = choose(args.device)
    folder = results.prepare(args.out)
    with claimed(folder):
        return measured(args, entrants, device, folder)


def measured(args: argparse.Namespace, entrants: list["Entrant"], device: "torch.device", folder: Path) -> int:
    """The comparison itself, in a folder of its own; records first, then tables, then what is shown."""
    from benchmarks import leaderboard, results
    from benchmarks.contest import Contest
    from zoo.progress import progress

    seconds = args.seconds or min(60.0, 5.0 * len(entrants))
    contest = Contest(entrants, args.size, device, folder / "compare.jsonl", seconds, args.rounds)
    interrupted, problem = False, None
    try:
        try:
            with progress() as tick:
                contest.run(tick)
            results.write_text(folder / "compare.md", leaderboard.markdown(contest.records))
            results.write_text(folder / "compare.csv", leaderboard.to_csv(contest.records))
        except KeyboardInterrupt:
            interrupted = True
            contest.stop()
    except ZooError as error:  # no room for a record or a table: what was measured is still worth a look
        problem = error
    leaderboard.show(contest.records)
    if problem:
        raise problem
    if interrupted:
        what = f"records of what was measured: {contest.path}" if contest.records else "nothing was measured yet"
        print(f"stopped; {what}", file=sys.stderr)
        return INTERRUPTED
    print(f"written: {folder / 'compare.md'}, compare.csv, and a record per cell in compare.jsonl")
    return 0 if any(record["status"] == "done" for record in contest.records) else 1


if __name__ == "__main__":
    sys.exit(main())
