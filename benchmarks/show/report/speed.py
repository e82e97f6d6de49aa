"""Latency, throughput and memory of one network in one setting, and which differences between networks are real.

Compared is only what was measured on one machine, at one size and batch, with one engine and precision.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from benchmarks.statistics.intervals import Timing
from benchmarks.timing.clocks import words

SETTING = ("engine", "precision", "layout")
LARGEST = "largest"  # the batch that fits, where none was asked for
INTERVALS = {"latency": "ms", "throughput": "images_per_s", "memory": "inference_bytes"}

Data = dict[str, Any]


def speed(records: Iterable[Mapping[str, Any]]) -> list[Data]:
    """One entry per network, size, machine and setting, with {batch: cell} for each measure."""
    found: dict[tuple[Any, ...], Data] = {}
    for record in records:
        setting = {name: record["cell"].get(name) for name in SETTING}
        key = (record["number"], record["size"], record["on"], *setting.values())
        entry = found.setdefault(
            key,
            {"model": record["number"], "size": record["size"], "machine": record["on"], **setting}
            | {measure: {} for measure in INTERVALS},
        )
        cell = {
            **(record["values"] or {}),
            "interval": (record.get("intervals") or {}).get(INTERVALS[record["measure"]]),
            "status": record["status"],
            "failed": record["failed"],
            "date": record.get("date"),
            "load": record.get("load"),
            "clocks": words(record.get("clocks") or {}),
        }
        if record["measure"] == "latency":
            cell["timing"] = Timing.of(record)
        entry[record["measure"]][str(record["cell"].get("batch") or LARGEST)] = cell
    return _with_memory(list(found.values()))


def compare(entries: Sequence[Data], names: Sequence[str]) -> None:
    """Mark, in place, the fastest of each comparable set and what ties with what; the timings go, the page needs none.

    A cell gets `place` ("best" or "tie": nothing shows that it is slower than the best), `ties` (names) and `faster`
    (True where a network's other layouts are slower beyond doubt).
    """
    alike: dict[tuple[Any, ...], list[tuple[Data, Data]]] = defaultdict(list)
    for entry in entries:
        for batch, cell in entry["latency"].items():
            if cell.get("ms") is not None:
                key = (entry["machine"], entry["size"], entry["engine"], entry["precision"], batch)
                alike[key].append((entry, cell))
    for members in alike.values():
        _mark(members, names)
    for entry in entries:
        for cell in entry["latency"].values():
            del cell["timing"]


def _with_memory(entries: list[Data]) -> list[Data]:
    """Memory is measured in one layout and engine: what was timed in others beside it gets the same, and its name."""
    alike: dict[tuple[Any, ...], list[Data]] = defaultdict(list)
    for entry in entries:
        alike[entry["model"], entry["size"], entry["machine"], entry["precision"]].append(entry)
    kept = []
    for members in alike.values():
        weighed = next((entry for entry in members if entry["memory"]), None)
        timed = [entry for entry in members if entry["latency"] or entry["throughput"]]
        for entry in timed:
            if weighed and not entry["memory"]:
                note = ", ".join(str(weighed[name]) for name in ("engine", "layout") if weighed[name])
                entry["memory"] = {batch: cell | {"note": note} for batch, cell in weighed["memory"].items()}
        kept += timed or members
    return kept


def _mark(members: Sequence[tuple[Data, Data]], names: Sequence[str]) -> None:
    members = sorted(members, key=lambda member: float(member[1]["ms"]))
    tied: dict[int, set[int]] = defaultdict(set)
    for i, j in combinations(range(len(members)), 2):
        if members[i][1]["timing"].ties(members[j][1]["timing"]):
            tied[i].add(j)
            tied[j].add(i)
    members[0][1]["place"] = "best"
    for number, (entry, cell) in enumerate(members):
        if number in tied[0]:
            cell["place"] = "tie"
        cell["ties"] = [_called(members[j][0], entry, names) for j in sorted(tied[number])]
        twins = [j for j, (other, _) in enumerate(members) if other["model"] == entry["model"] and j != number]
        cell["faster"] = bool(twins) and all(j > number and j not in tied[number] for j in twins)


def _called(other: Data, entry: Data, names: Sequence[str]) -> str:
    name = names[other["model"]]
    return name if other["layout"] == entry["layout"] else f"{name}, {other['layout']}"
