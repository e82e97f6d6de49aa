"""Records to rows: what each network costs and how fast it is at one setting, and what it achieves on each data set."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import cells
from benchmarks.intervals import ratio
from benchmarks.results import Record
from zoo.architectures import rank

LAYOUTS = ("contiguous", "channels_last")
Setting = tuple[Any, ...]  # height, width, precision, engine, device name, threads, torch


@dataclass
class Row:
    """One network at one setting: what it costs, how long it takes in each layout, and how much room."""

    model: str
    spec: str
    group: str
    cost: Mapping[str, Any] = field(default_factory=dict)
    latency: dict[str, Record] = field(default_factory=dict)  # layout -> record
    throughput: dict[str, Record] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    fastest: str = ""  # a layout, or tie; nothing where there was no choice

    @property
    def best(self) -> float:
        """The lower median in ms, infinite where nothing ran."""
        return min((record["values"]["ms"] for record in self.latency.values()), default=math.inf)


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
        """What must be the same for networks to stand in one table; recipes of their own differ in samples."""
        cell, machine = self.cell, self.records[0]["machine"]["device_name"]
        kind = cells.way(cell)
        return kind, cell["samples"] if kind == cells.EQUAL else None, *cell["size"], cell["test_images"], machine

    def value(self, name: str) -> float:
        found = [value for record in self.records if (value := record["values"].get(name)) is not None]
        return float(np.mean(found)) if found else math.nan

    def interval(self, name: str) -> tuple[float, float]:
        """From the lowest to the highest end of the seeds' intervals: what any of them leaves open stays open."""
        spans = [record["intervals"].get(name) for record in self.records]
        ends = [span for span in spans if span and None not in span]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (math.nan, math.nan)


def settings(records: Iterable[Record]) -> list[Setting]:
    """The settings at which networks were timed or weighed, in the order of the records."""
    timed = [record for record in records if record["measure"] in ("latency", "throughput", "memory")]
    return list(dict.fromkeys(map(setting, timed))) or list(
        dict.fromkeys(
            (*record["cell"]["size"], None, None, None, None, None) for record in records if record["measure"] == "cost"
        )
    )


def setting(record: Record) -> Setting:
    cell, machine = record["cell"], record["machine"]
    where = (machine["device_name"], machine["threads"], machine["torch"])
    return (*cell["size"], cell["precision"], cell["engine"], *where)


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
        elif record["values"]:
            getattr(row, measure)[record["cell"]["layout"]] = record
    for row in found.values():
        row.fastest = _fastest(row.latency)
    return sorted(found.values(), key=lambda row: (rank(row.group), row.best, row.model))


def scores(records: Iterable[Record]) -> list[Score]:
    """Every network on every data set, the best mask first within a group."""
    found: dict[tuple[Any, ...], Score] = {}
    for record in records:
        if record["measure"] == "accuracy" and record["status"] == "done":
            cell = {name: value for name, value in record["cell"].items() if name != "seed"}
            key = (record["spec"], str(sorted(cell.items(), key=str)))
            score = found.setdefault(key, Score(record["model"], record["spec"], record["group"], cell["data"], []))
            score.records = [old for old in score.records if cells.key_of(old) != cells.key_of(record)] + [record]
    return sorted(found.values(), key=lambda s: (s.data, rank(s.group), -_or_zero(s.value("mask_iou"))))


def by_way(found: Iterable[Score]) -> list[list[Score]]:
    """Scores that may be compared with each other: what was trained by one recipe first, then the larger groups."""
    groups: dict[tuple[Any, ...], list[Score]] = {}
    for score in found:
        groups.setdefault(score.way, []).append(score)
    return sorted(groups.values(), key=lambda group: (group[0].way[0] != cells.EQUAL, -len(group)))


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _fastest(by_layout: Mapping[str, Record]) -> str:
    """The layout whose paired ratio excludes 1; only rounds of one run are pairs."""
    if len(by_layout) < 2 or len({record["run"] for record in by_layout.values()}) > 1:
        return ""
    one, other = by_layout
    compared = ratio(by_layout[one]["raw"]["rounds_ms"], by_layout[other]["raw"]["rounds_ms"])
    return one if compared.high < 1 else other if compared.low > 1 else "tie"


def datasets(found: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(score.data for score in found))
