"""What metrics look at: one task's prediction and truth of a batch, and what several metrics derive from them.

Everything is computed in float64, and at most once. On Apple's GPUs, which have no float64, it happens on the CPU.
"""

import math
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from zoo.contract import Sample, Task

OBJECT = 0.5  # a pixel from here on is object, in the truth and in the prediction
LEAST_INVERSE = 1e-5  # per metre: nothing is farther than 100 km, so that a far of infinity has finite errors


class Maps:
    """Prediction and truth of one task, (b, h, w) float64 each; 0 where a pixel is not valid, whatever stood there."""

    def __init__(self, task: Task, logits: Tensor, sample: Sample):
        self.task = task
        self.device = torch.device("cpu") if logits.device.type == "mps" else logits.device
        self.valid = self._plane(sample.known(task)) > 0.5
        self.p = self._where_valid(self._plane(logits).sigmoid())
        self.mask = self._where_valid(self._plane(sample.mask))
        self.target = self.mask if task == "mask" else self._where_valid(self._plane(sample.depth))
        self.metas = cast("tuple[dict[str, Any], ...]", sample.meta) or ({},) * len(logits)

    def _plane(self, value: Tensor) -> Tensor:
        """(b, 1, h, w) -> (b, h, w)."""
        there = value.detach().to(self.device, non_blocking=self.device.type == "cuda")  # a CPU would not wait for it
        return there.double()[:, 0]

    def _where_valid(self, value: Tensor) -> Tensor:
        return torch.where(self.valid, value, 0.0)

    def over(self, values: Tensor, where: Tensor | None = None) -> Tensor:
        """(b, h, w) -> (b, 2): each image's sum over some of its valid pixels, and how many those are."""
        chosen = self.valid if where is None else where & self.valid
        return torch.stack([total(values * chosen), total(chosen)], 1)

    @cached_property
    def is_number(self) -> Tensor:
        """Images whose prediction is a number everywhere, (b,)."""
        return ~self.p.isnan().flatten(1).any(1)

    @cached_property
    def error(self) -> Tensor:
        return self.p - self.target

    @cached_property
    def square(self) -> Tensor:
        return self.error.square()

    @cached_property
    def pixels(self) -> Tensor:
        """How many are valid, (b,)."""
        return total(self.valid)

    @cached_property
    def object(self) -> Tensor:
        """Valid pixels that are object, in truth."""
        return (self.mask >= OBJECT) & self.valid

    @cached_property
    def found(self) -> Tensor:
        """Valid pixels that are object, says a prediction of the mask."""
        return (self.p >= OBJECT) & self.valid

    @cached_property
    def counts(self) -> Tensor:
        """Pixels that are rightly object, wrongly object, missed, and valid: (b, 4)."""
        both, found, true = total(self.found & self.object), total(self.found), total(self.object)
        return torch.stack([both, found - both, true - both, self.pixels], 1)

    @cached_property
    def is_metric(self) -> Tensor:
        """Valid pixels of images that know near and far, (b, h, w)."""
        near, far = self._span
        return self.valid & (near > 0) & (far > near) & (self._inverse(self.target) > 0)

    @cached_property
    def ratio(self) -> Tensor:
        """Predicted over true metric depth, z(p) / z(t); 1 where it is not known."""
        true, found = (self._inverse(depth).clamp(min=LEAST_INVERSE) for depth in (self.target, self.p))
        return torch.where(self.is_metric, true / found, 1.0)

    @cached_property
    def log_ratio(self) -> Tensor:
        return self.ratio.log()

    def over_metric(self, values: Tensor) -> Tensor:
        """As `over`, of the pixels whose metric depth is known."""
        return self.over(values, self.is_metric)

    def _inverse(self, depth: Tensor) -> Tensor:
        """1 / z of relative depth, from d = (1/near - 1/z) / (1/near - 1/far)."""
        near, far = 1 / self._span
        return near - depth * (near - far)

    @cached_property
    def _span(self) -> Tensor:
        """Near and far of each image in metres, (2, b, 1, 1); nan where its meta does not have them."""
        known = [[meta.get(name) for meta in self.metas] for name in ("near", "far")]
        values = [[math.nan if value is None else float(value) for value in row] for row in known]
        return torch.tensor(values, dtype=torch.float64)[..., None, None].to(self.device, non_blocking=True)


def total(values: Tensor) -> Tensor:
    """(b, h, w) -> (b,) float64."""
    return values.flatten(1).sum(1, dtype=torch.float64)
