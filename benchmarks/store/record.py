"""A record: what was found of one cell, on which machine and when. `from_json` and `fields.plain` are the only doors.

Records of older versions are read: what they lack is None or empty. A name that no version wrote is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Self

from torch import device as Device

from benchmarks.store.fields import RecordError, filled, typed
from benchmarks.store.settings import (
    SETTINGS,
    AccuracySettings,
    CostSettings,
    SensitivitySettings,
    Settings,
    Size,
    TimedSettings,
    TrainedAs,
)
from registry import shown
from zoo import machine

__all__ = [
    "SETTINGS", "AccuracySettings", "CostSettings", "Found", "Look", "Machine", "Raw", "Record", "RecordError",
    "SensitivitySettings", "Settings", "Size", "TimedSettings", "TrainedAs", "Tried", "WarmUp",
]  # fmt: skip

Number = float | None
Ends = tuple[Number, Number]
NUMBERS = Mapping[str, Number], Mapping[str, Ends]  # values and intervals
CURVES = Mapping[str, list[Number]], Mapping[str, list[Ends]]  # of a sensitivity
PAUSE = 3  # times as long for a sample as before and after: a training that somebody stopped, and let go on


@dataclass(frozen=True)
class Machine:
    """What a measurement was made on."""

    device: str | None = None
    device_name: str | None = None
    cpu: str | None = None
    cores: int | None = None
    threads: int | None = None
    torch: str | None = None
    driver: str | None = None
    cuda: str | None = None
    cudnn: int | None = None
    memory_bytes: int | None = None
    python: str | None = None
    platform: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    date: str | None = None

    DECIDING: ClassVar[Sequence[str]] = (
        *("device", "device_name", "cpu", "cores", "threads", "torch", "driver", "cuda", "cudnn", "memory_bytes"),
    )

    @classmethod
    def here(cls, device: Device) -> Self:
        return cls(**machine.describe(device))

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes a machine another one, as far as times go."""
        return tuple(getattr(self, name) for name in self.DECIDING)

    @property
    def headline(self) -> str:
        """The machine in one line, for the foot of a table."""
        return machine.headline(asdict(self))


@dataclass(frozen=True)
class WarmUp:
    """How often a timed cell was called before it counted, and whether it had settled by then."""

    calls: int
    seconds: float
    drift: float | None  # between the last two quarters; None when too few calls were made to tell
    settled: bool


@dataclass(frozen=True)
class Look:
    """How far a training was: one point of its curve."""

    samples: int
    seconds: float | None = None
    loss: float | None = None
    mask_iou: float | None = None
    depth_rmse: float | None = None


@dataclass(frozen=True)
class Tried:
    """One of the rates that a training chose among: what it came to on held-out data."""

    rate: float
    chosen: bool
    loss: Number = None  # None: not a finite one
    mask_iou: Number = None
    depth_rmse: Number = None
    samples: int | None = None
    seconds: Number = None


@dataclass(frozen=True)
class Raw:
    """What the values were derived from; what does not belong to a measure is None."""

    rounds_ms: list[list[float]] | None = None
    warm_up: WarmUp | None = None
    peaks: Mapping[str, float] | None = None
    batch_ended: str | None = None
    weights: str | None = None  # digest
    sums: Mapping[str, Any] | None = None  # by metric, as statistics.paired keeps them
    per_image: Mapping[str, list[float | None]] | None = None
    curve: tuple[Look, ...] | None = None
    rates: tuple[Tried, ...] | None = None  # of a recipe that chooses one; the seconds of a curve are after all of them
    trained: Mapping[str, Any] | None = None  # where and when, as the training's folder says
    steps: int | None = None
    skipped: int | None = None
    samples: int | None = None  # that were trained on
    images: int | None = None

    @property
    def paused(self) -> float:
        """Seconds that a training stood still, as its curve tells: the clock of a stopped process goes on."""
        looks = [(look.samples, look.seconds) for look in self.curve or () if look.seconds is not None]
        spans = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise([(0, 0.0), *looks]) if b[0] > a[0]]
        paces = [(samples, seconds / samples) for samples, seconds in spans]
        return sum(
            samples * (pace - (before + after) / 2)
            for (_, before), (samples, pace), (_, after) in zip(paces, paces[1:], paces[2:], strict=False)
            if pace > PAUSE * max(before, after)
        )


@dataclass(frozen=True)
class Found:
    """What measuring one cell gave."""

    values: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)  # low and high of a value; of a curve a list of them
    raw: Raw = field(default_factory=Raw)
    gallery: str | None = None
    took: float | None = None  # seconds


@dataclass(frozen=True)
class Record:
    """What was found of one cell."""

    measure: str
    status: str  # done, failed or interrupted
    failed: str | None
    model: str  # as it was asked for
    spec: str  # with every option
    group: str
    cell: Settings  # those of the measure; narrowed by `timed`, `accuracy` and `sensitivity`
    machine: Machine
    values: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    raw: Raw = field(default_factory=Raw)
    gallery: str | None = None
    took: float | None = None
    run: str | None = None
    load: float | None = None
    clocks: Mapping[str, Any] = field(default_factory=dict)
    date: str | None = None

    @property
    def timed(self) -> TimedSettings:
        """The cell of a latency, a throughput or a memory."""
        assert isinstance(self.cell, TimedSettings), f"{self.measure} is not timed"
        return self.cell

    @property
    def accuracy(self) -> AccuracySettings:
        """The cell of an accuracy or of a curve of sensitivity."""
        assert isinstance(self.cell, AccuracySettings), f"{self.measure} is of no training"
        return self.cell

    @property
    def sensitivity(self) -> SensitivitySettings:
        assert isinstance(self.cell, SensitivitySettings), f"{self.measure} is of no perturbation"
        return self.cell

    @property
    def images(self) -> int | None:
        """How many the network was tested on; None where nothing was."""
        return self.raw.images if self.raw.images is not None else (self.raw.sums or {}).get("images")

    @property
    def samples(self) -> int | None:
        """How many the network was trained on; None where the record does not say."""
        return self.raw.samples or (self.raw.curve[-1].samples if self.raw.curve else None)

    def value(self, name: str) -> float | None:
        found = self.values.get(name)
        return None if found is None else float(found)

    def interval(self, name: str) -> tuple[float | None, float | None]:
        """95 %; None where an end is not known."""
        return self.intervals.get(name) or (None, None)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Of what a line of a file of records holds."""
        measure = str(found.get("measure"))
        if measure not in SETTINGS:
            raise RecordError(f"measure {shown(measure)} is not known; known are {', '.join(SETTINGS)}")
        cell = filled(SETTINGS[measure], found.get("cell"), "cell")
        record = filled(cls, {"machine": {}, **found, "cell": cell}, "record")
        values, intervals = CURVES if measure == "sensitivity" else NUMBERS
        counts = {name: found for name, found in record.values.items() if name == "uncounted"}  # by operation
        typed(Mapping[str, Mapping[str, int] | None], counts, "values")
        typed(values, {name: found for name, found in record.values.items() if name not in counts}, "values")
        typed(intervals, record.intervals, "intervals")
        for name, reading in record.clocks.items():
            typed(list[str] if name == "throttled" else Number, reading, name)
        if measure == "sensitivity" and len({len(curve) for curve in record.values.values()}) > 1:
            raise RecordError("values has curves of several lengths")
        if measure == "sensitivity" and record.status == "done" and "strength" not in record.values:
            raise RecordError("values lacks strength, over which its curves go")
        return record
