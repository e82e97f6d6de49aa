"""Can the timing be trusted here? One network under two names, and one made 3 % slower.

$ python -m benchmarks.checks.control --load

Run after run one network is entered twice, timed as in a comparison, and a third time with 3 % of its time added to
each call. The interval of the first ratio must hold 1, that of the other must lie above it. It is also built once more:
where weights and images come to lie in memory is luck, and how far such a ratio strays says which differences are
nobody's. With --load this is done while another process keeps a core busy, and the founding networks must keep the
order they have in calm. Exit code 1 where a goal is missed. With --keep the record goes into
benchmarks/records/control, and `make readme` makes docs/timing.md of those.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from benchmarks.arguments import at_least, positive, threads
from benchmarks.plan.comparison import ROUNDS, WITHIN
from registry.commandline import Parser, guarded, sides

if TYPE_CHECKING:
    import torch

    from benchmarks.statistics.intervals import Interval, Rounds
    from benchmarks.store.control import Control, Order
    from benchmarks.timing.rounds import Cell
    from zoo.progress import Tick

SLOWER = 0.03  # planted
HELD, FOUND = 35 / 40, 36 / 40  # shares of the runs that are asked for
BUSY = "while True: pass"


@dataclass(frozen=True)
class Run:
    """One run: how long its twin, the slowed one and the one that was built anew take, in units of the network."""

    twin: "Interval"
    slowed: "Interval"
    anew: "Interval"

    @property
    def holds(self) -> bool:
        return self.twin.is_tie

    @property
    def finds(self) -> bool:
        return self.slowed.low > 1


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.control", description="Can the timing be trusted here?")
    add = parser.add_argument
    add("--model", default="unet(width=16)", help="what is timed against itself; default: unet(width=16)")
    add("--models", help="with --load: whose order must stay; default: the founding networks")
    add("--size", type=sides, default=(64, 64), help="pixels; default: 64")
    add("--runs", type=at_least(1), default=40, help="default: 40")
    add("--seconds", type=positive, default=20.0, help="of timing in each run, at most; default: 20")
    add("--within", type=positive, default=WITHIN, help="as of benchmarks.compare: ends a network's timing earlier")
    add("--load", action="store_true", help="keep one core busy with another process")
    add("--keep", action="store_true", help="add the record to those that come with the library")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto, cuda where there is one")
    add("--threads", type=threads, help="threads on the CPU; default: what torch chooses")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Measure and show; 1 where a goal is missed."""
    import torch

    from benchmarks.show import terminal
    from benchmarks.store import committed, files
    from zoo import machine
    from zoo.progress import progress

    if args.threads:
        torch.set_num_threads(args.threads)
    with progress() as tick:
        record = measure(args, machine.choose(args.device), tick)
    if args.keep:
        committed.CONTROLS.mkdir(parents=True, exist_ok=True)
        files.append(committed.CONTROLS / f"{committed.kind(record.machine)}.jsonl", record)
    terminal.print_table(HEAD, lines(record), notes=[note(record)])
    return 1 if missed(record) else 0


def measure(args: argparse.Namespace, device: "torch.device", tick: "Tick") -> "Control":
    """All runs as one record; with --load the order of networks before and under it too."""
    from benchmarks.store.control import Control, ControlSettings, Counts, Runs
    from benchmarks.store.record import Machine
    from benchmarks.timing.clocks import Clocks
    from zoo import machine

    here, begun, order = Machine.here(device), time.perf_counter(), None
    with Clocks(device) as clocks:
        calm = ranked(args, device, tick) if args.load else {}
        with busy() if args.load else contextlib.nullcontext():
            if args.load:
                order = compared(calm, ranked(args, device, tick))
            runs = [once(args, device, number, tick) for number in range(args.runs)]
        read = clocks.read()
    twin, slowed, anew = ([[*astuple(getattr(run, name))] for run in runs] for name in ("twin", "slowed", "anew"))
    return Control(
        model=args.model,
        cell=ControlSettings(args.size, args.seconds, args.load, args.within),
        values=Counts(sum(run.holds for run in runs), sum(run.finds for run in runs), len(runs)),
        raw=Runs(twin, slowed, anew),
        order=order,
        machine=here,
        load=machine.load(),
        clocks=read,
        took=round(time.perf_counter() - begun, 1),
    )


HEAD = ("control", "runs", "ratio: median, least to most")


def lines(record: "Control") -> list[list[str]]:
    """The table's lines."""
    found, raw, order = record.values, record.raw, record.order
    tied = sum(low <= 1 <= high for _, low, high in raw.anew)
    goals = (
        (f"a twin's interval holds 1, goal {HELD:.1%}", found.held, raw.twin),
        (f"{SLOWER:.0%} planted and found, goal {FOUND:.1%}", found.found, raw.slowed),
        ("built anew: its interval holds 1", tied, raw.anew),
    )
    body = [[goal, f"{count} of {found.runs}", _span(ratios)] for goal, count, ratios in goals]
    if order:
        lost = {"turned": order.turned, "a tie under load": order.tied}
        words = [f"{what}: {', '.join(' and '.join(pair) for pair in pairs) or 'none'}" for what, pairs in lost.items()]
        kept = order.pairs - sum(map(len, lost.values()))
        body.append(["order kept, of pairs apart in calm", f"{kept} of {order.pairs}", "; ".join(words)])
    return body


def note(record: "Control") -> str:
    """What was timed, and where."""
    cell, machine = record.cell, record.machine
    beside = ", one core kept busy" if cell.loaded else ""
    return (
        f"{record.model} at {cell.size[0]} x {cell.size[1]}, {cell.seconds:g} s a run{beside};"
        f" {machine.headline}, load {record.load}; {(machine.date or '')[:10]}."
    )


def missed(record: "Control") -> int:
    """How many of the goals."""
    found, turned = record.values, record.order.turned if record.order else []
    return (found.held < HELD * found.runs) + (found.found < FOUND * found.runs) + len(turned)


def once(args: argparse.Namespace, device: "torch.device", number: int, tick: "Tick") -> Run:
    """One run, with a network of its own."""
    from benchmarks.statistics import intervals

    cells = twins(args.model, args.size, device)
    label = f"run {number + 1} of {args.runs}"
    one, *others = time_cells(cells, args.seconds, label, tick, within=args.within, seed=number)
    return Run(*(intervals.ratio(other, one) for other in others))


def twins(model: str, size: tuple[int, int], device: "torch.device") -> list["Cell"]:
    """A network, itself under another name, itself with 3 % of its time added to each call, and one built anew."""
    from dataclasses import replace

    from benchmarks.measures import speed
    from benchmarks.networks.entrants import enter
    from benchmarks.store.record import TimedSettings

    settings = TimedSettings(size, device=device.type)
    one, anew = (speed.prepare(enter(model)[0], settings, device) for _ in range(2))
    twin = replace(one, name=f"{one.name}, again", rounds=[])
    return [one, twin, replace(one, name=f"{one.name}, slowed", call=slowed(one.call, device), rounds=[]), anew]


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


def time_cells(
    cells: Sequence["Cell"], seconds: float, label: str, tick: "Tick", *, within: float = WITHIN, seed: int = 0
) -> list["Rounds"]:
    """Warm up and interleave as a comparison does; a cell that fails is an error here."""
    from benchmarks.timing.rounds import interleave, warm_up
    from registry import ZooError

    for cell in cells:
        warm_up(cell, seconds=seconds / 10 / len(cells))
    for _ in interleave(cells, seconds=seconds, min_rounds=ROUNDS, within=within, seed=seed):
        tick(label, min(sum(cell.spent for cell in cells), seconds), seconds)
    for cell in cells:
        if cell.failed:
            raise ZooError(f"{cell.name}: {cell.failed}")
    return [cell.rounds for cell in cells]


Times = dict[str, "Rounds"]  # by network


def ranked(args: argparse.Namespace, device: "torch.device", tick: "Tick") -> Times:
    """Every network's rounds, interleaved."""
    from benchmarks.measures import speed
    from benchmarks.networks.entrants import enter
    from benchmarks.store.record import TimedSettings
    from zoo.architectures import architectures

    founding = ",".join(entry.name for entry in architectures if entry.card.group == "founding")
    entrants = enter(args.models or founding)
    settings = TimedSettings(args.size, device=device.type)
    cells = [speed.prepare(entrant, settings, device) for entrant in entrants]
    seconds = args.seconds * len(cells) / 4
    rounds = time_cells(cells, seconds, f"order of {len(cells)} networks", tick, within=args.within)
    return {str(entrant.asked): own for entrant, own in zip(entrants, rounds, strict=True)}


def compared(calm: Times, loaded: Times) -> "Order":
    """Every network's time in calm and under load, how many pairs are apart in calm, and which of them turn round or
    cannot be told apart under load."""
    from itertools import combinations

    from benchmarks.statistics import intervals
    from benchmarks.store.control import Order

    pairs, turned, tied = 0, list[list[str]](), list[list[str]]()
    for one, other in combinations(calm, 2):
        before, after = (intervals.ratio(times[one], times[other]) for times in (calm, loaded))
        if before.is_tie:
            continue  # a tie has no order
        pairs += 1
        if after.is_tie:
            tied.append([one, other])
        elif (before.median > 1) != (after.median > 1):
            turned.append([one, other])
    medians = {name: [intervals.interval(times[name]).median for times in (calm, loaded)] for name in calm}
    return Order(pairs, turned, tied, medians)


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Another process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _span(ratios: Sequence[Sequence[float]]) -> str:
    """Of each run its median comes first."""
    medians = sorted(median for median, *_ in ratios)
    return f"{medians[len(medians) // 2]:.4f}, {medians[0]:.4f} to {medians[-1]:.4f}"


if __name__ == "__main__":
    sys.exit(main())
