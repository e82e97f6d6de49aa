"""Medians and what is known of them: 95 % intervals, bootstrapped over rounds.

Samples of one visit resemble each other too much to count as independent; rounds are what is drawn again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEW = 6  # rounds from which the range of n medians covers the true one with 95 %: 1 - 2 / 2^n
RESAMPLES = 1000
AT_ONCE = 1_000_000  # numbers in memory while intervals are computed
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % points of Student's t, for n values

Rounds = list[list[float]]  # milliseconds, a row per round, every row as long


@dataclass(frozen=True)
class Interval:
    """A median and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary(Interval):
    """Milliseconds: the median with its interval, and the 5th and 95th percentile of the samples."""

    p5: float
    p95: float
    rounds: int
    samples: int


def summarise(rounds: Rounds) -> Summary:
    """Median, its interval over rounds, and the spread of all samples.

    >>> summarise([[1.0, 2.0], [2.0, 3.0]]).median
    2.0
    """
    rows = np.array(rounds)
    middle = interval(rounds)
    p5, p95 = np.percentile(rows, (5, 95))
    return Summary(middle.median, middle.low, middle.high, float(p5), float(p95), len(rows), rows.size)


def ratio(a: Rounds, b: Rounds) -> Interval:
    """How long a takes, in units of b, paired by round: the rounds that both have."""
    pairs = [(np.median(one), np.median(other)) for one, other in zip(a, b, strict=False)]
    return interval([one / other for one, other in pairs])


def interval(values: Sequence[float] | Rounds) -> Interval:
    """The median of positive values (rounds,) or (rounds, samples) and its 95 % interval, bootstrapped over rounds.

    Below six rounds a bootstrap cannot reach beyond the few medians there are, so the interval is as wide as Student's
    t makes it; one round says nothing about the next, and its interval is all numbers.
    """
    rows = np.array(values, dtype=float).reshape(len(values), -1)
    n, middle = len(rows), float(np.median(rows))
    if n == 1:
        return Interval(middle, 0.0, math.inf)
    draws = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    parts = np.array_split(draws, -(-draws.size * rows.shape[1] // AT_ONCE))
    medians = np.concatenate([np.median(rows[part].reshape(len(part), -1), axis=1) for part in parts])
    low, high = (float(edge) for edge in np.percentile(medians, (2.5, 97.5)))
    if n < FEW:
        half = STUDENT[n] * float(np.std(np.median(rows, axis=1), ddof=1)) / math.sqrt(n)
        low, high = max(min(low, middle - half), 0.0), max(high, middle + half)
    return Interval(middle, low, high)
