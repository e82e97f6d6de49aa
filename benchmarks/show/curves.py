"""What is left of a network's accuracy when pairs are perturbed, as a table: where each perturbation is strongest."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.rows import MISSING, Table, known_first
from benchmarks.store import identity
from benchmarks.store.identity import unseeded
from benchmarks.store.names import BASELINE, EQUAL, READY_MADE
from benchmarks.store.record import Record
from zoo.architectures import rank

METRICS = {
    "mask_iou": ("mask IoU", "higher", 1),
    "depth_rmse": ("depth RMSE", "lower", -1),
}  # words, better, as a sign


def curves(records: Iterable[Record]) -> list[Table]:
    """A table for each metric and each data, size and way of training, what one recipe has trained first."""
    alike: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for record in records:
        if record["measure"] == "sensitivity" and record["values"]:
            cell = record["cell"]
            alike[identity.way(cell), cell["data"], *cell["size"]].append(record)
    for (way, *rest), group in alike.items():
        for (other, *others), same in alike.items():
            if identity.lends(other, way) and others == rest:
                group += [record for record in same if record["group"] == BASELINE]
    groups = [group for group in alike.values() if any(record["group"] != BASELINE for record in group)]
    groups = sorted(groups or alike.values(), key=lambda group: identity.way(group[0]["cell"])[0] != EQUAL)
    return [found for group in groups for metric in METRICS if (found := _table(group, metric)).body]


def _table(group: Sequence[Record], metric: str) -> Table:
    words, better, direction = METRICS[metric]
    names = [name for name in PERTURBATIONS if any(record["cell"]["perturbation"] == name for record in group)]
    rows: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in group:
        if any(value is not None for value in record["values"].get(metric, ())):
            alike = {name: value for name, value in unseeded(record).items() if name != "perturbation"}
            rows[record["spec"], json.dumps(alike, sort_keys=True)][record["cell"]["perturbation"]].append(record)
    order = sorted(
        rows.values(), key=lambda row: (rank(_any(row)["group"]), known_first(direction * _none(row, metric)))
    )
    several = len({_how(_any(row)) for row in order}) > 1
    body = [
        [
            _any(row)["model"],
            *([_how(_any(row))] * several),
            _told(_none(row, metric)),
            *(_told(_mean(row.get(name, ()), metric, -1)) for name in names),
        ]
        for row in order
    ]
    head = ["model", *(["recipe"] * several), "none 0"]
    head += [f"{name} {PERTURBATIONS[name].strengths[-1]:g}" for name in names]
    cell, images = group[0]["cell"], group[0]["raw"].get("images")
    units = "; ".join(f"{name}: {PERTURBATIONS[name].summary}, {PERTURBATIONS[name].unit}" for name in names)
    notes = [
        f"{words[0].upper()}{words[1:]}, {better} is better, where each perturbation is strongest; the curves between"
        f" are on the page. Over {images} scenes of the test split, {cell['size'][0]} x {cell['size'][1]} pixels; of"
        " PairBench the clean ones.",
        *([f"{units}."] if metric == next(iter(METRICS)) else []),
    ]
    recipe = "recipes of their own" if several else _how(group[0]).removeprefix(READY_MADE)
    amount = f", {cell['samples']:,} samples" if cell["samples"] else ""
    title = f"{words} under perturbations, {recipe}{amount} of {cell['data']}"
    return Table(title, head, body, [""] * len(body), notes)


def _how(record: Record) -> str:
    """What trained a network, and in which precision where that was not its recipe's."""
    return ", ".join(filter(None, (identity.recipe_of(record["cell"]), record["cell"].get("precision"))))


def _any(row: dict[str, list[Record]]) -> Record:
    return next(iter(row.values()))[0]


def _none(row: dict[str, list[Record]], metric: str) -> float:
    """Where nothing is perturbed: the same for every perturbation."""
    return _mean([record for found in row.values() for record in found], metric, 0)


def _mean(found: Sequence[Record], metric: str, place: int) -> float:
    known = [value for record in found if (value := record["values"][metric][place]) is not None]
    return float(np.mean(known)) if known else math.nan


def _told(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:.3f}"
