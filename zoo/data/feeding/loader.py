"""Batches from worker processes, in shared memory that is used again.

torch's DataLoader takes new memory for every batch and copies the samples into it; on a large batch, getting the pages
costs more than decoding. Here the workers write into a few blocks that they share with this process, and a block goes
back to them when the last tensor that looks into it is gone. Whoever keeps batches gets them in memory of their own.
"""

import os
import signal
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from registry import OptionError, ZooError, require_count
from zoo.contract import Sample
from zoo.data.dataset import PairDataset, without_damaged
from zoo.machine import keep_freed_memory

AHEAD = 2  # batches that each worker prepares
SPARE = 2  # blocks in the hands of this process: the batch in use, and the one before it

Shapes = tuple[tuple[int, ...], ...]  # (c, h, w) of each map
Task = tuple[int | None, list[int]]  # a block, or None where none is free; and the indices of the samples


class Loader:
    """Batched Samples in the order given. Each iteration starts its own workers and ends them.

    A damaged sample is left out of its batch, and noted in `left_out`: its index, and the reason.

    order: indices, such as an `Order`. workers: processes; 0 reads in this one.
    """

    def __init__(
        self,
        dataset: PairDataset,
        order: Iterable[int],
        *,
        batch: int,
        workers: int = 0,
    ):
        require_count("batch", batch)
        require_count("workers", workers, least=0)
        if str(getattr(dataset, "device", "cpu")) != "cpu":
            workers = 0  # what a GPU computes is computed here: CUDA does not live on in a process that was forked
        self.dataset, self.batch, self.workers = dataset, batch, workers
        self.left_out: dict[int, str] = {}  # of the batches that were given so far
        self.order, self.batches = order, BatchSampler(cast("Any", order), batch, drop_last=False)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Sample]:
        self.left_out = {}
        return self._from_workers() if self.workers else self._from_here()

    def _from_here(self) -> Iterator[Sample]:
        for indices in self.batches:
            batch, damaged = without_damaged(self.dataset, indices, self.dataset.batch)
            self.left_out |= damaged
            if batch is not None:
                yield batch

    def _shapes(self) -> Shapes | None:
        """(c, h, w) of each map, of the first sample that can be read."""
        for index in self.order:
            sample, damaged = without_damaged(self.dataset, [index], lambda one: self.dataset[one[0]])
            self.left_out |= damaged
            if sample is not None:
                return tuple(tuple(value.shape) for value in sample[:-1])
        return None

    def _from_workers(self) -> Iterator[Sample]:
        shapes = self._shapes()
        if shapes is None:
            return
        try:
            blocks = [_block(self.batch, shapes) for _ in range(self.workers * AHEAD + SPARE)]
        except RuntimeError as error:  # so torch says that /dev/shm is full, or too many files are open
            raise OptionError(
                f"workers={self.workers} takes more shared memory than there is ({error}); give fewer workers, or 0"
            ) from None
        free = deque(range(len(blocks)))
        answers = DataLoader(
            cast("Any", _Worker(self.dataset, blocks, shapes, self.batch)),
            sampler=cast("Any", _tasks(self.batches, free)),
            batch_size=None,
            collate_fn=_unchanged,
            num_workers=self.workers,
            worker_init_fn=_start_worker,
            prefetch_factor=AHEAD,
            multiprocessing_context="fork" if sys.platform == "linux" else None,  # such workers end with their parent
            generator=torch.Generator(),  # its own: torch's is for the networks, whose random numbers must not shift
        )
        for answer in answers:
            if isinstance(answer, ZooError):
                raise answer
            number, made, damaged = answer
            self.left_out |= damaged
            if number is None:
                if made is not None:
                    yield made
                continue
            count, metas = made or (0, ())
            window = blocks[number].numpy()[:]  # lives as long as a tensor made from it
            weakref.finalize(window, free.append, number).atexit = False
            found = _views(torch.from_numpy(window), shapes, self.batch, count, metas)
            del window
            if count:
                yield found
            del found


class _Worker:
    """The dataset of a worker: a task in, where its batch lies out."""

    def __init__(self, dataset: PairDataset, blocks: Sequence[Tensor], shapes: Shapes, batch: int):
        self.dataset, self.blocks, self.shapes, self.batch = dataset, blocks, shapes, batch

    def __getitem__(self, task: Task) -> Any:
        number, indices = task
        try:
            read = self.dataset.batch if number is None else partial(self._into, number)
            return number, *without_damaged(self.dataset, indices, read)
        except ZooError as error:  # raised as it is; torch would wrap it into a page of traceback
            return error

    def _into(self, number: int, indices: Sequence[int]) -> tuple[int, tuple[dict[str, Any], ...]]:
        """How many samples lie in a block now, and their metas."""
        out = _views(self.blocks[number], self.shapes, self.batch, len(indices))
        return len(indices), self.dataset.batch_into(indices, out)


def _start_worker(_: int) -> None:
    keep_freed_memory()
    _leave_signals()


def _leave_signals() -> None:
    """Let Ctrl-C and SIGTERM, which a terminal or a scheduler sends to the whole group, be the parent's to answer.

    It may want to save first, and torch lets it fail when a worker is gone; what it sends itself ends a worker.
    """
    if sys.platform == "linux":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
            pass
        os._exit(0)


def _block(batch: int, shapes: Shapes) -> Tensor:
    """Memory for a batch, shared with the workers."""
    block = torch.empty(batch * sum(map(prod, shapes)))
    block.share_memory_()  # type: ignore[no-untyped-call]
    return block


def _views(block: Tensor, shapes: Shapes, batch: int, count: int, metas: tuple[dict[str, Any], ...] = ()) -> Sample:
    """The first `count` samples of a block that has room for `batch`, (count, c, h, w) each."""
    starts = accumulate((batch * prod(shape) for shape in shapes), initial=0)
    bg, fg_bg, mask, depth, valid = (
        block[start : start + count * prod(shape)].view(count, *shape)
        for start, shape in zip(starts, shapes, strict=False)
    )
    return Sample(bg, fg_bg, mask, depth, valid, metas)


def _tasks(batches: Iterable[list[int]], free: deque[int]) -> Iterator[Task]:
    """A task for each batch; its block is looked for when the task is handed out."""
    for indices in batches:
        yield (free.popleft() if free else None), indices


def _unchanged(answer: Any) -> Any:
    return answer
