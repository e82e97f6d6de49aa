"""What benchmarks.checks.control found: it is of no cell, and the door to dicts is of the same kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.store.fields import RecordError, filled
from benchmarks.store.record import Machine
from benchmarks.store.settings import Size
from registry import shown

Ratios = list[list[float]]  # of each run: median, low, high


@dataclass(frozen=True)
class ControlSettings:
    size: Size
    seconds: float
    loaded: bool
    within: float | None = None


@dataclass(frozen=True)
class Counts:
    """Runs that reached the goals, of so many."""

    held: int
    found: int
    runs: int


@dataclass(frozen=True)
class Runs:
    """How long a twin, a slowed one and one that was built anew took, in units of the network."""

    twin: Ratios
    slowed: Ratios
    anew: Ratios


@dataclass(frozen=True)
class Ranking:
    """Pairs of networks that are apart in calm, those that turned round or tied under load, and the medians."""

    pairs: int
    turned: list[list[str]]
    tied: list[list[str]]
    ms: Mapping[str, list[float]]  # in calm and under load


@dataclass(frozen=True, kw_only=True)
class Control:
    measure: str = "control"
    model: str
    cell: ControlSettings
    values: Counts
    raw: Runs
    machine: Machine
    order: Ranking | None = None  # None: in calm alone
    load: float | None = None
    clocks: Mapping[str, Any] = field(default_factory=dict)
    took: float | None = None  # seconds

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Of what a line of a file of controls holds."""
        if (measure := found.get("measure")) != cls.measure:
            raise RecordError(f"measure {shown(measure)} is not {cls.measure!r}")
        return filled(cls, {**found, "order": found.get("order") or None}, "record")  # {} of a calm one, once
