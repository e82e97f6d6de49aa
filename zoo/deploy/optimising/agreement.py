"""How much of a network's answer stays when it is run in another way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from registry import ZooError
from zoo.contract import Prediction, Task
from zoo.exported.model import in_numbers

Call = Callable[[Tensor | None, Tensor], Prediction]
Maps = Sequence[dict[Task, Tensor]]


class Pair(NamedTuple):
    """As a network takes them: (b, c, h, w); bg is None for one without a plate."""

    bg: Tensor | None
    fg_bg: Tensor


class DisagreementError(ZooError, ArithmeticError):
    """A way to run a network that answers something else."""


@dataclass(frozen=True)
class Agreement:
    """mask: IoU of both masks, over all pixels of all pairs. depth: the mean difference. None: not a task of it."""

    mask: float | None
    depth: float | None

    def require(self, tolerance: float) -> None:
        """DisagreementError where a mask or a depth is further away; what is not a number is."""
        if self.mask is not None and not self.mask >= 1 - tolerance:
            raise DisagreementError(f"its masks' IoU with the network's is {self.mask:.4f}")
        if self.depth is not None and not self.depth <= tolerance:
            raise DisagreementError(f"its depth is {self.depth:.2g} away on average")


def answers(call: Call, pairs: Sequence[Pair]) -> Maps:
    """In [0, 1], on the CPU."""
    with torch.no_grad():
        return [{task: value.cpu() for task, value in in_numbers(call(*pair)).items()} for pair in pairs]


def agreement(wanted: Maps, given: Maps) -> Agreement:
    """Of two ways to run a network on the same pairs."""
    both = list(zip(wanted, given, strict=True))
    found: dict[Task, float] = {}
    if "mask" in wanted[0]:
        masks = [(one["mask"] >= 0.5, other["mask"] >= 0.5) for one, other in both]
        either = sum(int((one | other).sum()) for one, other in masks)
        finite = all(bool(other["mask"].isfinite().all()) for _, other in both)
        shared = sum(int((one & other).sum()) for one, other in masks)
        found["mask"] = (shared / either if either else 1.0) if finite else float("nan")
    if "depth" in wanted[0]:
        found["depth"] = float(torch.stack([(a["depth"] - b["depth"]).abs().mean() for a, b in both]).mean())
    return Agreement(found.get("mask"), found.get("depth"))
