"""Timing: calls that are warmed up and interleaved in shuffled rounds, so that a drifting machine drifts for all.

Round after round every call is visited once, in a new order; a visit takes a few samples. For latency a sample is one
call, waited for; for throughput it is a row of calls, of which only the last is waited for.
"""

import contextlib
import gc
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.statistics.intervals import FEW, Rounds, interval
from benchmarks.store.files import one_line
from benchmarks.store.record import WarmUp
from benchmarks.timing.limits import within_time

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DRIFT = 0.05  # warm-up ends when the last two quarters of its calls differ by less
FLOOR = 8  # calls of warm-up before drift means anything: two in a quarter
LEAST = 1e-6  # milliseconds that a call takes, for clocks that saw none
MOST = 50  # calls that count in one visit
VISIT = 0.1  # seconds of calls that count in one visit, at least one call
LONG = 0.5  # seconds of a call beside which cold caches and rebuilt kernels do not show
CAP = 300.0  # seconds for a warm-up beyond its own time, or for a visit; a call that takes longer hangs
LOOKS = 1.1  # rounds from one look at the interval to the next, as a factor: a look costs more the more there are


@dataclass
class TimedCall:
    """Something to call, and what was measured of it so far: a network in one layout, say."""

    name: str
    call: Callable[[], object]
    device: torch.device
    enter: Callable[[], object] = lambda: None  # brings its state about at the start of a visit, untimed
    warm: WarmUp | None = None
    pipelined: bool = False  # throughput: all calls of a visit are one sample, and only the last is waited for
    cap: float = CAP
    facts: dict[str, float] = field(default_factory=dict)  # found while it was prepared, such as seconds of compiling
    ended: str = ""  # what ended the search for the largest batch, where there was one
    batch: int = 1  # images, or pairs of them, in each call
    samples: int = 1  # in each visit
    burst: int = 1  # calls in each sample
    discard: int = 1  # calls in each visit that do not count: others had the caches since the last one
    rounds: Rounds = field(default_factory=list)
    prepared: float = 0.0  # seconds of building, compiling, first calls and warm-up
    spent: float = 0.0  # seconds of visits
    looked: int = 0  # rounds when its interval was last looked at
    finished: bool = False
    failed: str | None = None


def images(channels: int, height: int, width: int, device: torch.device, batch: int = 1) -> Tensor:
    """Two images (2, b, c, h, w) of noise in [0, 1], the same on every machine."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, batch, channels, height, width, generator=generator).to(device)


def sample(call: Callable[[], object], device: torch.device, burst: int = 1) -> float:
    """Milliseconds of a call, on average over a burst of them that is waited for once.

    By the device's own events on CUDA, by the clock around finished work elsewhere.
    """
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        stream = torch.cuda.current_stream(device)  # an event's own choice is the first device's
        start.record(stream)
        for _ in range(burst):
            call()
        end.record(stream)
        end.synchronize()
        return start.elapsed_time(end) / burst
    begun = time.perf_counter()
    for _ in range(burst):
        call()
    if device.type == "mps":
        torch.mps.synchronize()
    return 1e3 * (time.perf_counter() - begun) / burst


def warm_up(timed: TimedCall, *, seconds: float) -> None:
    """Call until the last two quarters of the calls differ by less than 5 %, or the time is up; then choose how many
    calls a visit takes. An error is the call's result.

    There are FLOOR calls at least, or two of a network whose calls are so long that nothing settles between them.
    """
    times: list[float] = []
    begun = time.perf_counter()
    with outcome(timed), within_time(seconds + timed.cap):
        timed.enter()
        while True:
            times.append(sample(timed.call, timed.device))
            moved = drift(times)
            settled = moved is not None and moved < DRIFT
            enough = len(times) >= (2 if times[-1] > 1e3 * LONG else FLOOR)
            if settled or (enough and time.perf_counter() - begun > seconds):
                break
        timed.warm = WarmUp(len(times), time.perf_counter() - begun, moved, settled)
        usual = max(float(np.median(times)), LEAST) / 1e3
        calls = int(min(max(VISIT / usual, 1), MOST))
        timed.samples, timed.burst = (1, calls) if timed.pipelined else (calls, 1)
        timed.discard = int(usual < LONG)


def drift(times: Sequence[float]) -> float | None:
    """How far apart the medians of the last two quarters are, as a share; None before there are calls enough.

    >>> drift([9, 9, 9, 9, 2, 2, 1, 1])
    1.0
    """
    quarter = len(times) // 4
    if len(times) < FLOOR:
        return None
    earlier, later = (float(np.median(part)) for part in (times[-2 * quarter : -quarter], times[-quarter:]))
    return abs(earlier - later) / max(later, LEAST)


def interleave(
    calls: Sequence[TimedCall], *, seconds: float, min_rounds: int = 3, within: float = 0.01, seed: int = 0
) -> Iterator[TimedCall]:
    """Visit all calls in shuffled rounds; yields each one after each visit, `finished` set after its last one.

    A call is finished when it failed; when its median is known within a share of itself; or when it has used its part
    of the time. It has at least `min_rounds` rounds then.
    """
    order, shuffle = [timed for timed in calls if not timed.failed], random.Random(seed).shuffle
    share = seconds / max(len(order), 1)
    yield from (timed for timed in calls if timed.failed)
    while order:
        shuffle(order)
        for timed in order:
            visit(timed)
            timed.finished = timed.finished or (
                len(timed.rounds) >= min_rounds and (timed.spent >= share or _known(timed, within))
            )
            yield timed
        order = [timed for timed in order if not timed.finished]


def visit(timed: TimedCall) -> None:
    """One row of samples."""
    begun = time.perf_counter()
    with outcome(timed), within_time(timed.cap), _uncollected():
        timed.enter()
        for _ in range(timed.discard):
            sample(timed.call, timed.device)
        timed.rounds.append([sample(timed.call, timed.device, timed.burst) for _ in range(timed.samples)])
    timed.spent += time.perf_counter() - begun


def remaining(calls: Sequence[TimedCall], *, seconds: float, min_rounds: int) -> float:
    """Seconds that `interleave` will need at most, as far as the warm-up tells."""
    share = seconds / max(sum(not timed.failed for timed in calls), 1)
    total = 0.0
    for timed in calls:
        if timed.warm and not timed.finished:
            each = timed.warm.seconds / timed.warm.calls * (timed.discard + timed.samples * timed.burst)
            total += max(share - timed.spent, (min_rounds - len(timed.rounds)) * each, 0)
    return total


def _known(timed: TimedCall, within: float) -> bool:
    if within == 0 or len(timed.rounds) < max(FEW, LOOKS * timed.looked):
        return False
    timed.looked = len(timed.rounds)
    found = interval(np.median(timed.rounds, axis=1).tolist())
    return found.high - found.low < 2 * within * found.median


@contextlib.contextmanager
def outcome(timed: TimedCall) -> Iterator[None]:
    """Any error ends this call and no other; Ctrl-C ends the run."""
    try:
        yield
    except Exception as error:
        timed.failed, timed.finished = f"failed: {one_line(error)}", True


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No collection of garbage while one is visited: it would be the garbage of all."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
