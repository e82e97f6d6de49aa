"""What each network costs and how fast it is at one setting, and which differences are real."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from benchmarks.show.networks import Figure, Network
from benchmarks.statistics.intervals import Timing
from benchmarks.store.names import OF_MACHINE
from benchmarks.store.record import Machine, Record, Size
from zoo.architectures import rank

LATENCY, RATE = "latency_ms", "images_per_s"
MEMORY = ("inference_bytes", "training_bytes")
QUANTITIES = (LATENCY, RATE, *MEMORY, "params", "flops", "weight_bytes")


@dataclass(frozen=True)
class Setting:
    """What must be the same for times to be compared; of counts alone, the size."""

    size: Size
    precision: str | None = None
    engine: str | None = None
    machine: tuple[Any, ...] | None = None

    @property
    def device(self) -> str | None:
        return self._of_machine("device")

    @property
    def where(self) -> str:
        """What the machine's device is called."""
        return self._of_machine("device_name") or ""

    def is_gpu_of(self, other: "Setting") -> bool:
        """Whether this is the same on a GPU, and the other is on none."""
        alike = replace(self, machine=other.machine) == other
        return alike and (self.device, other.device) == ("cuda", "cpu")

    def _of_machine(self, name: str) -> str | None:
        return self.machine[Machine.DECIDING.index(name)] if self.machine else None

    @property
    def title(self) -> str:
        return "{} x {}".format(*self.size) + (f", {self.precision}, {self.engine}" if self.precision else "")

    def takes(self, record: Record) -> bool:
        """Whether a record belongs here. Memory is measured in one engine, and stands beside the times of every one."""
        if record.measure == "cost":
            return record.cell.size == self.size
        if record.measure not in OF_MACHINE:
            return False
        own = Setting.of(record)
        return own == self or (record.measure == "memory" and own.place == self.place)

    @classmethod
    def of(cls, record: Record) -> "Setting":
        return cls(record.cell.size, record.timed.precision, record.timed.engine, record.machine.identity)

    @property
    def place(self) -> tuple[Any, ...]:
        """Without the engine."""
        return self.size, self.precision, self.machine


@dataclass
class Row:
    """One network at one setting: what it costs, how long it takes in each layout, and how much room."""

    network: Network
    records: list[Record] = field(default_factory=list)
    ties: bool = False  # with the row above of its group: nothing shows that it is slower

    def of(self, measure: str) -> list[Record]:
        """What was found of a measure, without what failed."""
        return [record for record in self.records if record.measure == measure and record.values]

    def figure(self, metric: str) -> Figure:
        """Of what was counted, weighed or timed, the faster layout's; of rates those of the first batch."""
        rates = next(iter(self.throughput.values()), {}).values()
        rate = max(rates, key=lambda record: float(record.values[RATE]), default=None)
        others = self.memory if metric in MEMORY else next(reversed(self.of("cost")), None)
        record, name = {LATENCY: (self.better, "ms"), RATE: (rate, RATE)}.get(metric, (others, metric))
        return Figure.of(record.value(name), record.interval(name)) if record else Figure(math.nan)

    @cached_property
    def memory(self) -> Record | None:
        """In the engine of the times where it was measured there."""
        engines = {record.timed.engine for record in self.records if record.measure in ("latency", "throughput")}
        return max(self.of("memory"), key=lambda record: record.timed.engine in engines, default=None)

    @cached_property
    def latency(self) -> dict[str, Record]:
        """By layout."""
        return {record.timed.layout: record for record in self.of("latency")}

    @cached_property
    def throughput(self) -> dict[int | None, dict[str, Record]]:
        """By the batch that was asked for, and by layout."""
        found: dict[int | None, dict[str, Record]] = {}
        for record in self.of("throughput"):
            found.setdefault(record.timed.batch, {})[record.timed.layout] = record
        return found

    @property
    def timed(self) -> list[Record]:
        return [*self.latency.values(), *(record for found in self.throughput.values() for record in found.values())]

    @cached_property
    def better(self) -> Record | None:
        """The faster layout's latency."""
        return min(self.latency.values(), key=_ms, default=None)

    @property
    def ms(self) -> float:
        """The lower median, infinite where nothing ran."""
        return math.inf if self.better is None else _ms(self.better)

    def fact(self, name: str) -> float | None:
        """What the faster layout's record says beside its time."""
        return None if self.better is None else self.better.values.get(name)

    @cached_property
    def fastest(self) -> str:
        """The layout that is shown to be faster, or tie; nothing where there was no choice, or not in one run."""
        if self.better is None or len(self.latency) < 2 or len({record.run for record in self.latency.values()}) > 1:
            return ""
        others = [record for record in self.latency.values() if record is not self.better]
        return "tie" if any(tie(self.better, other) for other in others) else self.better.timed.layout

    @cached_property
    def problems(self) -> list[str]:
        """The measurements that failed, and why."""
        found = [f"{record.measure} {record.failed}" for record in self.records if record.failed]
        untrained = self.memory and self.memory.values.get("training_failed")
        return list(dict.fromkeys(found + ([f"a training step {untrained}"] if untrained else [])))


def settings(records: Sequence[Record]) -> list[Setting]:
    """The settings at which networks were timed, or weighed where no times are, in the order of the records."""
    timed = [Setting.of(record) for record in records if record.measure in ("latency", "throughput")]
    places = {setting.place for setting in timed}
    weighed = [Setting.of(record) for record in records if record.measure == "memory"]
    alone = [setting for setting in weighed if setting.place not in places]
    counted = [Setting(record.cell.size) for record in records if record.measure == "cost"]
    return list(dict.fromkeys([*timed, *alone] or counted))


def rows(records: Iterable[Record], setting: Setting, networks: Mapping[str, Network]) -> list[Row]:
    """One row per network, by group, then by the latency of its faster layout."""
    found: dict[str, Row] = {}
    for record in records:
        if setting.takes(record):
            found.setdefault(record.spec, Row(networks[record.spec])).records.append(record)
    ordered = sorted(found.values(), key=lambda row: (rank(row.network.group), row.ms, row.network.name))
    for above, row in pairwise(ordered):
        row.ties = above.network.group == row.network.group and tie(above.better, row.better)
    return ordered


def tie(one: Record | None, other: Record | None) -> bool:
    """Whether nothing shows which of two latencies is lower."""
    return one is not None and other is not None and Timing.of(one).ties(Timing.of(other))


def latencies(rows: Iterable[Row]) -> list[tuple[Row, Record]]:
    """Every layout of every network, the fastest first."""
    found = [(row, record) for row in rows for record in row.of("latency")]
    return sorted(found, key=lambda pair: _ms(pair[1]))


def places(members: Sequence[tuple[Row, Record]]) -> dict[int, str]:
    """Which latency is the best and which ones tie with it, by identity; a single network is not marked."""
    if len({row.network.spec for row, _ in members}) < 2:
        return {}
    first, *others = (record for _, record in members)
    return {id(first): "best"} | {id(record): "tie" for record in others if tie(first, record)}


def tied(members: Sequence[tuple[Row, Record]]) -> list[list[int]]:
    """Of each latency, the numbers of those that it ties with."""
    numbers = range(len(members))
    pairs = [(i, j) for i, j in combinations(numbers, 2) if tie(members[i][1], members[j][1])]
    return [[j for pair in pairs if i in pair for j in pair if j != i] for i in numbers]


def _ms(record: Record) -> float:
    return float(record.values["ms"])
