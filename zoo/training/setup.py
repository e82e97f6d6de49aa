"""The machine's side of a training: nothing of it decides what is learned, which is the recipe's alone."""

from dataclasses import dataclass

import torch

from registry import is_count, require


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where a training runs, and what is written beside it.

    workers: processes that make data; None: one less than this process's share of the cores, at least one.
    save_every: seconds between checkpoints, which is what a kill -9 costs at most.
    tensorboard: write TensorBoard's files too.
    """

    device: str | torch.device = "auto"
    workers: int | None = None
    save_every: float = 120.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        seconds, workers = self.save_every, self.workers
        require(isinstance(seconds, int | float) and seconds >= 0, "save_every", seconds, "seconds from 0 up")
        require(workers is None or is_count(workers, least=0), "workers", workers, "a whole number from 0 up, or None")
