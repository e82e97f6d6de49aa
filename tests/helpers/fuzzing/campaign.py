"""Many cases of one kind in one process."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from fuzzing import limits
from fuzzing.case import Case
from fuzzing.outcome import REFUSED, WORKS, Tally, cause

ROUND = 250  # cases of one seed
Judge = Callable[[Case, Path], str]


class EnoughError(Exception):
    """The time is up."""


def campaign(
    cases: SearchStrategy[Case], judge: Judge, base: Path, *, most: int, until: float, start: int = 0
) -> Tally:
    """Judge cases until there were `most`, or the clock says `until`."""
    tally = Tally()
    number = start
    while tally.cases < most and time.monotonic() < until:
        with suppress(EnoughError):
            _round(cases, judge, base, tally, number, min(ROUND, most - tally.cases), until)
        number += 1
    return tally


def shrunk(cases: SearchStrategy[Case], judge: Judge, base: Path, case: Case, told: str) -> Case:
    """The smallest case that hypothesis finds with the same cause; the one there is where it finds none."""
    options = settings(max_examples=2000, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    try:
        return find(cases, lambda one: cause(judge(one, base)) == cause(told), settings=options)
    except NoSuchExample:
        return case


def _round(
    cases: SearchStrategy[Case], judge: Judge, base: Path, tally: Tally, number: int, most: int, until: float
) -> None:
    @seed(number)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def judged(case: Case) -> None:
        if time.monotonic() >= until:
            raise EnoughError
        begun = sum(os.times()[:4])  # of the processor, by this process and by those that it waited for
        told = judge(case, base)
        tally.slowest = max(tally.slowest, sum(os.times()[:4]) - begun)
        tally.peak = max(tally.peak, limits.peak())
        tally.ended[told if told in (WORKS, REFUSED) else "found"] += 1
        if told not in (WORKS, REFUSED):
            tally.found.setdefault(cause(told), (told, case))

    judged()
