"""Figures of a data set in one pass: moments of every map, coverage, depth, and what a plain threshold achieves.

>>> ds = zoo.data.load("pairbench:clean", split="test", size=64)  # doctest: +SKIP
>>> stats = Stats.of(ds.batch(range(50))).merge(Stats.of(ds.batch(range(50, 100))))  # doctest: +SKIP
>>> stats.best_threshold()  # doctest: +SKIP
(0.107, 0.93)

Parts may be collected anywhere, in any order, and merged; the figures do not depend on how it was divided, within
rounding. Only valid pixels count.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.dataset import DataError

MAPS = ("bg", "fg_bg", "mask", "depth")
SIDE = 96  # pixels of the mean images
LEVELS = 1024  # thresholds that are tried; finer than the 765 steps that three 8-bit channels can differ by
BINS = 100  # over [0, 1], of coverage and of depth
OBJECT = 0.5  # a mask's pixel from here on is object


@dataclass
class Moments:
    """Count, mean and squared deviations per channel, merged by Chan, Golub and LeVeque's formula (1983)."""

    count: float = 0.0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(0))
    least: np.ndarray = field(default_factory=lambda: np.zeros(0))
    most: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, values: Tensor, valid: Tensor) -> "Moments":
        """values (b, c, h, w), valid (b, 1, h, w) of truth values."""
        kept = values.double().movedim(1, 0).flatten(1)[:, valid.flatten()]
        if not kept.shape[1]:
            return cls()
        mean = kept.mean(1)
        squares = (kept - mean[:, None]).square().sum(1)
        least, most = kept.aminmax(dim=1)
        return cls(kept.shape[1], *(tensor.cpu().numpy() for tensor in (mean, squares, least, most)))

    def merge(self, other: "Moments") -> "Moments":
        if not self.count or not other.count:
            return self if self.count else other
        total, apart = self.count + other.count, other.mean - self.mean
        mean = self.mean + apart * (other.count / total)
        squares = self.squares + other.squares + apart**2 * (self.count * other.count / total)
        return Moments(total, mean, squares, np.minimum(self.least, other.least), np.maximum(self.most, other.most))

    @property
    def std(self) -> np.ndarray:
        return np.sqrt(self.squares / max(self.count, 1))


@dataclass
class Stats:
    """What is known of the samples seen so far."""

    samples: int = 0
    empty: int = 0  # samples without a pixel of object
    moments: dict[str, Moments] = field(default_factory=lambda: {name: Moments() for name in MAPS})
    coverage: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))  # samples by share of object
    depth: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))  # pixels by depth
    change: np.ndarray = field(default_factory=lambda: np.zeros((2, LEVELS), np.int64))  # outside, inside the object
    found: np.ndarray = field(default_factory=lambda: np.zeros(LEVELS))  # sum of the images' IoU at each threshold
    sums: dict[str, np.ndarray] = field(default_factory=dict)  # (c, SIDE, SIDE) per map, and of where it is known
    sizes: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def of(cls, batch: Sample) -> "Stats":
        """The figures of one batch."""
        bg, fg_bg, mask, depth, _ = batch[:5]
        _check(batch)
        seen, deep, objects = batch.known("mask") > 0.5, batch.known("depth") > 0.5, mask >= OBJECT
        known = dict.fromkeys(MAPS, seen | deep) | {"mask": seen, "depth": deep}
        shares = (mask * seen).flatten(1).sum(1) / seen.flatten(1).sum(1).clamp(min=1)
        level = ((fg_bg - bg).abs().mean(1, keepdim=True) * LEVELS).long().clamp(0, LEVELS - 1)
        image = torch.arange(len(bg), device=bg.device)[:, None, None, None]
        where = level + LEVELS * (objects + 2 * image)
        change = torch.bincount(where[seen], minlength=2 * LEVELS * len(bg)).view(-1, 2, LEVELS).cpu().numpy()
        return cls(
            samples=len(bg),
            empty=int((~(objects & seen).flatten(1).any(1)).sum()),
            moments={name: Moments.of(getattr(batch, name), known[name]) for name in MAPS},
            coverage=_histogram(shares, BINS),
            depth=_histogram(depth[deep], BINS),
            change=change.sum(0),
            found=np.sum([_ious(counts) for counts in change], axis=0),
            sums={name: _small(getattr(batch, name) * known[name]) for name in MAPS}
            | {f"{name} known": _small(known[name].to(bg)) for name in MAPS},
            sizes={(bg.shape[2], bg.shape[3])},
        )

    def merge(self, other: "Stats") -> "Stats":
        """The figures of both together."""
        sums = [part.sums for part in (self, other) if part.sums]
        return Stats(
            self.samples + other.samples,
            self.empty + other.empty,
            {name: self.moments[name].merge(other.moments[name]) for name in MAPS},
            self.coverage + other.coverage,
            self.depth + other.depth,
            self.change + other.change,
            self.found + other.found,
            {name: np.sum([part[name] for part in sums], axis=0) for name in sums[0]} if sums else {},
            self.sizes | other.sizes,
        )

    def best_threshold(self) -> tuple[float, float]:
        """The constant t, and the IoU over all pixels of: object is where the mean of |fg_bg - bg| is t or more."""
        iou = _ious(self.change, empty=0.0)
        best = int(iou.argmax())
        return best / LEVELS, float(iou[best])

    def threshold(self) -> dict[str, float]:
        """The same, rounded for a record, and the best mean of the images' IoU that one constant for all reaches."""
        constant, iou = self.best_threshold()
        image = float(self.found.max()) / max(self.samples, 1)
        return {"constant": round(constant, 4), "iou": round(iou, 4), "iou_image": round(image, 4)}

    def mean_image(self, name: str) -> np.ndarray:
        """(c, SIDE, SIDE): each place's mean over the samples where it is valid."""
        return self.sums[name] / np.maximum(self.sums[f"{name} known"], 1e-12)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bins are even over [0, 1]."""
        return {
            "samples": self.samples,
            "empty": self.empty,
            "sizes": sorted(self.sizes)[:10],
            "maps": {
                name: {
                    "pixels": int(moments.count),
                    "mean": moments.mean.round(6).tolist(),
                    "std": moments.std.round(6).tolist(),
                    "min": moments.least.round(6).tolist(),
                    "max": moments.most.round(6).tolist(),
                }
                for name, moments in self.moments.items()
                if moments.count  # a task that the data does not know has none
            },
            "coverage": self.coverage.tolist(),
            "depth": self.depth.tolist(),
            "threshold": self.threshold(),
        }


def _check(batch: Sample) -> None:
    for name, tensor in zip(MAPS, batch[:4], strict=True):
        finite = torch.isfinite(tensor).flatten(1).all(1)
        if not finite.all():
            wrong = batch.meta[int((~finite).nonzero()[0, 0])] if isinstance(batch.meta, tuple) else batch.meta
            raise DataError(f"{name} of {wrong} holds values that are not finite; zoo data check finds such files")


def _ious(counts: np.ndarray, empty: float = 1.0) -> np.ndarray:
    """(2, LEVELS) pixels outside and inside -> IoU at each threshold; empty: that of no object where none is found."""
    outside, inside = counts[:, ::-1].cumsum(1)[:, ::-1]  # pixels at a level or above
    either = inside[0] + outside
    return np.where(either > 0, inside / np.maximum(either, 1), empty)


def _histogram(values: Tensor, bins: int) -> np.ndarray:
    """Even bins over [0, 1]; what lies beyond counts in the first or the last."""
    return torch.bincount((values.double() * bins).long().clamp(0, bins - 1), minlength=bins).cpu().numpy()


def _small(image: Tensor) -> np.ndarray:
    return torch.nn.functional.adaptive_avg_pool2d(image.double(), SIDE).sum(0).cpu().numpy()
