"""Records to rows: what each network costs and how fast it is at one setting, and what it achieves on each data set."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.statistics import paired
from benchmarks.statistics.intervals import Timing
from benchmarks.store import identity
from benchmarks.store.identity import unseeded
from benchmarks.store.names import BASELINE, EQUAL
from benchmarks.store.record import Record
from zoo.architectures import rank

MISSING = "-"
LAYOUTS = ("contiguous", "channels_last")
Setting = tuple[Any, ...]  # height, width, precision, engine, and the machine; the last three None for counts alone


@dataclass
class Table:
    """Heads, rows of text, where groups end, and how to read it."""

    title: str
    head: list[str]
    body: list[list[str]]
    groups: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def ends(self) -> list[int]:
        """Rows after which another group begins."""
        return [i for i, group in enumerate(self.groups[:-1]) if group != self.groups[i + 1]]


@dataclass
class Row:
    """One network at one setting: what it costs, how long it takes in each layout, and how much room."""

    model: str
    spec: str
    group: str
    cost: Mapping[str, Any] = field(default_factory=dict)
    latency: dict[str, Record] = field(default_factory=dict)  # layout -> record
    throughput: dict[int | None, dict[str, Record]] = field(default_factory=dict)  # batch asked for -> layout -> record
    memory: Mapping[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    fastest: str = ""  # a layout, or tie; nothing where there was no choice
    ties: bool = False  # with the row above of its group: nothing shows that it is slower

    @property
    def best(self) -> float:
        """The lower median in ms, infinite where nothing ran."""
        return min((record["values"]["ms"] for record in self.latency.values()), default=math.inf)

    @property
    def timed(self) -> list[Record]:
        return [*self.latency.values(), *(record for found in self.throughput.values() for record in found.values())]

    @property
    def better(self) -> Record | None:
        """The faster layout's record."""
        return min(self.latency.values(), key=lambda record: float(record["values"]["ms"]), default=None)

    def fact(self, name: str) -> float | None:
        """What the faster layout's record says beside its time."""
        return None if self.better is None else self.better["values"].get(name)


@dataclass
class Score:
    """One network on one data set: means over seeds, with the interval of the only seed or the spread of several."""

    model: str
    spec: str
    group: str
    data: str
    records: list[Record]

    @property
    def cell(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.records[0]["cell"]
        return settings

    @property
    def way(self) -> tuple[Any, ...]:
        """What must be the same for networks to stand in one table."""
        return *identity.way(self.cell), *self.cell["size"]

    def value(self, name: str) -> float:
        found = [value for record in self.records if (value := record["values"].get(name)) is not None]
        return float(np.mean(found)) if found else math.nan

    def interval(self, name: str) -> tuple[float, float]:
        """95 % interval, of images and seeds."""
        return paired.interval(self.records, name)


def settings(records: Iterable[Record]) -> list[Setting]:
    """The settings at which networks were timed or weighed, in the order of the records."""
    timed = [record for record in records if record["measure"] in ("latency", "throughput", "memory")]
    return list(dict.fromkeys(map(setting, timed))) or list(
        dict.fromkeys((*record["cell"]["size"], None, None, None) for record in records if record["measure"] == "cost")
    )


def setting(record: Record) -> Setting:
    cell = record["cell"]
    return *cell["size"], cell["precision"], cell["engine"], identity.where(record["machine"])


def rows(records: Iterable[Record], chosen: Setting) -> list[Row]:
    """One row per network, by group, then by the latency of its faster layout; the latest record of a cell counts."""
    found: dict[str, Row] = {}
    for record in records:
        measure = record["measure"]
        if measure == "cost":
            fits = tuple(record["cell"]["size"]) == chosen[:2]
        else:
            fits = measure in ("latency", "throughput", "memory") and setting(record) == chosen
        if not fits:
            continue
        row = found.setdefault(record["spec"], Row(record["model"], record["spec"], record["group"]))
        if problem := record["failed"] and f"{measure} {record['failed']}":
            row.problems += [problem] * (problem not in row.problems)
        elif measure == "cost":
            row.cost = record["values"]
        elif measure == "memory":
            row.memory = record["values"]
            if untrained := row.memory.get("training_failed"):
                row.problems.append(f"a training step {untrained}")
        elif record["values"] and measure == "latency":
            row.latency[record["cell"]["layout"]] = record
        elif record["values"]:
            row.throughput.setdefault(record["cell"]["batch"], {})[record["cell"]["layout"]] = record
    for row in found.values():
        row.fastest = _fastest(row.latency)
    ordered = sorted(found.values(), key=lambda row: (rank(row.group), row.best, row.model))
    for above, row in pairwise(ordered):
        row.ties = above.group == row.group and _tie(above.better, row.better)
    return ordered


def scores(records: Iterable[Record]) -> list[Score]:
    """Every network on every data set, the best mask first within a group."""
    found: dict[tuple[Any, ...], Score] = {}
    for record in records:
        if record["measure"] == "accuracy" and record["status"] == "done":
            key = (record["spec"], str(sorted(unseeded(record).items(), key=str)))
            data = record["cell"]["data"]
            score = found.setdefault(key, Score(record["model"], record["spec"], record["group"], data, []))
            score.records = [old for old in score.records if identity.key_of(old) != identity.key_of(record)] + [record]
    return sorted(found.values(), key=lambda s: (s.data, rank(s.group), -_or_zero(s.value("mask_iou"))))


def by_way(found: Iterable[Score]) -> list[list[Score]]:
    """Scores that may be compared with each other: what was trained by one recipe first, then the larger groups."""
    groups: dict[tuple[Any, ...], list[Score]] = {}
    for score in found:
        groups.setdefault(score.way, []).append(score)
    for (*way, height, width), group in groups.items():
        for (*other, h, w), scores in groups.items():
            if identity.lends(other, way) and (h, w) == (height, width):
                group += [score for score in scores if score.group == BASELINE]
    return sorted(groups.values(), key=lambda group: (group[0].way[0] != EQUAL, -len(group)))


def hardest(found: Iterable[Score]) -> str:
    """The data set on which the best network is worst; the last one where no masks are found."""
    best: dict[str, float] = {}
    for score in found:
        best[score.data] = max(best.get(score.data, 0.0), _or_zero(score.value("mask_iou")))
    return min(best, key=lambda data: (best[data], [*best][::-1].index(data)))


def known_first(value: float) -> tuple[bool, float]:
    """To sort by, the higher the better; what is not known comes last."""
    return math.isnan(value), -value


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _tie(one: Record | None, other: Record | None) -> bool:
    return one is not None and other is not None and Timing.of(one).ties(Timing.of(other))


def _fastest(by_layout: Mapping[str, Record]) -> str:
    """The layout that is shown to be faster, or tie; nothing where there was no choice, or not in one run."""
    if len(by_layout) < 2 or len({record["run"] for record in by_layout.values()}) > 1:
        return ""
    one, other = by_layout.values()
    faster = min(by_layout, key=lambda layout: float(by_layout[layout]["values"]["ms"]))
    return "tie" if _tie(one, other) else faster


def datasets(found: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(score.data for score in found))
