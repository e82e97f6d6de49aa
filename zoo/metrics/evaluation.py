"""The result of an evaluation: values with intervals, each image's own values; as a table and as files."""

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from registry import OptionError
from zoo.files import write_text
from zoo.metrics.accumulate import Result
from zoo.table import table

SCHEMA = 1
RANKING = {"mask": ("mask_iou_image", "mask_iou", "mask_mae"), "depth": ("depth_rmse", "depth_mae")}
TIES = "mask_mae"  # decides between images of the same value: many have an IoU of 0
METRICS, PER_IMAGE = "metrics.json", "per_image.csv"


class Picks(NamedTuple):
    """The best, the median and the worst image, as indices in the data set, and the metric that ranks them."""

    metric: str
    best: int
    median: int
    worst: int


@dataclass(frozen=True)
class Evaluation(Result):
    """The metrics of a network on a data set, with 95 % bootstrap intervals over the images."""

    intervals: dict[str, tuple[float, float]]
    facts: dict[str, Any]  # what was measured: spec, data, split, size, precision, device, seconds

    def to_dict(self) -> dict[str, Any]:
        """The record that `save` writes; what is undefined is None."""
        rows = {
            name: {
                "value": number(self.values[name]),
                "low": number(self.intervals[name][0]),
                "high": number(self.intervals[name][1]),
                "images": sum(not math.isnan(value) for value in self.per_image[name]),
                "better": metric.card.better,
                "unit": metric.card.unit,
                "task": metric.card.task,
            }
            for name, metric in self.metrics.items()
        }
        return {
            "schema": SCHEMA,
            **self.facts,
            "images": self.images,
            "broken": self.broken,
            "metrics": rows,
            "picks": {task: picks._asdict() for task, picks in self.picks.items()},
        }

    @property
    def picks(self) -> dict[str, Picks]:
        """Best, median and worst image by each task that was measured."""
        return {task: found for task in RANKING if (found := _picked(self, RANKING[task])) is not None}

    def save(self, folder: str | Path) -> Path:
        """Write metrics.json and per_image.csv into a folder, each whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", *self.per_image])
        for index, *values in zip(self.ids, *self.per_image.values(), strict=True):
            writer.writerow([index, *("" if math.isnan(value) else repr(value) for value in values)])
        write_text(folder / PER_IMAGE, text.getvalue())
        write_text(folder / METRICS, json.dumps(self.to_dict(), indent=2) + "\n")
        return folder

    def table(self) -> str:
        """Values, intervals, direction and unit, 100 columns wide."""
        rows = []
        for name, metric in self.metrics.items():
            low, high = self.intervals[name]
            span = "" if math.isnan(low) else f"{_shown(low)} - {_shown(high)}"
            better = "" if metric.card.better == "neither" else metric.card.better
            rows.append((name, _shown(self.values[name]), span, better, metric.card.unit, metric.card.summary))
        titles = ("metric", "value", "95 % interval", "better", "unit", "what")
        text = table(titles, rows, right=titles[1:3], folded=titles[-1:])
        broken = f"warning: {self.broken} images have predictions that are not numbers"
        return text + broken if self.broken else text.removesuffix("\n")


def best_median_worst(result: Result, metric: str | None = None) -> Picks:
    """The images to look at, by a metric; None: the IoU of the mask, or else the RMSE of depth.

    Empty scenes that were rightly left empty say little, so they are passed over where others are there.

    result: of an Accumulator or of `evaluate`. metric: its name.

    >>> from zoo import data, evaluate, load
    >>> scenes = data.load("pairbench:clean", split="test", size=16)
    >>> picks = best_median_worst(evaluate(load("frame_difference"), scenes, samples=4, resamples=10))
    >>> picks.metric
    'mask_iou_image'
    """
    candidates = sum(RANKING.values(), ()) if metric is None else (metric,)
    picks = _picked(result, candidates)
    if picks is None:
        there = ", ".join(name for name, values in result.per_image.items() if not all(map(math.isnan, values)))
        raise OptionError(f"no image has a value of {' or '.join(candidates)}; here are {there or 'none'}")
    return picks


def number(value: float) -> float | None:
    """The value as JSON has it: nan is None."""
    return None if math.isnan(value) else value


def _picked(result: Result, candidates: tuple[str, ...]) -> Picks | None:
    """By the first of the candidates that was measured; None where no image has a value."""
    measured = [name for name in candidates if name in result.per_image]
    for name in (name for name in measured if result.metrics[name].card.better != "neither"):
        values = np.array(result.per_image[name])
        usable = ~np.isnan(values)
        dull = np.array(result.per_image.get("mask_false_area", np.full(len(values), np.nan))) == 0
        usable = usable & ~dull if (usable & ~dull).any() else usable
        if usable.any():
            places = np.flatnonzero(usable)
            sign = -1 if result.metrics[name].card.better == "higher" else 1
            ties = np.array(result.per_image.get(TIES, np.zeros(len(values))))
            order = places[np.lexsort((ties[places], sign * values[places]))]
            return Picks(name, *(result.ids[order[at]] for at in (0, len(order) // 2, -1)))
    return None


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}" if abs(value) < 100 else f"{value:.2f}"
