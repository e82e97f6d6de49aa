"""Latency: synchronised calls, warmed up, and interleaved in shuffled rounds so that a drifting machine drifts for all.

A cell is one thing that is measured: a network in one layout, say. Round after round every cell is visited once, in a
new order; a visit takes a few samples.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from benchmarks.intervals import FEW, Rounds, interval
from benchmarks.results import one_line
from zoo.model import PairModel

Layout = Literal["contiguous", "channels_last"]
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DRIFT = 0.05  # warm-up ends when the last two quarters of its calls differ by less
FLOOR = 8  # calls of warm-up before drift means anything: two in a quarter
MOST = 50  # samples in one visit
VISIT = 0.1  # seconds of samples in one visit, at least one sample
LONG = 0.5  # seconds of a call beside which cold caches and rebuilt kernels do not show


@dataclass
class WarmUp:
    """How often a cell was called before it counted, and whether it had settled by then."""

    calls: int
    seconds: float
    drift: float | None  # between the last two quarters; None when too few calls were made to tell
    settled: bool


@dataclass
class Cell:
    """Something to call, and what was measured of it so far."""

    name: str
    call: Callable[[], object]
    device: torch.device
    enter: Callable[[], object] | None = None  # brings the cell's state about at the start of a visit, untimed
    warm: WarmUp | None = None
    samples: int = 1  # in each visit
    discard: int = 1  # calls in each visit that do not count: others had the caches since the last one
    rounds: Rounds = field(default_factory=list)
    spent: float = 0.0  # seconds, warm-up aside
    finished: bool = False
    failed: str | None = None


def prepare(model: PairModel, images: tuple[Tensor, Tensor], layout: Layout, name: str) -> Cell:
    """A cell that calls a network on two images of its device, in eval mode without gradients, in a memory layout.

    Cells of several layouts may share a network: each brings its own layout about when it is visited.
    """
    bg, fg_bg = (image.contiguous(memory_format=FORMATS[layout]) for image in images)
    model.eval()

    def call() -> object:
        with torch.inference_mode():
            return model(bg, fg_bg)

    return Cell(name, call, fg_bg.device, enter=lambda: model.to(memory_format=FORMATS[layout]))


def images(channels: int, height: int, width: int, device: torch.device, batch: int = 1) -> tuple[Tensor, Tensor]:
    """Two images (b, c, h, w) of noise in [0, 1], the same on every machine."""
    generator = torch.Generator().manual_seed(0)
    bg, fg_bg = torch.rand(2, batch, channels, height, width, generator=generator).to(device)
    return bg, fg_bg


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """float32 means float32: no TF32 in products or convolutions."""
    backends: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def sample(call: Callable[[], object], device: torch.device) -> float:
    """One call in milliseconds: by the device's own events on CUDA, by the clock around finished work elsewhere."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)
    begun = time.perf_counter()
    call()
    if device.type == "mps":
        torch.mps.synchronize()
    return 1e3 * (time.perf_counter() - begun)


def warm_up(cell: Cell, *, seconds: float) -> None:
    """Call until the last two quarters of the calls differ by less than 5 %, or the time is up; then choose how many
    samples a visit takes. An error is the cell's result."""
    times: list[float] = []
    begun = time.perf_counter()
    with _result(cell):
        _enter(cell)
        while True:
            times.append(sample(cell.call, cell.device))
            moved = drift(times)
            settled = moved is not None and moved < DRIFT
            if settled or time.perf_counter() - begun > seconds:
                break
        cell.warm = WarmUp(len(times), time.perf_counter() - begun, moved, settled)
        usual = float(np.median(times)) / 1e3
        cell.samples = int(min(max(VISIT / usual, 1), MOST))
        cell.discard = int(usual < LONG)


def drift(times: Sequence[float]) -> float | None:
    """How far apart the medians of the last two quarters are, as a share; None before there are calls enough.

    >>> drift([9, 9, 9, 9, 2, 2, 1, 1])
    1.0
    """
    quarter = len(times) // 4
    if len(times) < FLOOR:
        return None
    earlier, later = (float(np.median(part)) for part in (times[-2 * quarter : -quarter], times[-quarter:]))
    return abs(earlier / later - 1)


def interleave(
    cells: Sequence[Cell], *, seconds: float, min_rounds: int = 3, within: float = 0.01, seed: int = 0
) -> Iterator[Cell]:
    """Visit all cells in shuffled rounds; yields each cell after each visit, `finished` set after its last one.

    A cell is finished when it failed; when its median is known within a share of itself; or when it has used its part
    of the time. It has at least `min_rounds` rounds then.
    """
    order, shuffle = [cell for cell in cells if not cell.failed], random.Random(seed).shuffle
    share = seconds / max(len(order), 1)
    yield from (cell for cell in cells if cell.failed)
    while order:
        shuffle(order)
        for cell in order:
            visit(cell)
            cell.finished = cell.finished or (
                len(cell.rounds) >= min_rounds and (cell.spent >= share or _known(cell.rounds, within))
            )
            yield cell
        order = [cell for cell in order if not cell.finished]


def visit(cell: Cell) -> None:
    """One row of samples."""
    begun = time.perf_counter()
    with _result(cell):
        _enter(cell)
        row = [sample(cell.call, cell.device) for _ in range(cell.discard + cell.samples)]
        cell.rounds.append(row[cell.discard :])
    cell.spent += time.perf_counter() - begun


def remaining(cells: Sequence[Cell], *, seconds: float, min_rounds: int) -> float:
    """Seconds that `interleave` will need at most, as far as the warm-up tells."""
    share = seconds / max(sum(not cell.failed for cell in cells), 1)
    total = 0.0
    for cell in cells:
        if cell.warm and not cell.finished:
            each = cell.warm.seconds / cell.warm.calls * (cell.discard + cell.samples)
            total += max(share - cell.spent, (min_rounds - len(cell.rounds)) * each, 0)
    return total


def _known(rounds: Rounds, within: float) -> bool:
    if within == 0 or len(rounds) < FEW:
        return False
    found = interval(np.median(rounds, axis=1).tolist())
    return found.high - found.low < 2 * within * found.median


def _enter(cell: Cell) -> None:
    if cell.enter:
        cell.enter()


@contextlib.contextmanager
def _result(cell: Cell) -> Iterator[None]:
    """Any error ends this cell and no other; Ctrl-C ends the run."""
    try:
        yield
    except Exception as error:
        cell.failed, cell.finished = f"failed: {one_line(error)}", True
