"""Ways of doing one thing, timed side by side in shuffled rounds, so that a drifting machine drifts for all."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from benchmarks.statistics.intervals import Interval, Rounds, interval
from benchmarks.timing.rounds import Cell, interleave, warm_up
from registry import ZooError
from zoo import machine
from zoo.progress import Tick


def in_rounds(ways: Mapping[str, Callable[[int], float]], rounds: int, tick: Tick) -> dict[str, Rounds]:
    """What each way, called with the round's number, says that it took: a row of one number per round."""
    names = list(ways)
    times: dict[str, Rounds] = {name: [] for name in ways}
    for i in range(rounds):
        random.Random(i).shuffle(names)
        for name in names:
            tick(f"round {i + 1}: {name}", i, rounds)
            times[name].append([ways[name](i)])
    return times


def time_cells(
    cells: Sequence[Cell], seconds: float, label: str, tick: Tick, *, rounds: int, within: float, seed: int = 0
) -> list[Rounds]:
    """Warm up and interleave as a comparison does; a cell that fails is an error here."""
    for cell in cells:
        warm_up(cell, seconds=seconds / 10 / len(cells))
    for _ in interleave(cells, seconds=seconds, min_rounds=rounds, within=within, seed=seed):
        tick(label, min(sum(cell.spent for cell in cells), seconds), seconds)
    for cell in cells:
        if cell.failed:
            raise ZooError(f"{cell.name}: {cell.failed}")
    return [cell.rounds for cell in cells]


def settled(batches: Iterable[Sequence[Any]], settle: int) -> float:
    """Milliseconds per sample of the batches that come after so many."""
    begun, seen = 0.0, 0
    for i, batch in enumerate(batches):
        if i == settle:
            begun = time.perf_counter()
        elif i > settle:
            seen += len(batch[0])
    return 1000 * (time.perf_counter() - begun) / seen


def per_second(milliseconds: Rounds) -> Interval:
    """How many in a second, where each takes so long."""
    return interval([1000 / ms for row in milliseconds for ms in row])


def told(found: Interval, form: str = ",.0f") -> list[str]:
    """A median, and its interval, as columns of a table."""
    return [f"{found.median:{form}}", f"{found.low:{form}} to {found.high:{form}}"]


def where(device: torch.device) -> str:
    """The machine and its load, for the foot of a table."""
    return f"{machine.headline(machine.describe(device))}, load {machine.load()}."
