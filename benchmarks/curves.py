"""What is left of a network's accuracy when pairs are perturbed, as a table: where each perturbation is strongest."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import cells
from benchmarks.results import Record
from benchmarks.sensitivity import PERTURBATIONS
from benchmarks.tables import Table
from zoo.architectures import rank

METRICS = {
    "mask_iou": ("mask IoU", "higher", -1),
    "depth_rmse": ("depth RMSE", "lower", 1),
}  # words, better, to sort by
MISSING = "-"


def curves(records: Iterable[Record]) -> list[Table]:
    """A table for each metric and each way, size and data of training."""
    alike: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for record in records:
        if record["measure"] == "sensitivity" and record["values"]:
            cell = record["cell"]
            alike[cell["data"], *cells.way(cell), *cell["size"]].append(record)
    return [found for group in alike.values() for metric in METRICS if (found := _table(group, metric)).body]


def _table(group: Sequence[Record], metric: str) -> Table:
    words, better, direction = METRICS[metric]
    names = [name for name in PERTURBATIONS if any(record["cell"]["perturbation"] == name for record in group)]
    rows: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in group:
        if record["values"].get(metric):
            rows[record["model"], cells.recipe_of(record["cell"])][record["cell"]["perturbation"]].append(record)
    order = sorted(rows.values(), key=lambda row: (rank(_any(row)["group"]), direction * _at(row, metric, 0)))
    several = len({recipe for _, recipe in rows}) > 1
    body = [
        [
            _any(row)["model"],
            *([cells.recipe_of(_any(row)["cell"])] * several),
            f"{_at(row, metric, 0):.3f}",
            *(f"{_mean(row[name], metric, -1):.3f}" if name in row else MISSING for name in names),
        ]
        for row in order
    ]
    head = ["model", *(["recipe"] * several), "none 0"]
    head += [f"{name} {PERTURBATIONS[name].strengths[-1]:g}" for name in names]
    one = group[0]
    units = "; ".join(f"{name}: {PERTURBATIONS[name].summary}, {PERTURBATIONS[name].unit}" for name in names)
    notes = [
        f"{words[0].upper()}{words[1:]}, {better} is better, where each perturbation is"
        f" strongest; the curves between are on the page. Over {one['raw'].get('images')} scenes of the test split,"
        f" {one['cell']['size'][0]} x {one['cell']['size'][1]} pixels; of PairBench the clean ones.",
        *([f"{units}."] if metric == next(iter(METRICS)) else []),
    ]
    title = f"{words} under perturbations, trained on {one['cell']['data']}"
    return Table(title, head, body, [""] * len(body), notes)


def _any(row: dict[str, list[Record]]) -> Record:
    return next(iter(row.values()))[0]


def _at(row: dict[str, list[Record]], metric: str, place: int) -> float:
    """Over all perturbations: the same for each where they are of strength 0."""
    return _mean([record for found in row.values() for record in found], metric, place)


def _mean(found: Sequence[Record], metric: str, place: int) -> float:
    return float(np.mean([record["values"][metric][place] for record in found]))
