"""Errors of relative depth, as the network gives it: everywhere, on the object, off it, at its edge, and aligned."""

import numpy as np
import torch
from torch import Tensor

from zoo.metrics.catalog import HEADLINE, Metric, MetricCard, Numbers, quotient, register
from zoo.metrics.maps import Maps, total
from zoo.metrics.outline import band

EDGE = 2  # pixels to either side of the object's outline
FLAT = 1e-12  # variance below which a prediction is constant, and no scale would help it


class RootMean(Metric):
    """The root of a mean of squares."""

    def value(self, sums: Numbers) -> Numbers:
        return np.sqrt(quotient(sums[..., 0], sums[..., 1]))


@register(
    "depth_rmse",
    MetricCard(
        summary="root mean squared error",
        group=HEADLINE,
        task="depth",
        better="lower",
        range=(0, 1),
        formula="sqrt(mean (p - t)^2)",
    ),
)
class RMSE(RootMean):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.square)


@register(
    "depth_mae",
    MetricCard(summary="mean absolute error", task="depth", better="lower", range=(0, 1), formula="mean |p - t|"),
)
class MAE(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.error.abs())


@register(
    "depth_rmse_object",
    MetricCard(
        summary="RMSE on the object",
        task="depth",
        better="lower",
        range=(0, 1),
        formula="sqrt(mean (p - t)^2) where the true mask is 0.5 or more",
        empty="none where there is no object",
    ),
)
class ObjectRMSE(RootMean):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.square, maps.object)


@register(
    "depth_rmse_rest",
    MetricCard(
        summary="RMSE off the object",
        task="depth",
        better="lower",
        range=(0, 1),
        formula="sqrt(mean (p - t)^2) where the true mask is below 0.5",
        empty="none where all is object",
    ),
)
class RestRMSE(RootMean):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.square, ~maps.object)


@register(
    "depth_rmse_edge",
    MetricCard(
        summary="RMSE within 2 px of the outline",
        task="depth",
        better="lower",
        range=(0, 1),
        formula="sqrt(mean (p - t)^2) at most 2 pixels from the other side of the true mask's outline",
        empty="none where there is no outline",
    ),
)
class EdgeRMSE(RootMean):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.square, band(maps.object, maps.valid, EDGE))


@register(
    "depth_rmse_aligned",
    MetricCard(
        summary="RMSE at the best scale and shift",
        task="depth",
        better="lower",
        range=(0, 0.5),
        formula="sqrt(min over a, b of mean (a p + b - t)^2)",
        paper="Ranftl et al., 2020, Towards Robust Monocular Depth Estimation",
        notes=("fitted by least squares to valid pixels; a may be negative",),
    ),
)
class AlignedRMSE(RootMean):
    def sums(self, maps: Maps) -> Tensor:
        pixels = maps.pixels.clamp(min=1)
        means = (maps.over(values)[:, 0] / pixels for values in (maps.p, maps.target))
        p, t = (
            (values - mean[:, None, None]) * maps.valid
            for values, mean in zip((maps.p, maps.target), means, strict=True)
        )
        spread, common, least = total(p * p), total(p * t), total(t * t)
        explained = torch.where(spread > FLAT * pixels, common.square() / spread, 0.0)
        return torch.stack([(least - explained).clamp(min=0), maps.pixels], 1)
