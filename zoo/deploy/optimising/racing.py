"""Which call is the fastest: all of them in turn, in shuffled rounds, so that what else the machine does meets all."""

import random
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch

Clock = Callable[[], float]
ROUNDS = 5  # at least
MOST_ROUNDS = 200
BURST = 2e-3  # seconds, at least, that are timed at once


def race(
    calls: Mapping[str, Callable[[], Any]],
    device: torch.device,
    *,
    seconds: float,
    clock: Clock = time.perf_counter,
    tick: Callable[[float, float], None] = lambda *_: None,
) -> dict[str, float]:
    """The median milliseconds of each call; seconds: of all of them together, but for ROUNDS rounds."""
    bursts = {name: _burst(call, device, clock) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, shuffle, begun = list(calls), random.Random(0), time.perf_counter()
    for number in range(MOST_ROUNDS):
        spent = time.perf_counter() - begun
        if number >= ROUNDS and spent >= seconds:
            break
        tick(spent, max(seconds, spent))
        shuffle.shuffle(order)
        for name in order:
            times[name].append(_timed(calls[name], device, bursts[name], clock))
    return {name: 1000 * median(found) for name, found in times.items()}


def _burst(call: Callable[[], Any], device: torch.device, clock: Clock) -> int:
    """Calls at once, after two that come to know their sizes."""
    _timed(call, device, 2, clock)
    return max(1, round(BURST / max(_timed(call, device, 1, clock), 1e-7)))


def _timed(call: Callable[[], Any], device: torch.device, count: int, clock: Clock) -> float:
    """Seconds of a call."""
    begun = clock()
    for _ in range(count):
        call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (clock() - begun) / count
