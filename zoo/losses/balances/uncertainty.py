"""Weights learned with the network: what is hard to predict counts less."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Tensor, nn

from registry import Card, Limit
from zoo.losses.balance import Balance, register

CARD = Card(
    summary="each task's weight is exp(-s), with s learned beside the network",
    group="balance",
    origin="Kendall, Gal, Cipolla: Multi-Task Learning Using Uncertainty to Weigh Losses (CVPR 2018)",
    paper="https://arxiv.org/abs/1705.07115",
    notes=(
        "one form for every task, exp(-s) L + s with s = log sigma^2; the paper's regression form is half of it",
        "give s to the optimizer without weight decay, which would pull every weight to 1",
    ),
)


@register("uncertainty", CARD)
class Uncertainty(Balance):
    """total = sum of weight * (exp(-s) * loss + s), one parameter s per task."""

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        initial: Annotated[float, "s at the start", Limit("a number from -10 to 10", lambda s: abs(s) <= 10)] = 0.0,
    ):
        super().__init__(weights)
        self.s = nn.ParameterDict({task: nn.Parameter(torch.tensor(float(initial))) for task in weights})

    def forward(self, tasks: Mapping[str, Tensor]) -> Tensor:
        return super().forward({task: torch.exp(-self.s[task]) * loss + self.s[task] for task, loss in tasks.items()})
