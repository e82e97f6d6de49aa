"""Accuracy and sensitivity as the page reads them."""

import numpy as np

from benchmarks.show import again
from benchmarks.show.findings import Findings
from benchmarks.show.report.numbers import Data, Numbers
from benchmarks.show.scores import CURVED, HEADLINE, Board, Score, places
from benchmarks.show.sets import short


def accuracy(found: Findings, numbers: Numbers) -> list[Data]:
    """One entry per network, size, set and recipe, by set: values are [mean over seeds, low, high, spread]."""
    entries = []
    for board, data in found.sets:
        marks = {metric: places(board.on(data), metric) for metric in HEADLINE}
        for score in board.on(data):
            place = {metric: marks[metric][id(score)] for metric in HEADLINE if marks[metric].get(id(score))}
            entries.append(_entry(score, board, numbers) | {"place": place})
    return sorted(entries, key=lambda entry: int(entry["set"]))


def _entry(score: Score, board: Board, numbers: Numbers) -> Data:
    records, cell = score.records, score.cell
    every = [*records, *score.lost]
    names = {name: None for record in records for name in record.values if name != "seconds"}
    seconds = [took - record.raw.paused for record in records if (took := record.value("seconds")) is not None]
    return {
        "model": numbers.model[score.network.spec],
        "name": score.network.name,
        "size": cell.size,
        "set": numbers.set[cell.tested_on, board.trained_as],
        "machine": numbers.machine[every[0].machine.identity],
        "recipe": cell.recipe_title,
        "learned": short(cell.data) if cell.test else None,
        "samples": max(filter(None, (record.samples for record in records)), default=None),
        "precision": cell.precision,
        "test_images": max(filter(None, (record.images for record in records)), default=None),
        "seeds": [record.accuracy.seed for record in records],
        "values": {name: _value(score, name) for name in names},
        "seconds": _known(float(np.mean(seconds))) if seconds else None,
        "rates": [[vars(tried) for tried in record.raw.rates or ()] for record in records],
        "curves": [[vars(look) for look in record.raw.curve or ()] for record in records],
        "gallery": next((record.gallery for record in records if record.gallery), None),
        "status": score.lost[-1].status if score.lost else "done",
        "failed": next((record.failed for record in score.lost if record.failed), None),
        "date": max(str(record.date or "") for record in every),
        "trained": _trained(score),
        "again": again.of(records),
    }


def _value(score: Score, name: str) -> list[float | None]:
    return [_known(each) for each in (score.value(name), *score.interval(name), score.spread(name))]


def _known(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _trained(score: Score) -> str:
    """Where and when, as the trainings themselves say it."""
    said = [record.raw.trained for record in score.records if record.raw.trained]
    words = (f"{facts.get('device_name')}, torch {facts.get('torch')}, {str(facts.get('date'))[:10]}" for facts in said)
    return "; ".join(dict.fromkeys(words))


def sensitivity(found: Findings, numbers: Numbers) -> list[Data]:
    """One entry per network, size, set and perturbation: lists over the strength, mean over seeds."""
    return [
        {
            "model": numbers.model[one.network.spec],
            "size": one.cell.size,
            "set": numbers.set[one.cell.tested_on, group[0].cell.trained_as],
            "perturbation": one.perturbation,
            "strength": one.strengths,
            "images": one.records[0].raw.images,
        }
        | {metric: [*map(_known, one.means(metric))] for metric in CURVED}
        for group in found.curves
        for one in group
    ]
