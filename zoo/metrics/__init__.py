"""Metrics by name, and their sums over any number of images, batches and processes.

>>> accumulator = Accumulator(("mask",), metrics=["mask_iou", "mask_boundary_f"])
>>> accumulator.update(model(bg, fg_bg), sample)  # doctest: +SKIP
>>> accumulator.compute().values["mask_iou"]  # doctest: +SKIP
0.93
"""

from zoo.metrics.accumulate import Accumulator, Result
from zoo.metrics.bootstrap import intervals
from zoo.metrics.catalog import Metric, MetricCard, build, enter, metrics, register
from zoo.metrics.evaluation import Evaluation, Picks, best_median_worst
from zoo.metrics.inference import Inference
from zoo.metrics.maps import Maps

names = metrics.names

__all__ = [
    "Accumulator",
    "Evaluation",
    "Inference",
    "Maps",
    "Metric",
    "MetricCard",
    "Picks",
    "Result",
    "best_median_worst",
    "build",
    "enter",
    "intervals",
    "metrics",
    "names",
    "register",
]
