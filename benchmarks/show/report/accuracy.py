"""Accuracy and sensitivity over seeds, and which networks tie with the best, image by image.

A set is what may be compared: one data set, way of training, budget of samples and test images.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.statistics.paired import interval, ties
from benchmarks.store.identity import lends, recipe_of, way
from benchmarks.store.names import BASELINE, EQUAL
from benchmarks.store.record import paused

HARDNESS = "mask_iou"
HEADLINE = {HARDNESS: 1, "depth_rmse": -1}  # 1: higher is better

Data = dict[str, Any]
Key = tuple[Any, ...]


def set_key(record: Mapping[str, Any]) -> Key:
    """What must be the same for two networks to be compared."""
    return record["cell"].get("data"), *way(record["cell"])


def in_order(records: Iterable[Mapping[str, Any]]) -> list[Key]:
    """The sets, what is looked at first: trained by one recipe, then of most networks, then hardest."""
    best: dict[Key, float] = {}
    networks: dict[Key, set[str]] = defaultdict(set)
    for record in records:
        key, value = set_key(record), (record["values"] or {}).get(HARDNESS)
        found = value if isinstance(value, int | float) else 0.0  # sensitivity has lists
        best[key] = max(best.get(key, 0.0), found)
        networks[key].add(record["spec"])
    return sorted(best, key=lambda key: (key[1] != EQUAL, -len(networks[key]), best[key]))


def set_label(key: Key) -> Data:
    """The facts of a set by name."""
    data, kind, samples, precision, images = key
    return {"data": data, "recipe": kind, "samples": samples, "precision": precision, "images": images}


def accuracy(records: Iterable[Mapping[str, Any]], sets: Sequence[Key]) -> list[Data]:
    """One entry per network, size, set and recipe: values are [mean over seeds, low, high]."""
    groups: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        cell = record["cell"]
        trained = (recipe_of(cell), cell.get("samples"), cell.get("precision"))
        for number in _memberships(record, sets):
            groups[record["number"], record["size"], number, *trained].append(record)
    entries, wholes = [], []
    for (model, size, number, recipe, samples, precision), group in groups.items():
        whole = [record for record in group if record["values"]]
        names = {name: None for record in whole for name in record["values"] if name != "seconds"}
        entries.append({
            "model": model, "size": size, "set": number, "machine": group[0]["on"],
            "recipe": recipe, "samples": samples, "precision": precision,
            "test_images": group[0]["cell"].get("test_images"),
            "seeds": [record["cell"].get("seed") for record in whole],
            "values": {name: _over_seeds(whole, name) for name in names},
            "seconds": _mean([_trained_for(record) for record in whole]),
            "curves": [(record.get("raw") or {}).get("curve") or [] for record in whole],
            "gallery": next((record["gallery"] for record in whole if record.get("gallery")), None),
            "status": "done" if all(record["status"] == "done" for record in group) else group[-1]["status"],
            "failed": next((record["failed"] for record in group if record["failed"]), None),
            "date": max((str(record.get("date") or "") for record in group), default=""),
            "trained": _trained(whole),
            "place": {},
        })  # fmt: skip
        wholes.append(whole)
    for metric, direction in HEADLINE.items():
        _place(entries, wholes, metric, direction)
    return entries


def _memberships(record: Mapping[str, Any], sets: Sequence[Key]) -> list[int]:
    """The sets that a record stands in."""
    data, *trained = own = set_key(record)
    found = [sets.index(own)]
    if record["group"] == BASELINE:
        found += [n for n, (other, *table) in enumerate(sets) if other == data and lends(trained, table)]
    return found


def _trained_for(record: Mapping[str, Any]) -> float | None:
    """Seconds, without those that somebody had stopped it for."""
    told = record["values"].get("seconds")
    return None if told is None else told - paused(record)


def _trained(records: Sequence[Mapping[str, Any]]) -> str:
    """Where and when, as the trainings themselves say it."""
    told = [facts for record in records if (facts := (record.get("raw") or {}).get("trained"))]
    words = (f"{facts.get('device_name')}, torch {facts.get('torch')}, {str(facts.get('date'))[:10]}" for facts in told)
    return "; ".join(dict.fromkeys(words))


def sensitivity(records: Iterable[Mapping[str, Any]], sets: Sequence[Key]) -> list[Data]:
    """One entry per network, size, set and perturbation: lists over the strength, mean over seeds."""
    groups: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        if record["values"]:
            number = sets.index(set_key(record))
            strength = tuple(record["values"]["strength"])
            cell = record["cell"]
            trained = (recipe_of(cell), cell.get("precision"))
            key = (record["number"], record["size"], number, cell["perturbation"], strength, *trained)
            groups[key].append(record)
    return [
        {
            "model": model,
            "size": size,
            "set": number,
            "perturbation": perturbation,
            "strength": strength,
            "images": (group[0].get("raw") or {}).get("images"),
        }
        | {name: _curve([record["values"].get(name) for record in group]) for name in HEADLINE}
        for (model, size, number, perturbation, strength, *_), group in groups.items()
    ]


def _over_seeds(records: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    """The mean over seeds and its interval."""
    middle = _mean([record["values"].get(name) for record in records])
    low, high = interval(records, name)
    return [middle, *(end if middle is not None and np.isfinite(end) else None for end in (low, high))]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else None


def _curve(rows: Sequence[Sequence[float | None] | None]) -> list[float | None]:
    return [_mean(column) for column in zip(*(row for row in rows if row), strict=False)]


def _place(
    entries: Sequence[Data], records: Sequence[Sequence[Mapping[str, Any]]], metric: str, direction: int
) -> None:
    """Mark the best of each set and size, and what a paired bootstrap over images cannot tell from it."""
    alike: dict[Key, list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        if entry["values"].get(metric, [None])[0] is not None:
            alike[entry["set"], entry["size"]].append(number)
    for numbers in alike.values():
        best = max(numbers, key=lambda number: direction * float(entries[number]["values"][metric][0]))
        entries[best]["place"][metric] = "best"
        for number in numbers:
            if number != best and ties(records[best], records[number], metric):
                entries[number]["place"][metric] = "tie"
