"""Batches for training: in the recipe's order, augmented, on the device, and prepared while the network works.

Which samples a step sees is a function of the recipe's seed and the step's number, whatever the processes and workers:
sample p of a training is at place p % n of epoch p // n. So a run goes on after any step, with no state of its own to
keep. What augmentation draws depends on the seed and on where a process's part of a batch begins, so on the number of
processes too.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.augment import Augment
from zoo.data.dataset import DamagedError, DataError, PairDataset, Read, without_damaged
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import Order, spread
from zoo.data.warp import each
from zoo.training.ahead import ahead
from zoo.training.plan import Phase, per_process

RENDERED = 1 << 22  # pixels of scenes that a device renders at once: 256 scenes of 128 x 128


class Place(NamedTuple):
    """Where batches are to be, in which layout, and whether they are made beside the steps."""

    device: torch.device
    layout: torch.memory_format = torch.contiguous_format
    beside: bool = True


class Stream(PairDataset):
    """A data set by positions of a training: shuffled anew each epoch, and augmented where a worker has time for it."""

    def __init__(self, data: PairDataset, *, seed: int, change: Augment | None = None):
        self.data, self.seed, self.change = data, seed, change
        self.spec, self.split, self.size = data.spec, data.split, data.size
        self.device = str(getattr(data, "device", "cpu"))

    def __len__(self) -> int:
        return 1 << 62  # positions go on for ever

    def indices(self, positions: Sequence[int]) -> list[int]:
        """Samples of the data at positions that follow each other."""
        n, found = len(self.data), list[int]()
        at, end = positions[0], positions[-1] + 1
        while at < end:
            epoch, start = divmod(at, n)
            stop = min(n, start + end - at)
            found += self._order(epoch).indices(start, stop).tolist()
            at += stop - start
        return found

    def _order(self, epoch: int) -> Order:
        return Order(len(self.data), seed=self.seed, epoch=epoch, shards=getattr(self.data, "counts", None))

    def sample(self, index: int) -> Sample:
        return self._whole([index], lambda one: self.data[one[0]])

    def batch(self, indices: Sequence[int]) -> Sample:
        made = self._whole(indices, self.data.batch)
        return made if self.change is None else self.change(made, step=indices[0])

    def batch_into(self, indices: Sequence[int], out: Sample) -> tuple[dict[str, Any], ...]:
        if self.change is None:
            return self._whole(indices, lambda whole: self.data.batch_into(whole, out))
        return super().batch_into(indices, out)

    def report(self) -> str:
        return self.data.report()

    def _whole(self, positions: Sequence[int], read: Callable[[Sequence[int]], Read]) -> Read:
        """What is read at these positions; the next sample that can be read takes the place of a damaged one."""
        indices = self.indices(positions)
        try:
            return read(indices)
        except DamagedError:
            damaged = self.data.damaged(indices)
        return read([self._next(index) if index in damaged else index for index in indices])

    def _next(self, index: int) -> int:
        n = len(self.data)
        following = ((index + step) % n for step in range(1, n))
        found = next((other for other in following if not self.data.damaged([other])), None)
        if found is None:
            raise DataError(f"{self.spec}: no sample can be read\n{self.data.report()}")
        return found


class Positions:
    """The positions of one process: its part of every batch of a phase, from a step on."""

    def __init__(self, phase: Phase, *, done: int = 0, rank: int = 0, world: int = 1):
        self.part, self.stride, self.steps = per_process(phase.stage, world), phase.stage.batch, phase.steps - done
        self.first = phase.first_sample + done * self.stride + rank * self.part

    def __len__(self) -> int:
        return self.steps * self.part

    def __iter__(self) -> Iterator[int]:
        for step in range(self.steps):
            begin = self.first + step * self.stride
            yield from range(begin, begin + self.part)


class Feed:
    """Iterates over the batches of a phase on the device; `waited` is the time that the steps waited for them.

    For an accelerator a thread makes them ready beside the steps, unless `beside` is False: it reads, copies, augments.
    What the device itself renders is rendered for several steps at once: few scenes take as many launches as many.
    """

    def __init__(
        self,
        data: PairDataset,
        positions: Positions,
        *,
        seed: int,
        change: Augment | None,
        place: Place,
        workers: int,
    ):
        self.positions, self.change, self.place, self.waited = positions, change, place, 0.0
        self.late = place.device.type != "cpu"  # an accelerator augments itself, a CPU lets the workers do it
        stream = Stream(data, seed=seed, change=None if self.late else change)
        is_row = positions.part == positions.stride  # where processes share batches, their positions have gaps
        count = together(stream, positions.part) if is_row else positions.part
        self.loader = Loader(stream, positions, batch=count, workers=workers)

    def report(self) -> str:
        """In a few lines, the samples that could not be read so far; empty if all could."""
        return self.loader.dataset.report()

    def __iter__(self) -> Generator[Sample]:
        ready = self._ready()
        with closing(ahead(ready, self.place.device) if self.late and self.place.beside else ready) as batches:
            while True:
                begun = time.perf_counter()
                batch = next(batches, None)
                self.waited += time.perf_counter() - begun
                if batch is None:
                    return
                yield batch

    def _ready(self) -> Generator[Sample]:
        position = self.positions.first
        for made in self.loader:
            for batch in parts(made, self.positions.part):
                moved = each(self._moved, batch)
                yield self.change(moved, step=position) if self.change and self.late else moved
                position += self.positions.stride

    def _moved(self, value: Tensor) -> Tensor:
        device = self.place.device
        if self.late:
            value = value if value.device.type == device.type else value.pin_memory()
            value = value.to(device, non_blocking=True)
        return value.contiguous(memory_format=self.place.layout)


def together(data: PairDataset, count: int) -> int:
    """Samples that are made at once where `count` are used at once: more, where a device renders them."""
    if str(getattr(data, "device", "cpu")) == "cpu" or data.size is None:
        return count
    return max(1, RENDERED // (count * math.prod(data.size))) * count


def parts(batch: Sample, count: int) -> Iterator[Sample]:
    """A batch cut into batches of so many samples."""
    if len(batch.fg_bg) == count:
        yield batch
        return
    for start in range(0, len(batch.fg_bg), count):
        yield Sample(*(field[start : start + count] for field in cast("tuple[Any, ...]", batch)))


def statistics(data: PairDataset, count: int = 512) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each image's channels, (2, c) each, over samples spread evenly over the data."""
    chosen = spread(len(data), count)
    sums = torch.zeros(2, 2, 1, dtype=torch.float64)
    pixels = 0
    for start in range(0, len(chosen), 32):
        batch, _ = without_damaged(data, chosen[start : start + 32], data.batch)
        if batch is None:
            continue
        pair = torch.stack([batch.bg, batch.fg_bg]).double()  # (2, b, c, h, w)
        sums = sums + torch.stack([pair.sum((1, 3, 4)), pair.square().sum((1, 3, 4))]).cpu()
        pixels += pair[0, :, 0].numel()
    mean = sums[0] / pixels
    deviation = (sums[1] / pixels - mean.square()).clamp(min=0).sqrt()
    return mean.float(), deviation.clamp(min=1e-3).float()
