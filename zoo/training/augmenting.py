"""Augmentations that say how long they take, wherever batches are made."""

import time

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from zoo.contract import Sample
from zoo.data.augment import Augment
from zoo.training.step import Clock

SLOTS = 256  # one for each process that adds to its own sum


class Timed(Augment):
    """Sums the CPU time of the batches it changes, of this process and of the workers that share it.

    Where another process has the core meanwhile, that is not counted.
    """

    def __init__(self, change: Augment):
        super().__init__(change.steps, change.seed)
        self.spent = torch.zeros(2, SLOTS, dtype=torch.float64)  # seconds, batches
        self.spent.share_memory_()  # type: ignore[no-untyped-call]

    def __call__(self, batch: Sample, step: int = 0) -> Sample:
        begun = time.thread_time()
        changed = super().__call__(batch, step)
        worker = get_worker_info()
        self.spent[:, worker.id % (SLOTS - 1) + 1 if worker else 0] += torch.tensor([time.thread_time() - begun, 1.0])
        return changed

    def total(self) -> Tensor:
        """(2,): seconds and batches so far."""
        return self.spent.sum(1)

    def mean(self, before: Tensor) -> float:
        """Seconds for each batch since the total was `before`."""
        seconds, batches = (self.total() - before).tolist()
        return seconds / max(batches, 1.0)


class Marked(Augment):
    """Augmentations whose time is told apart from that of reading, on devices that have to be waited for too."""

    def __init__(self, change: Augment, clock: Clock):
        super().__init__(change.steps, change.seed)
        self.clock = clock

    def __call__(self, batch: Sample, step: int = 0) -> Sample:
        self.clock("data")
        changed = super().__call__(batch, step)
        self.clock("augmentation")
        return changed
