"""How certain a value is: its 95 % interval when the images are resampled with replacement."""

import numpy as np

from zoo.metrics.accumulate import Result

RESAMPLES = 1000
AT_ONCE = 2_000_000  # numbers in memory while images are drawn
RANGE = (2.5, 97.5)  # percentiles


def intervals(result: Result, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Each metric's interval: drawn images' sums are added and valued, pooled metrics as those of single images.

    The draws are the same for all metrics and for the same images and seed, so that two networks can be compared
    draw by draw. One image leaves no interval but itself.

    result: of an Accumulator. resamples: how often images are drawn. seed: of the draws.

    >>> import torch
    >>> from zoo.contract import Prediction, Sample
    >>> from zoo.metrics import Accumulator
    >>> one, accumulator = torch.ones(2, 1, 8, 8), Accumulator(("mask",), metrics=("mask_iou",))
    >>> sample = Sample(one.expand(2, 3, 8, 8), one.expand(2, 3, 8, 8), one, one, one.expand(2, 2, 8, 8), ({}, {}))
    >>> accumulator.update(Prediction(10 * one, None), sample)
    >>> intervals(accumulator.compute(), resamples=10)
    {'mask_iou': (1.0, 1.0)}
    """
    rows = np.concatenate([*result.sums.values()], axis=1)
    images, generator = result.images, np.random.default_rng(seed)
    drawn = np.empty((resamples, rows.shape[1]))
    step = max(1, AT_ONCE // max(images, 1))
    for start in range(0, resamples if images else 0, step):
        count = min(step, resamples - start)
        chosen = generator.integers(0, images, (count, images)) + images * np.arange(count)[:, None]
        times = np.bincount(chosen.ravel(), minlength=count * images).reshape(count, images)
        drawn[start : start + count] = times @ rows
    edges = np.cumsum([sums.shape[1] for sums in result.sums.values()])[:-1]
    parts = dict(zip(result.sums, np.split(drawn, edges, axis=1), strict=True))
    return {name: _range(result.metrics[name](part)) if images else (np.nan, np.nan) for name, part in parts.items()}


def _range(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the values there are."""
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, RANGE) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
