"""What a loss is: a function of logits and truth that gives one value per image; and the catalog of them.

A new loss is one function in a file of `zoo/losses/terms/`:

@register("l1", LossCard(summary="mean absolute error", tasks=("mask", "depth"), range=(0, 1)))
def l1(logits: Tensor, truth: Truth) -> Tensor:
    return mean((logits.sigmoid() - truth.target).abs(), truth.valid)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from registry import Card, Catalog
from zoo.contract import TASKS, Task


class Truth(NamedTuple):
    """What a loss compares a map of logits with; all of the logits' dtype and device.

    target (b, 1, h, w) in [0, 1]; valid (b, 1, h, w), 1 where the target is true, 0 where there is none; image
    (b, c, h, w) in [0, 1], the scene (fg_bg), for losses that look at its edges.

    >>> import torch
    >>> truth = Truth(torch.ones(2, 1, 8, 8), torch.ones(2, 1, 8, 8), torch.zeros(2, 3, 8, 8))
    >>> mean(truth.target, truth.valid)
    tensor([1., 1.])
    """

    target: Tensor
    valid: Tensor
    image: Tensor


Loss = Callable[..., Tensor]  # (logits (b, 1, h, w), truth, *, options) -> (b,): one value per image


@dataclass(frozen=True)
class LossCard(Card):
    """The facts of a loss: what it is for, and what holds of its values. The conformance suite tests all of them.

    >>> losses.get("dice").card.range
    (0.0, 1.0)
    """

    tasks: tuple[Task, ...] = TASKS
    range: tuple[float, float] = (0.0, math.inf)  # of its values with default options, whatever comes in
    formula: str = ""  # as one would write it, with p = sigmoid(logits), t = target
    least_at_target: bool = True  # no prediction does better than the target itself (binary targets for masks)
    floor: float | None = 0.0  # its value when the prediction is the target; None where that depends on the target
    soft_targets: bool = True  # both hold for targets between 0 and 1 too; False: only for targets of 0 and 1
    invariant_to: tuple[str, ...] = ()  # changes of p that leave it as it is: "shift", "scale", "scale_and_shift"
    differentiable: bool = True  # its gradient is its derivative; False where a part of it is held constant


losses: Catalog[Loss] = Catalog("loss", package="zoo.losses.terms", group="zoo.losses")
register = losses.register


def mean(values: Tensor, valid: Tensor) -> Tensor:
    """The mean of each image's valid values, (b, c, h, w) and (b, 1, h, w) -> (b,); 0 where none is valid."""
    weight = valid.expand_as(values)
    return (values * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp(min=1)
