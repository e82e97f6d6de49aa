"""Medians and what is known of them: 95 % intervals, bootstrapped over rounds.

A bootstrapped median can only be one of few values where rounds are few, and its interval is too narrow then: of 7
rounds it holds the truth in 88 of 100 cases. So it is never narrower than the order statistics between which the median
of any distribution lies with 95 % or more.

Samples of one visit resemble each other too much to count as independent; rounds are what is drawn again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.store.record import Record

FEW = 6  # rounds from which the range of n medians covers the true one with 95 %: 1 - 2 / 2^n
RESAMPLES = 1000
AT_ONCE = 1_000_000  # numbers in memory while intervals are computed
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % points of Student's t, for n values

Rounds = list[list[float]]  # milliseconds, a row per round, every row as long
Span = Sequence[float | None]  # low and high; None where an end is not known


@dataclass(frozen=True)
class Interval:
    """A median and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    @property
    def is_tie(self) -> bool:
        """Of a ratio: whether 1 is inside, so that neither is shown to be faster."""
        return self.low <= 1 <= self.high


def meet(one: Span, other: Span) -> bool:
    """Whether two intervals have a value in common; nothing shows that they have none where an end is not known."""
    ends = (one[0], other[1]), (other[0], one[1])
    return all(low is None or high is None or low <= high for low, high in ends)


@dataclass(frozen=True)
class Timing:
    """What is known of a network's times: its rounds, the run they are of, and its median's interval."""

    rounds: Rounds
    run: str | None
    interval: Span

    @classmethod
    def of(cls, record: Record) -> "Timing":
        """Of a record of latency."""
        return cls(record.raw.rounds_ms or [], record.run, record.interval("ms"))

    def ties(self, other: "Timing") -> bool:
        """Whether nothing shows a difference: the paired ratio's interval holds 1, or, as rounds of two runs are no
        pairs, the networks' intervals meet."""
        if self.rounds and other.rounds and self.run == other.run:
            return ratio(self.rounds, other.rounds).is_tie
        return meet(self.interval, other.interval)


def ratio(a: Rounds, b: Rounds) -> Interval:
    """How long a takes, in units of b, paired by round: the rounds that both have."""
    pairs = [(np.median(one), np.median(other)) for one, other in zip(a, b, strict=False)]
    return interval([one / other for one, other in pairs])


def interval(values: Sequence[float] | Rounds) -> Interval:
    """The median of positive values (rounds,) or (rounds, samples) and its 95 % interval, bootstrapped over rounds.

    Below six rounds no order statistics hold the median with 95 %, so the interval is as wide as Student's t makes it;
    one round says nothing about the next, and its interval is all numbers.
    """
    rows = np.array(values, dtype=float).reshape(len(values), -1)
    n, middle = len(rows), float(np.median(rows))
    if n == 1:
        return Interval(middle, 0.0, math.inf)
    draws = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    parts = np.array_split(draws, -(-draws.size * rows.shape[1] // AT_ONCE))
    medians = np.concatenate([np.median(rows[part].reshape(len(part), -1), axis=1) for part in parts])
    low, high = (float(edge) for edge in np.percentile(medians, (2.5, 97.5)))
    own = np.sort(np.median(rows, axis=1))
    if n < FEW:
        half = STUDENT[n] * float(np.std(own, ddof=1)) / math.sqrt(n)
        return Interval(middle, max(min(low, middle - half), 0.0), max(high, middle + half))
    outer = inside(n)
    return Interval(middle, min(low, float(own[outer])), max(high, float(own[n - 1 - outer])))


@cache
def inside(n: int) -> int:
    """How many of n sorted values may be left out at each end, so that those between hold the median with 95 %.

    >>> inside(6), inside(8), inside(9), inside(20)
    (0, 0, 1, 5)
    """
    below, left_out = 0.5**n, 0  # the chance that the median is below the first value
    while 2 * (below + math.comb(n, left_out + 1) * 0.5**n) <= 0.05:
        left_out += 1
        below += math.comb(n, left_out) * 0.5**n
    return left_out
