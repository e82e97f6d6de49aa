"""Can the timing be trusted here? `python -m benchmarks.control`: one network under two names, and one made 3 % slower.

Run after run the same network is built twice and timed against itself, and against itself with 3 % of its time added
to each call. The interval of the first ratio must hold 1, that of the second must lie above it. With --load this is
done while another process keeps a core busy, and the founding networks must keep the order they have in calm.
Exit code 1 where a goal is missed.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.command import at_least, positive, threads
from registry.commandline import Parser, guarded, sides

if TYPE_CHECKING:
    import torch

    from benchmarks.intervals import Interval, Rounds
    from benchmarks.measure import Cell
    from zoo.progress import Tick

SLOWER = 0.03  # planted
HELD, FOUND = 35 / 40, 36 / 40  # shares of the runs that are asked for
BUSY = "while True: pass"


@dataclass(frozen=True)
class Run:
    """One run: the ratio of a network to its twin, and of the slowed one to the network."""

    twin: "Interval"
    slowed: "Interval"

    @property
    def holds(self) -> bool:
        return self.twin.low <= 1 <= self.twin.high

    @property
    def finds(self) -> bool:
        return self.slowed.low > 1


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.control", description="Can the timing be trusted here?")
    add = parser.add_argument
    add("--model", default="unet(width=16)", help="what is timed against itself; default: unet(width=16)")
    add("--models", help="with --load: whose order must stay; default: the founding networks")
    add("--size", type=sides, default=(64, 64), help="pixels; default: 64")
    add("--runs", type=at_least(1), default=40, help="default: 40")
    add("--seconds", type=positive, default=15.0, help="of timing in each run; default: 15")
    add("--load", action="store_true", help="keep one core busy with another process")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto, cuda where there is one")
    add("--threads", type=threads, help="threads on the CPU; default: what torch chooses")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Measure and show; 1 where a goal is missed."""
    import torch

    from benchmarks import terminal
    from zoo import machine
    from zoo.progress import progress

    if args.threads:
        torch.set_num_threads(args.threads)
    device = machine.choose(args.device)
    orders: list[Times] = []
    with progress() as tick:
        if args.load:
            orders.append(ranked(args, device, tick))
        with busy() if args.load else contextlib.nullcontext():
            if args.load:
                orders.append(ranked(args, device, tick))
            runs = [once(args, device, number, tick) for number in range(args.runs)]
    body, missed = verdict(runs)
    if orders:
        pairs, turned = compared(*orders)
        words = "; ".join(f"{one} and {other}" for one, other in turned) or "all"
        body.append([f"order kept, {pairs} pairs apart in calm", f"{pairs - len(turned)} of {pairs}", words])
        missed += len(turned)
    how = f"{args.model} at {args.size[0]} x {args.size[1]}, {args.seconds:g} s a run"
    where = f"{machine.headline(machine.describe(device))}, load {machine.load()}"
    terminal.print_table(["control", "runs", "ratio"], body, notes=[f"{how}; {where}."])
    return 1 if missed else 0


def verdict(runs: Sequence[Run]) -> tuple[list[list[str]], int]:
    """The two lines of the table, and how many of the goals are missed."""
    held, found = sum(run.holds for run in runs), sum(run.finds for run in runs)
    lines = [
        [f"a twin's interval holds 1, goal {HELD:.0%}", f"{held} of {len(runs)}", _span([r.twin for r in runs])],
        [
            f"{SLOWER:.0%} planted and found, goal {FOUND:.0%}",
            f"{found} of {len(runs)}",
            _span([r.slowed for r in runs]),
        ],
    ]
    return lines, (held < HELD * len(runs)) + (found < FOUND * len(runs))


def once(args: argparse.Namespace, device: "torch.device", number: int, tick: "Tick") -> Run:
    """One run, with networks built anew: where weights lie in memory is part of what may differ."""
    from benchmarks import intervals

    cells = twins(args.model, args.size, device)
    one, other, slow = time_cells(cells, args.seconds, f"run {number + 1} of {args.runs}", tick, seed=number)
    return Run(intervals.ratio(other, one), intervals.ratio(slow, one))


def twins(model: str, size: tuple[int, int], device: "torch.device") -> list["Cell"]:
    """A network, the same one built again, and the first with 3 % of its time added to each call."""
    from dataclasses import replace

    from benchmarks import engines, speed
    from benchmarks.entrants import enter

    settings = engines.DEFAULTS | {"size": list(size)}
    one, other = (speed.prepare(enter(model)[0], settings, device) for _ in range(2))
    return [one, other, replace(one, name=f"{one.name}, slowed", call=slowed(one.call, device), rounds=[])]


def slowed(call: Callable[[], object], device: "torch.device", by: float = SLOWER) -> Callable[[], object]:
    """A call that takes longer by a share of the time it takes just now, whatever the machine is doing."""
    import torch

    def slower() -> object:
        begun = time.perf_counter()
        result = call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        until = begun + (1 + by) * (time.perf_counter() - begun)
        while time.perf_counter() < until:
            pass
        return result

    return slower


def time_cells(cells: Sequence["Cell"], seconds: float, label: str, tick: "Tick", *, seed: int = 0) -> list["Rounds"]:
    """Warm up and interleave until the time is over; a cell that fails is an error here."""
    from benchmarks import intervals, measure
    from registry import ZooError

    for cell in cells:
        measure.warm_up(cell, seconds=seconds / 10 / len(cells))
    for _ in measure.interleave(cells, seconds=seconds, min_rounds=intervals.FEW, within=0, seed=seed):
        tick(label, min(sum(cell.spent for cell in cells), seconds), seconds)
    for cell in cells:
        if cell.failed:
            raise ZooError(f"{cell.name}: {cell.failed}")
    return [cell.rounds for cell in cells]


Times = dict[str, "Rounds"]  # by network


def ranked(args: argparse.Namespace, device: "torch.device", tick: "Tick") -> Times:
    """Every network's rounds, interleaved."""
    from benchmarks import engines, speed
    from benchmarks.entrants import enter
    from zoo.architectures import architectures

    founding = ",".join(entry.name for entry in architectures if entry.card.group == "founding")
    entrants = enter(args.models or founding)
    settings = engines.DEFAULTS | {"size": list(args.size)}
    cells = [speed.prepare(entrant, settings, device) for entrant in entrants]
    rounds = time_cells(cells, args.seconds * len(cells) / 3, f"order of {len(cells)} networks", tick)
    return {str(entrant.asked): own for entrant, own in zip(entrants, rounds, strict=True)}


def compared(calm: Times, loaded: Times) -> tuple[int, list[tuple[str, str]]]:
    """How many pairs are apart in calm, and those of them whose order is another under load."""
    from itertools import combinations

    from benchmarks import intervals

    pairs, turned = 0, []
    for one, other in combinations(calm, 2):
        before, after = (intervals.ratio(times[one], times[other]) for times in (calm, loaded))
        if before.low <= 1 <= before.high:
            continue  # a tie has no order
        pairs += 1
        if (before.median > 1) != (after.median > 1) and not after.low <= 1 <= after.high:
            turned.append((one, other))
    return pairs, turned


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Another process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _span(ratios: Sequence["Interval"]) -> str:
    medians = sorted(ratio.median for ratio in ratios)
    return f"{medians[len(medians) // 2]:.4f}, {medians[0]:.4f} to {medians[-1]:.4f}"


if __name__ == "__main__":
    sys.exit(main())
