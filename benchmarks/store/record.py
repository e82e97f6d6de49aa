"""A record: what was found of one cell, on which machine and when. `from_json` and `to_json` are the only door to dicts.

Records of older versions are read: what they lack is None or empty. A name that no version wrote is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any, ClassVar, Self, TypeVar

from benchmarks.store.names import EQUAL, OWN, READY, READY_MADE
from registry import ZooError
from zoo import machine

PAUSE = 3  # times as long for a sample as before and after: a training that somebody stopped, and let go on
SHOWN_OF_DIGEST = 8  # letters

Size = tuple[int, int]  # height, width
Span = tuple[float | None, float | None]  # a 95 % interval; None where an end is not known
Kind = TypeVar("Kind")


class RecordError(ZooError, ValueError):
    """What was read is no record; the message says why."""


@dataclass(frozen=True)
class TrainedAs:
    """What must be the same for trained networks to be compared.

    The machine need not be, for what was learned does not depend on it. A recipe of a network's own has its own
    precision.
    """

    kind: str  # EQUAL, OWN or READY
    samples: int | None
    precision: str | None  # with what the one recipe says where it was changed
    test_images: int | None

    def takes_in(self, baseline: "TrainedAs") -> bool:
        """Whether baselines that were trained otherwise stand in a table of these, too: they have no recipe of their
        own, and where the others have, they stand as trained by the one."""
        alike = (baseline.samples, baseline.test_images) == (self.samples, self.test_images)
        return (self.kind, baseline.kind) == (OWN, EQUAL) and alike


@dataclass(frozen=True)
class CostSettings:
    size: Size


@dataclass(frozen=True)
class TimedSettings:
    """Of latency, throughput and memory."""

    size: Size
    batch: int | None  # None: the largest that fits
    precision: str
    layout: str
    engine: str
    device: str


@dataclass(frozen=True)
class AccuracySettings:
    size: Size
    data: str
    recipe: str
    samples: int | None  # None: as many as the recipe says
    seed: int | None
    test_images: int
    precision: str | None = None  # None: the recipe's
    content: str | None = None  # digest of what the recipe says, where it was changed or is a file's
    weights: str | None = None  # digest of ready-made ones

    @property
    def trained_as(self) -> TrainedAs:
        kind = EQUAL if self.recipe == EQUAL else READY if self.recipe.startswith(READY_MADE) else OWN
        changed = [self.precision, self.content] if kind == EQUAL else []
        return TrainedAs(kind, self.samples, ", ".join(filter(None, changed)) or None, self.test_images)

    @property
    def recipe_title(self) -> str:
        """A recipe's name, with the start of its digest where it was changed, or is a file's."""
        if not self.content:
            return self.recipe
        return f"{self.recipe.rpartition('/')[2]}@{self.content[:SHOWN_OF_DIGEST]}"


@dataclass(frozen=True)
class SensitivitySettings(AccuracySettings):
    perturbation: str = ""


@dataclass(frozen=True)
class ControlSettings:
    size: Size
    seconds: float
    within: float
    loaded: bool


Settings = CostSettings | TimedSettings | AccuracySettings | ControlSettings
SETTINGS: Mapping[str, type[Any]] = {
    "cost": CostSettings,
    "latency": TimedSettings,
    "throughput": TimedSettings,
    "memory": TimedSettings,
    "accuracy": AccuracySettings,
    "sensitivity": SensitivitySettings,
    "control": ControlSettings,
}


@dataclass(frozen=True)
class Machine:
    """What a measurement was made on, as zoo.machine.describe tells it."""

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
    """How a timed cell was warmed up, and whether it had settled."""

    calls: int
    seconds: float
    drift: float | None
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
    trained: Mapping[str, Any] | None = None  # where and when, as the training's folder says
    steps: int | None = None
    skipped: int | None = None
    images: int | None = None
    ratios: Mapping[str, Any] | None = None  # of a control, run by run

    @property
    def paused(self) -> float:
        """Seconds that a training stood still, as its curve tells: the clock of a stopped process goes on."""
        looks = [(look.samples, look.seconds) for look in self.curve or () if look.seconds is not None]
        points = [(0, 0.0), *looks]
        spans = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points) if b[0] > a[0]]
        each = [seconds / samples for samples, seconds in spans]
        extra = 0.0
        for i in range(1, len(each) - 1):
            if each[i] > PAUSE * max(each[i - 1], each[i + 1]):
                extra += spans[i][0] * (each[i] - (each[i - 1] + each[i + 1]) / 2)
        return extra


@dataclass(frozen=True)
class Record:
    """What was found of one cell."""

    measure: str
    status: str  # done, failed or interrupted
    failed: str | None
    model: str  # as it was asked for
    spec: str  # with every option
    group: str
    cell: Any  # the Settings of the measure; narrowed by `timed` and `accuracy`
    machine: Machine
    values: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)  # a Span for each value; of a curve a list of them
    raw: Raw = field(default_factory=Raw)
    gallery: str | None = None
    took: float | None = None  # seconds
    run: str | None = None
    load: float | None = None
    clocks: Mapping[str, Any] = field(default_factory=dict)
    date: str | None = None

    def value(self, name: str) -> float | None:
        found = self.values.get(name)
        return None if found is None else float(found)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Of what a line of a file of records holds."""
        given = {name: value for name, value in found.items() if name != "schema" and value is not None}
        measure = given.get("measure")
        if measure not in SETTINGS:
            raise RecordError(f"measure {measure!r} is not known; known are {', '.join(SETTINGS)}")
        cell = {**given.get("cell", {})}
        if "size" in cell:
            cell["size"] = tuple(cell["size"])
        given["cell"] = _filled(SETTINGS[measure], cell, "cell", lenient=True)
        given["machine"] = _filled(Machine, given.get("machine", {}), "machine")
        given["raw"] = _raw(given.get("raw", {}))
        for name in ("failed", "status", "model", "spec", "group"):
            given.setdefault(name, None if name == "failed" else "")
        return _filled(cls, given, "record")

    def to_json(self) -> dict[str, Any]:
        """As a file of records holds it; what is None in raw, machine and options is left out."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        found["cell"] = settings_json(self.cell)
        found["machine"] = _known(asdict(self.machine))
        found["raw"] = _known(asdict(self.raw))
        return found


def settings_json(settings: Any) -> dict[str, Any]:
    """The settings of a cell as records hold them: options that were not given are left out."""
    found = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is not None or each.default is MISSING:
            found[each.name] = list(value) if each.name == "size" else value
    return found


def _raw(found: Mapping[str, Any]) -> Raw:
    given = {**found}
    if given.get("warm_up"):
        given["warm_up"] = _filled(WarmUp, given["warm_up"], "warm_up")
    if given.get("curve"):
        given["curve"] = tuple(_filled(Look, look, "curve") for look in given["curve"])
    return _filled(Raw, given, "raw")


def _known(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _filled(kind: type[Kind], found: Mapping[str, Any], what: str, *, lenient: bool = False) -> Kind:
    """A dataclass of what was read. lenient: what is missing is None, as in records of older versions."""
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    if strange := sorted(found.keys() - known.keys()):
        raise RecordError(f"{what} has {', '.join(map(repr, strange))}, which no version wrote")
    given = dict(found)
    if lenient:
        for name, each in known.items():
            if each.default is MISSING and each.default_factory is MISSING:
                given.setdefault(name, None)
    try:
        return kind(**given)
    except TypeError as error:
        raise RecordError(f"{what}: {error}") from None
