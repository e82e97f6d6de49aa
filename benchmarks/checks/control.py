"""Can the timing be trusted here? One network under two names, and one made 3 % slower.

$ python -m benchmarks.checks control --load

Run after run one network is entered twice, timed as in a comparison, and a third time with 3 % of its time added to
each call. The interval of the first ratio must hold 1, that of the other must lie above it. It is also built once more:
where weights and images come to lie in memory is luck, and how far such a ratio strays says which differences are
nobody's. With --load this is done while another process keeps a core busy, and the founding networks must keep the
order they have in calm. Exit code 1 where a goal is missed. With --keep the record goes into
benchmarks/records/control, and `make readme` makes docs/timing.md of those.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace
from itertools import combinations
from typing import Any

import torch

from benchmarks.checks.interleaved import time_calls
from benchmarks.measures import speed
from benchmarks.networks.entrants import Entrant, enter
from benchmarks.plan.comparison import ROUNDS, WITHIN
from benchmarks.show.terminal import print_table
from benchmarks.statistics.intervals import Interval, Rounds, interval, ratio
from benchmarks.store import committed, files
from benchmarks.store.control import Control, ControlSettings, Counts, Ranking, Runs
from benchmarks.store.record import Machine, TimedSettings
from benchmarks.timing.clocks import Clocks
from benchmarks.timing.rounds import TimedCall
from zoo import machine
from zoo.progress import Tick, progress

SLOWER = 0.03  # planted
HELD, FOUND = 35 / 40, 36 / 40  # shares of the runs that are asked for
BUSY = "while True: pass"
HEAD = ("control", "runs", "ratio: median, least to most")

Times = dict[str, Rounds]  # by network
Ratios = tuple[Interval, ...]  # of a run: how long its twin, the slowed one and the one that was built anew take


def run(model: str, models: str, runs: int, *, keep: bool, device: str, threads: int | None, **settings: Any) -> int:
    """Measure and show; 1 where a goal is missed."""
    with machine.threads(threads), progress() as tick:
        record = measure(model, models, runs, ControlSettings(**settings), machine.choose(device), tick)
    if keep:
        committed.CONTROLS.mkdir(parents=True, exist_ok=True)
        files.append(committed.CONTROLS / f"{committed.kind(record.machine)}.jsonl", record)
    print_table(HEAD, lines(record), notes=[note(record)])
    return 1 if missed(record) else 0


def measure(model: str, models: str, runs: int, cell: ControlSettings, device: torch.device, tick: Tick) -> Control:
    """All runs as one record; under load the order of networks before and under it too."""
    here, begun, order = Machine.here(device), time.perf_counter(), None
    with Clocks(device) as clocks, contextlib.ExitStack() as stack:
        if cell.loaded:
            calm = ranked(models, cell, device, tick)
            stack.enter_context(busy())
            order = compared(calm, ranked(models, cell, device, tick))
        ratios = [once(model, cell, device, tick, n, f"run {n + 1} of {runs}") for n in range(runs)]
        read = clocks.read()
    values, raw = counted(ratios)
    return Control(
        model=model,
        cell=cell,
        values=values,
        raw=raw,
        order=order,
        machine=here,
        load=machine.load(),
        clocks=read,
        took=round(time.perf_counter() - begun, 1),
    )


def counted(runs: Sequence[Ratios]) -> tuple[Counts, Runs]:
    """How many runs hold the twin's ratio of 1 and find the slowdown, and their ratios."""
    twins, slowed, anew = zip(*runs, strict=True)
    values = Counts(sum(one.is_tie for one in twins), sum(one.low > 1 for one in slowed), len(runs))
    return values, Runs(*([[*astuple(one)] for one in of] for of in (twins, slowed, anew)))


def lines(record: Control) -> list[list[str]]:
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


def note(record: Control) -> str:
    """What was timed, and where."""
    cell, machine = record.cell, record.machine
    beside = ", one core kept busy" if cell.loaded else ""
    return (
        f"{record.model} at {cell.size[0]} x {cell.size[1]}, {cell.seconds:g} s a run{beside};"
        f" {machine.headline}, load {record.load}; {(machine.date or '')[:10]}."
    )


def missed(record: Control) -> int:
    """How many of the goals."""
    found, turned = record.values, record.order.turned if record.order else []
    return (found.held < HELD * found.runs) + (found.found < FOUND * found.runs) + len(turned)


def once(model: str, cell: ControlSettings, device: torch.device, tick: Tick, seed: int, label: str) -> Ratios:
    """One run, with a network of its own: the network, its twin, itself slowed in each call, and one built anew."""
    one, anew = (prepared(enter(model)[0], cell, device) for _ in range(2))
    twin = replace(one, name=f"{one.name}, again", rounds=[])
    slow = replace(one, name=f"{one.name}, slowed", call=slowed(one.call, device), rounds=[])
    cells, within = [one, twin, slow, anew], cell.within or WITHIN
    times, *others = time_calls(cells, cell.seconds, label, tick, rounds=ROUNDS, within=within, seed=seed)
    return tuple(ratio(other, times) for other in others)


def prepared(entrant: Entrant, cell: ControlSettings, device: torch.device) -> TimedCall:
    return speed.prepare(entrant, TimedSettings(cell.size, device=device.type), device)


def slowed(call: Callable[[], object], device: torch.device, by: float = SLOWER) -> Callable[[], object]:
    """A call that takes longer by a share of the time it takes just now, whatever the machine is doing."""

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


def ranked(models: str, cell: ControlSettings, device: torch.device, tick: Tick) -> Times:
    """Every network's rounds, interleaved."""
    cells = {str(entrant.asked): prepared(entrant, cell, device) for entrant in enter(models)}
    seconds, label = cell.seconds * len(cells) / 4, f"order of {len(cells)} networks"
    time_calls([*cells.values()], seconds, label, tick, rounds=ROUNDS, within=cell.within or WITHIN)
    return {name: each.rounds for name, each in cells.items()}


def compared(calm: Times, loaded: Times) -> Ranking:
    """Every network's time in calm and under load, how many pairs are apart in calm, and which of them turn round or
    cannot be told apart under load."""
    pairs, turned, tied = 0, list[list[str]](), list[list[str]]()
    for one, other in combinations(calm, 2):
        before, after = (ratio(times[one], times[other]) for times in (calm, loaded))
        if before.is_tie:
            continue  # a tie has no order
        pairs += 1
        if after.is_tie:
            tied.append([one, other])
        elif (before.median > 1) != (after.median > 1):
            turned.append([one, other])
    medians = {name: [interval(times[name]).median for times in (calm, loaded)] for name in calm}
    return Ranking(pairs, turned, tied, medians)


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Another process that keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def _span(ratios: Sequence[Sequence[float]]) -> str:
    """Of each run its median comes first."""
    medians = sorted(median for median, *_ in ratios)
    return f"{medians[len(medians) // 2]:.4f}, {medians[0]:.4f} to {medians[-1]:.4f}"
