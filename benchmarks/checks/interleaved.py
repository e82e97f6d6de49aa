"""Variants of one thing, timed side by side in shuffled rounds, so that a drifting machine drifts for all."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from benchmarks.statistics.intervals import Interval, Rounds, interval
from benchmarks.timing.rounds import TimedCall, interleave, warm_up
from registry import ZooError
from zoo import machine
from zoo.progress import Tick


def in_rounds(variants: Mapping[str, Callable[[int], float]], rounds: int, tick: Tick) -> dict[str, Rounds]:
    """What each variant, called with the round's number, says that it took: a row of one number per round."""
    names = list(variants)
    times: dict[str, Rounds] = {name: [] for name in variants}
    for i in range(rounds):
        random.Random(i).shuffle(names)
        for name in names:
            tick(f"round {i + 1}: {name}", i, rounds)
            times[name].append([variants[name](i)])
    return times


def time_calls(
    calls: Sequence[TimedCall], seconds: float, label: str, tick: Tick, *, rounds: int, within: float, seed: int = 0
) -> list[Rounds]:
    """Warm up and interleave as a comparison does; one that fails is an error here."""
    for timed in calls:
        warm_up(timed, seconds=seconds / 10 / len(calls))
    for _ in interleave(calls, seconds=seconds, min_rounds=rounds, within=within, seed=seed):
        tick(label, min(sum(timed.spent for timed in calls), seconds), seconds)
    for timed in calls:
        if timed.failed:
            raise ZooError(f"{timed.name}: {timed.failed}")
    return [timed.rounds for timed in calls]


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


def columns(found: Interval, form: str = ",.0f") -> list[str]:
    """A median, and its interval, as columns of a table."""
    return [f"{found.median:{form}}", f"{found.low:{form}} to {found.high:{form}}"]


def where(device: torch.device) -> str:
    """The machine and its load, for the foot of a table."""
    return f"{machine.headline(machine.describe(device))}, load {machine.load()}."
