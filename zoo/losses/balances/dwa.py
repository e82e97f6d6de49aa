"""Weights from how fast each loss falls: the slowest counts most."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Tensor

from registry import ABOVE_0, FROM_1, Card, ZooError
from zoo.losses.balance import Balance, average, register

CARD = Card(
    summary="dynamic weight average: a task whose loss falls slowly gets more weight",
    group="balance",
    origin="Liu, Johns, Davison: End-to-End Multi-Task Learning with Attention (CVPR 2019)",
    paper="https://arxiv.org/abs/1803.10704",
    notes=("the paper's epoch is a period of `every` training steps here, so that it does not depend on the data",),
)


@register("dwa", CARD)
class DynamicWeightAverage(Balance):
    """total = sum of weight * share * loss, with shares = tasks * softmax(ratio / temperature).

    ratio: a loss's mean over the last period by its mean over the one before; 1 until there are two. A stage that
    trains one task alone has nothing to balance: its weight is used and nothing is remembered.
    """

    shares: Tensor  # (tasks,) the current factors; they add up to the number of tasks
    sums: Tensor  # (tasks,) of the losses in this period
    previous: Tensor  # (tasks,) means of the last period, 0 before there is one
    steps: Tensor  # () in this period; on the device, so that no step waits for it

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        temperature: Annotated[float, "the larger, the more even the shares", ABOVE_0] = 2.0,
        every: Annotated[int, "training steps between two changes of the shares", FROM_1] = 500,
    ):
        super().__init__(weights)
        self.temperature, self.every = temperature, every
        self.register_buffer("shares", torch.ones(len(weights)))
        self.register_buffer("sums", torch.zeros(len(weights)))
        self.register_buffer("previous", torch.zeros(len(weights)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, tasks: Mapping[str, Tensor]) -> Tensor:
        if len(tasks) < len(self.weights):
            return super().forward(tasks)
        losses = torch.stack([tasks[task] * weight for task, weight in self.weights.items()])
        if losses.device != self.shares.device:
            raise ZooError(
                f"the losses are on {losses.device} and the objective's memory is on {self.shares.device}; call"
                f" objective.to({str(losses.device)!r}) once"
            )
        result = (losses * self.shares).sum()
        if self.training and torch.is_grad_enabled():  # a validation loss is no training step
            self._remember(torch.stack([tasks[task].detach() for task in self.weights]))
        return result

    def _remember(self, losses: Tensor) -> None:
        """Add a step to the period, and end the period when it is full. Buffers are replaced: the graph holds them."""
        losses = average(losses.to(self.sums.dtype))
        finite = losses.isfinite().all()  # a step that will be skipped must not stay in the means
        sums = self.sums + torch.where(finite, losses, 0)
        steps = self.steps + finite
        full = steps >= self.every
        means = sums / steps.clamp(min=1)
        ratio = torch.where(self.previous > 0, means / self.previous, 1)
        shares = len(self.weights) * torch.softmax(ratio / self.temperature, 0)
        self.shares = torch.where(full, shares, self.shares)
        self.previous = torch.where(full, means, self.previous)
        self.sums = torch.where(full, 0, sums)
        self.steps = torch.where(full, 0, steps)
