"""The machine's side of a training: nothing of it decides what is learned, which is the recipe's alone."""

from dataclasses import dataclass
from typing import Annotated

import torch

from registry import FROM_0
from zoo.training.fields import check


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where a training runs, and what is written beside it.

    >>> Setup(device="cpu", workers=0).save_every
    120.0
    """

    device: Annotated[str | torch.device, "auto, cpu, cuda or cuda:N"] = "auto"
    workers: Annotated[int | None, "processes that make data; None: its share of the cores but one", FROM_0] = None
    save_every: Annotated[float, "seconds between checkpoints, which is what a kill -9 costs at most", FROM_0] = 120.0
    tensorboard: Annotated[bool, "write TensorBoard's files too"] = False

    def __post_init__(self) -> None:
        check(self)
