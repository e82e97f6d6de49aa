"""Batches for training: in the recipe's order, augmented, on the device; made while the network is at work.

Which samples a step sees is a function of the recipe's seed and the step's number, whatever the processes and workers:
sample p of a training is at place p % n of epoch p // n. So a run goes on after any step, with no state of its own to
keep. What augmentation draws depends on the seed and on where a process's part of a batch begins, so on the number of
processes too.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.augment import Augment
from zoo.data.dataset import DamagedError, DataError, PairDataset, Read, without_damaged
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import Order, spread
from zoo.data.warp import each
from zoo.training.plan import Phase, per_process


class Stream(PairDataset):
    """A data set by positions of a training: shuffled anew each epoch, and augmented where a worker has time for it."""

    def __init__(self, data: PairDataset, *, seed: int, change: Augment | None = None):
        self.data, self.seed, self.change = data, seed, change
        self.spec, self.split, self.size = data.spec, data.split, data.size

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
    """Iterates over the batches of a phase on the device; `waited` is the time that the steps waited for them."""

    def __init__(
        self,
        data: PairDataset,
        positions: Positions,
        *,
        seed: int,
        change: Augment | None,
        device: torch.device,
        layout: torch.memory_format,
        workers: int,
    ):
        self.positions, self.change, self.device, self.layout, self.waited = positions, change, device, layout, 0.0
        self.late = device.type != "cpu"  # an accelerator augments itself, a CPU lets the workers do it
        stream = Stream(data, seed=seed, change=None if self.late else change)
        self.loader = Loader(stream, positions, batch=positions.part, workers=workers)

    def report(self) -> str:
        """Which samples could not be read so far, in a few lines; empty where all could."""
        return self.loader.dataset.report()

    def __iter__(self) -> Iterator[Sample]:
        source = iter(self.loader)
        ahead: deque[Sample] = deque()
        position = self.positions.first
        while True:
            begun = time.perf_counter()
            batch = next(source, None)
            self.waited += time.perf_counter() - begun
            if batch is not None:
                ahead.append(self._ready(batch, position))
                position += self.positions.stride
            if not ahead:
                return
            if batch is None or not self.late or len(ahead) > 1:  # one batch ahead of an accelerator
                yield ahead.popleft()

    def _ready(self, batch: Sample, position: int) -> Sample:
        moved = each(self._moved, batch)
        return self.change(moved, step=position) if self.change and self.late else moved

    def _moved(self, value: Tensor) -> Tensor:
        if self.late:
            value = value if value.device.type == self.device.type else value.pin_memory()
            value = value.to(self.device, non_blocking=True)
        return value.contiguous(memory_format=self.layout)


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
        sums = sums + torch.stack([pair.sum((1, 3, 4)), pair.square().sum((1, 3, 4))])
        pixels += pair[0, :, 0].numel()
    mean = sums[0] / pixels
    deviation = (sums[1] / pixels - mean.square()).clamp(min=0).sqrt()
    return mean.float(), deviation.clamp(min=1e-3).float()
