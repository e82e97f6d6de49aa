"""Speed: how long a call takes (latency), and how many images a second pass (throughput). Two tracks, never mixed.

Latency: every call is waited for, the median of all of them, with its interval over rounds. Throughput: calls follow
each other and the last one is waited for; inputs stay where they are. Both are the network alone: reading and copying
images is not in them.

What hangs: no call, visit or warm-up takes longer than the cap (see `benchmarks.timing.limits`). A network of the
user's own, given as FILE.py:NAME, is tried once in a process of its own first, because nothing is known of it.
"""

import gc
import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from benchmarks.measures import memory
from benchmarks.networks import engines
from benchmarks.networks.engines import Ready
from benchmarks.networks.entrants import Entrant
from benchmarks.statistics import intervals
from benchmarks.store.files import number
from benchmarks.store.record import Found, Raw, TimedSettings
from benchmarks.timing import rounds
from benchmarks.timing.limits import TimeCapError, within_memory, within_time
from benchmarks.timing.rounds import CAP, TimedCall, outcome
from zoo.machine import is_out_of_memory
from zoo.precision import set_float32

MANY = 1000  # samples from which the 99th percentile says something: ten of them lie beyond it
DIGITS = 4  # of a millisecond, in a record
LONGEST = {"cpu": 1.0, "cuda": 0.1}  # seconds of a call from which a larger batch gains nothing, and is not tried
LARGEST = 4096  # images in a call


def prepare(
    entrant: Entrant, settings: TimedSettings, device: torch.device, *, kind: str = "latency", cap: float = CAP
) -> TimedCall:
    """A call to be warmed up and visited; whatever goes wrong is in its `failed`, and only Ctrl-C is raised.

    kind: latency or throughput. Where memory runs out, and nowhere else, throughput's batch is halved until it fits:
    `timed.batch` has what is measured, `timed.facts` its "shrunk_from".
    cap: seconds for building and the first call, then for each visit.
    """
    height, width = settings.size
    words = f"batch {settings.batch}, {settings.precision}, {settings.layout}, {settings.engine}"
    name = f"{entrant.asked}, {height} x {width}, {words}"
    enter = partial(set_float32, tf32=settings.precision == "tf32")
    timed = TimedCall(name, lambda: None, device, enter, pipelined=kind == "throughput", cap=cap)
    with outcome(timed):
        memory.rehearse(entrant, replace(settings, batch=1), device, seconds=cap)
        with within_time(cap):
            made, timed.batch = _fitting(entrant, settings, device, shrinks=timed.pipelined)
        timed.call, timed.facts = made.call, made.facts
    return timed


def largest_batch(entrant: Entrant, settings: TimedSettings, device: torch.device) -> tuple[int, str]:
    """The largest power of two that fits, and what ended the search: memory, time (see LONGEST), or LARGEST."""
    memory.rehearse(entrant, replace(settings, batch=1), device, seconds=CAP)
    batch = 1
    while batch < LARGEST:
        seconds = math.inf
        try:
            with within_time(CAP):
                made = _called(entrant, replace(settings, engine="eager"), device, 2 * batch)
                seconds = rounds.sample(made.call, device) / 1e3
            del made
        except TimeCapError:
            return batch, "time"
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        _let_go()
        if seconds > LONGEST[device.type]:
            return batch, "memory" if math.isinf(seconds) else "time"
        batch *= 2
    return batch, f"no more than {LARGEST:,} are tried"


def summary(timed: TimedCall) -> Found:
    """What a record holds of a call that was visited.

    latency: ms, p5, p95, p99 (None below 1,000 samples). throughput: images_per_s, and the batch it was measured with.
    """
    found = intervals.interval(timed.rounds)
    values: dict[str, float | None]
    if timed.pipelined:
        values = {"images_per_s": _rate(timed, found.median), "batch": timed.batch}
        span = {"images_per_s": [_rate(timed, found.high), _rate(timed, found.low)]}
    else:
        p5, p95, p99 = map(float, np.percentile(timed.rounds, (5, 95, 99)))
        values = {"ms": found.median, "p5": p5, "p95": p95, "p99": p99 if np.size(timed.rounds) >= MANY else None}
        span = {"ms": [number(found.low), number(found.high)]}
    facts = {name: number(value) for name, value in timed.facts.items()}
    rounded = [[round(ms, DIGITS) for ms in row] for row in timed.rounds]
    return Found(values | facts, span, Raw(rounds_ms=rounded, warm_up=timed.warm, batch_ended=timed.ended or None))


def _fitting(entrant: Entrant, settings: TimedSettings, device: torch.device, *, shrinks: bool) -> tuple[Ready, int]:
    """The network called once with the batch, or the half, quarter ... of it that memory has room for; and that."""
    batch = asked = settings.batch or 1
    while True:
        try:
            made = _called(entrant, settings, device, batch)
            return replace(made, facts=made.facts | {"shrunk_from": asked}) if batch < asked else made, batch
        except Exception as error:
            if not shrinks or batch == 1 or not is_out_of_memory(error):
                raise
        batch //= 2  # outside of the handler, whose error holds on to what was computed
        _let_go()


def _called(entrant: Entrant, settings: TimedSettings, device: torch.device, batch: int) -> Ready:
    with within_memory(device):
        made = engines.ready(entrant, replace(settings, batch=batch), device)
        engines.require_finite(made.call())
    return made


def _let_go() -> None:
    gc.collect()
    torch.cuda.empty_cache()  # does nothing where CUDA is not in use


def _rate(timed: TimedCall, ms: float) -> float | None:
    return number(1e3 * timed.batch / ms) if ms else None
