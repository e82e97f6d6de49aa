"""The networks of some records: what each is called, where it stands, and figures of it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.store.record import Record
from zoo.architectures import rank


@dataclass(frozen=True)
class Network:
    name: str
    spec: str
    group: str


@dataclass(frozen=True)
class Figure:
    """A quantity of a network with its 95 % interval: low and high, or nothing where an end is not known."""

    value: float
    interval: tuple[float, ...] = ()

    @classmethod
    def of(cls, value: float | None, ends: Sequence[float | None]) -> "Figure":
        known = tuple(end for end in ends if end is not None and math.isfinite(end))
        return cls(math.nan if value is None else value, known if len(known) == 2 else ())


def networks(records: Iterable[Record]) -> dict[str, Network]:
    """By spec, in the order of groups and names. Of two specs asked for by one name the name is the spec."""
    first = {record.spec: record for record in reversed([*records])}
    asked = [record.model for record in first.values()]
    ordered = sorted(first.values(), key=lambda record: (rank(record.group), record.model, record.spec))
    return {
        one.spec: Network(one.model if asked.count(one.model) == 1 else one.spec, one.spec, one.group)
        for one in ordered
    }
