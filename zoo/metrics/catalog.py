"""What a metric is: sums of each image, and the value that sums have; and the catalog of them.

The value of a whole set is that of the images' added sums, so it is the same however they were split into batches or
processes; the value of one image is that of its own. A new metric is one class in a file of `zoo/metrics/terms/`:

@register("depth_mae", MetricCard(summary="mean absolute error", task="depth", better="lower", formula="mean |p - t|"))
class MAE(Metric):
    def sums(self, maps: Maps) -> Tensor:
        return maps.over(maps.error.abs())
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from registry import Card, Catalog, OptionError, Spec
from zoo.contract import Task
from zoo.metrics.maps import Maps
from zoo.own import fetch, resolve

Better = Literal["higher", "lower", "neither"]
Numbers = NDArray[np.float64]
HEADLINE = "headline"  # the group that every table shows first


@dataclass(frozen=True)
class MetricCard(Card):
    """The facts of a metric. p is the predicted probability or depth, t the truth, over valid pixels alone.

    >>> build("depth_rmse").card.better
    'lower'
    """

    group: str = "detail"
    task: Task = "mask"
    better: Better = "higher"
    unit: str = ""
    range: tuple[float, float] = (0.0, math.inf)
    formula: str = ""
    pooled: str = "over the pixels of all images"  # what the value of many images is
    empty: str = "none where no pixel is valid"  # what it is where there is nothing to measure
    needs: str = ""  # what the sample must know


class Metric:
    """Sums (b, k) of each image, and the value of sums. By default a mean: the first sum over the second.

    >>> build("depth_mae").name, build("depth_mae").width
    ('depth_mae', 2)
    """

    name: str
    card: MetricCard
    width = 2  # k

    def sums(self, maps: Maps) -> Tensor:
        """What is added up, (b, k) float64; zeros where an image has nothing to say."""
        raise NotImplementedError(f"{type(self).__name__} must define sums(maps)")

    def value(self, sums: Numbers) -> Numbers:
        """(..., k) -> (...), nan where it is undefined."""
        return quotient(sums[..., 0], sums[..., 1])

    def __call__(self, sums: Numbers) -> Numbers:
        """The value; nan sums, those of a prediction that is no number, have none."""
        return np.where(np.isnan(sums).any(-1), np.nan, self.value(sums))


metrics: Catalog[Callable[..., Metric]] = Catalog("metric", package="zoo.metrics.terms", group="zoo.metrics")
register = metrics.register


def build(name: str | Spec, **options: Any) -> Metric:
    """A metric by name, with its options where it has any; my_metric.py:Mine is the one that this file registers.

    >>> build("mask_iou").card.better
    'higher'
    """
    spec = Spec.parse(name) if isinstance(name, str) else name
    entry, resolved = resolve(metrics, Spec(spec.name, dict(spec.options) | options))
    if not isinstance(entry.card, MetricCard):
        raise OptionError(f"metric {entry.name} is registered with a {type(entry.card).__name__}; give a MetricCard")
    known = next(other.name for other in metrics if other.factory is entry.factory)
    metric = entry.factory(**resolved)
    metric.name, metric.card = str(Spec(known, spec.options)), entry.card
    return metric


def enter(places: Sequence[str]) -> list[str]:
    """Register metrics of the user's own, so that they are measured like the catalog's; returns their places, with
    digests.

    places: each a file and a name, as my_metric.py:Mine.

    >>> enter([])
    []
    """
    for place in places:
        build(place)
    return [str(fetch(place)[0]) for place in places]


def quotient(above: Numbers, below: Numbers) -> Numbers:
    """above / below, nan where below is 0."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def image_mean(values: Tensor, defined: Tensor) -> Tensor:
    """Sums of a metric that is a mean over images: (b,), (b,) -> (b, 2); images where it is undefined do not count."""
    return torch.stack([torch.where(defined, values, 0.0), defined.double()], 1)
