"""A record: what was found of one cell, and on which machine."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

PAUSE = 3  # times as long for a sample as before and after: a training that somebody stopped, and let go on

Record = Mapping[str, Any]


def paused(record: Record) -> float:
    """Seconds that a training stood still, as its curve tells: the clock of a stopped process goes on."""
    curve = (record.get("raw") or {}).get("curve") or []
    points = [(0, 0.0), *((look["samples"], look["seconds"]) for look in curve if look.get("seconds") is not None)]
    spans = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(points) if after[0] > before[0]]
    each = [seconds / samples for samples, seconds in spans]
    extra = 0.0
    for i in range(1, len(each) - 1):
        if each[i] > PAUSE * max(each[i - 1], each[i + 1]):
            extra += spans[i][0] * (each[i] - (each[i - 1] + each[i + 1]) / 2)
    return extra
