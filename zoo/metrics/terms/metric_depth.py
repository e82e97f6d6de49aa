"""Errors of metric depth z, of images that know near and far: 1/z = 1/near - d (1/near - 1/far), d relative depth."""

import math
from functools import partial
from typing import Any

from torch import Tensor

from zoo.metrics.catalog import Metric, MetricCard, image_mean, register
from zoo.metrics.maps import Maps

PAPER = "Eigen, Puhrsch and Fergus, 2014, Depth Map Prediction from a Single Image using a Multi-Scale Deep Network"
NEEDS = "near and far in metres, in the sample's meta"
FACTOR = 1.25  # of the deltas


def card(**facts: Any) -> MetricCard:
    empty = "none where near and far are not known"
    return MetricCard(task="depth", paper=PAPER, needs=NEEDS, empty=empty, notes=("sky counts as far",), **facts)


@register(
    "depth_absrel",
    card(summary="relative error of metres", better="lower", formula="mean |z(p) - z(t)| / z(t)"),
)
class AbsRel(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over_metric((maps.ratio - 1).abs())


@register(
    "depth_log10",
    card(
        summary="error of log10 metres",
        better="lower",
        unit="decades",
        formula="mean |log10 z(p) - log10 z(t)|",
    ),
)
class Log10(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over_metric(maps.log_ratio.abs() / math.log(10))


@register(
    "depth_silog",
    card(
        summary="scale-invariant error of metres",
        better="lower",
        unit="x 100",
        formula="100 sqrt(mean g^2 - (mean g)^2), g = ln z(p) - ln z(t)",
        pooled="mean of the images, because the scale that is forgiven is each image's own",
    ),
)
class SILog(Metric):
    def sums(self, maps: Maps) -> Tensor:
        total, pixels = maps.over_metric(maps.log_ratio).unbind(1)
        mean = total / pixels.clamp(min=1)
        centred = (maps.log_ratio - mean[:, None, None]).square()
        squares = maps.over_metric(centred)[:, 0]
        return image_mean(100 * (squares / pixels.clamp(min=1)).sqrt(), pixels > 0)


class Delta(Metric):
    """The share of pixels whose metric depth is right within a factor."""

    def __init__(self, power: int):
        self.power = power

    def sums(self, maps: Maps) -> Tensor:
        return maps.over_metric((maps.log_ratio.abs() < self.power * math.log(FACTOR)).double())


for power, factor in ((1, "1.25"), (2, "1.56"), (3, "1.95")):
    formula = f"share of pixels with max(z(p) / z(t), z(t) / z(p)) < 1.25^{power}"
    facts = card(summary=f"metres right within {factor} times", range=(0, 1), formula=formula)
    register(f"depth_delta{power}", facts)(partial(Delta, power))
