"""Findings as the tables that the page joins: models, machines, cost, speed, accuracy, sensitivity.

Every entry of a table names its model, machine and set by number; a cell that failed is an entry that says so.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.findings import Findings
from benchmarks.show.report.numbers import Data, Numbers, machines
from benchmarks.show.report.speed import speed
from benchmarks.show.report.trained import accuracy, sensitivity
from benchmarks.show.scores import Score, amount, counted
from benchmarks.show.sets import kind_of
from benchmarks.store.fields import plain
from benchmarks.store.record import Record, TrainedAs
from zoo import metrics


def tables(findings: Findings) -> Data:
    """Everything the page shows but its pictures."""
    found = findings.whole
    numbers, records = Numbers(found), found.records
    trained = accuracy(found, numbers)
    return {
        "models": [asdict(network) for network in found.networks.values()],
        "sizes": sorted({record.cell.size for record in records}),
        "machines": machines(records),
        "here": numbers.machine.get(found.here.identity) if found.here else None,
        "metrics": _metrics({name for one in trained for name in one["values"]}),
        "cost": [_cost(record, numbers) for record in records if record.measure == "cost"],
        "speed": speed(found, numbers),
        "sets": [_set(*key, scores) for key, scores in numbers.scores.items()],
        "accuracy": trained,
        "sensitivity": sensitivity(found, numbers),
        "units": {name: perturbation.unit for name, perturbation in PERTURBATIONS.items()},
        "problems": [_problem(record, numbers) for record in records if record.status != "done"],
        "records": len(records),
    }


def _set(data: str, trained_as: TrainedAs, scores: Sequence[Score]) -> Data:
    records = [record for score in scores for record in score.records]
    return {
        "data": data,
        "kind": kind_of(data),
        "recipe": trained_as.kind,
        "images": counted(records, "images"),
        "samples": amount(records),
        "precision": trained_as.precision,
    }


def _cost(record: Record, numbers: Numbers) -> Data:
    return {
        "model": numbers.model[record.spec],
        "size": record.cell.size,
        "failed": record.failed,
        **record.values,
    }


def _problem(record: Record, numbers: Numbers) -> Data:
    return {
        "model": numbers.model[record.spec],
        "machine": numbers.machine[record.machine.identity],
        "cell": plain(record.cell),
        **{name: getattr(record, name) for name in ("measure", "status", "failed", "date")},
    }


def _metrics(names: Collection[str]) -> dict[str, Data]:
    """What each metric in the records is: by its card, or by its name alone where it is a stranger's."""
    cards = {name: metrics.build(name).card for name in names if name in metrics.names()}
    known = {name: {"better": card.better, "unit": card.unit, "about": card.summary} for name, card in cards.items()}
    return {name: known.get(name, {"better": "neither", "unit": "", "about": ""}) for name in sorted(names)}
