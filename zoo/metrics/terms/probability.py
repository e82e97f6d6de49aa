"""How good the mask's probabilities are, before any threshold, and which threshold would be best."""

import numpy as np
import torch
from torch import Tensor

from zoo.metrics.catalog import Metric, MetricCard, Numbers, quotient, register
from zoo.metrics.maps import Maps

STEPS = 64  # thresholds 1/64 to 63/64; a power of two, so that 0.5 is one of them and no rounding moves a pixel


@register(
    "mask_mae",
    MetricCard(summary="mean absolute error", better="lower", range=(0, 1), formula="mean |p - t|"),
)
class MaskMAE(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.error.abs())


@register(
    "mask_brier",
    MetricCard(
        summary="mean squared error",
        better="lower",
        range=(0, 1),
        formula="mean (p - t)^2",
        paper="Brier, 1950, Verification of Forecasts Expressed in Terms of Probability",
    ),
)
class Brier(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.square)


class Levels(Metric):
    """Pixels counted by the level of p: object in the first half of the columns, the rest in the second."""

    width = 2 * STEPS

    def sums(self, maps: Maps) -> Tensor:
        level = (maps.p * STEPS).long().clamp(0, STEPS - 1)
        column = torch.where(maps.object, level, level + STEPS).flatten(1)
        counts = torch.zeros(len(column), self.width, dtype=torch.float64, device=column.device)
        return counts.scatter_add_(1, column, maps.valid.flatten(1).double())

    def ious(self, sums: Numbers) -> Numbers:
        """IoU at each threshold, (..., 63); 1 where neither has an object."""
        true, rest = sums[..., :STEPS], sums[..., STEPS:]
        right, wrong = (np.flip(np.flip(part, -1).cumsum(-1), -1)[..., 1:] for part in (true, rest))
        either = true.sum(-1, keepdims=True) + wrong
        return np.where(either > 0, quotient(right, either), 1.0)


@register(
    "mask_best_iou",
    MetricCard(
        summary="IoU at the best threshold",
        range=(0, 1),
        formula="max over thresholds s = 1/64 ... 63/64 of the IoU of p >= s",
        empty="1 where there is no object and some threshold finds none",
        notes=("chosen on the images that it is measured on, so it is a little too good",),
    ),
)
class BestIoU(Levels):
    def value(self, sums: Numbers) -> Numbers:
        return np.where(sums.sum(-1) > 0, self.ious(sums).max(-1), np.nan)


@register(
    "mask_best_threshold",
    MetricCard(
        summary="threshold of the best IoU",
        better="neither",
        range=(1 / STEPS, 1 - 1 / STEPS),
        formula="argmax over s = 1/64 ... 63/64 of the IoU of p >= s; of several the one nearest to 0.5",
        notes=("far from 0.5 means that the probabilities are not calibrated",),
    ),
)
class BestThreshold(Levels):
    def value(self, sums: Numbers) -> Numbers:
        thresholds = np.arange(1, STEPS) / STEPS
        order = np.argsort(np.abs(thresholds - 0.5), kind="stable")  # argmax takes the first of equals
        best = thresholds[order][self.ious(sums)[..., order].argmax(-1)]
        return np.where(sums.sum(-1) > 0, best, np.nan)
