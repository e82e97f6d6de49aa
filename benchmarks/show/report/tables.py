"""Records to the tables that the page joins: models, machines, cost, speed, accuracy, sensitivity.

Every entry of a table names its model, machine and set by number; a cell that failed is an entry that says so.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.report.accuracy import accuracy, in_order, sensitivity, set_label
from benchmarks.show.report.machines import Machines
from benchmarks.show.report.speed import compare, speed
from zoo import metrics
from zoo.architectures import rank

Record = Mapping[str, Any]
Data = dict[str, Any]


def tables(records: Iterable[Record], *, here: Mapping[str, Any] | None = None) -> Data:
    """Everything the page shows but its pictures; of a cell measured twice the later, unless that was interrupted.

    here: the machine whose times the page opens with, as records describe it.
    """
    chosen = _latest(records)
    models, specs = _models(chosen)
    machines = Machines()
    numbered = [
        {**record, "number": specs[record["spec"]], "on": machines.index(record), "size": tuple(record["cell"]["size"])}
        for record in chosen
    ]
    measured = {name: [r for r in numbered if r["measure"] == name] for name in {r["measure"] for r in numbered}}
    of: Callable[[str], list[Data]] = lambda name: measured.get(name, [])  # noqa: E731
    cells = speed([*of("latency"), *of("throughput"), *of("memory")])
    compare(cells, [model["name"] for model in models])
    trained = [*of("accuracy"), *of("sensitivity")]
    sets = in_order(trained)
    found = accuracy(of("accuracy"), sets)
    found.sort(key=lambda one: int(one["set"]))
    for one in found:
        one["name"] = models[one["model"]]["name"]
    return {
        "models": models,
        "sizes": sorted({record["size"] for record in numbered}),
        "machines": machines.found,
        "here": None if here is None else machines.index({"machine": here}),
        "metrics": _metrics({name for one in found for name in one["values"]}),
        "cost": [_cost(record) for record in of("cost")],
        "speed": cells,
        "sets": [set_label(key) for key in sets],
        "accuracy": found,
        "sensitivity": sensitivity(of("sensitivity"), sets),
        "units": {name: perturbation.unit for name, perturbation in PERTURBATIONS.items()},
        "problems": [_problem(record) for record in numbered if record["status"] != "done"],
        "records": len(numbered),
    }


def _latest(records: Iterable[Record]) -> list[Record]:
    found: dict[str, Record] = {}
    machines = Machines()
    for record in records:
        cell = sorted((name, str(value)) for name, value in record["cell"].items())
        key = repr((record["measure"], record["spec"], cell, machines.index(record)))
        before = found.get(key)
        if before is None or record["status"] != "interrupted" or before["status"] == "interrupted":
            found[key] = record
    return list(found.values())


def _models(records: Iterable[Record]) -> tuple[list[Data], dict[str, int]]:
    """Models by group and name; where two specs were asked for under one name, the spec is the name."""
    specs: dict[str, Record] = {}
    for record in records:
        specs.setdefault(record["spec"], record)
    asked = [record["model"] for record in specs.values()]
    ordered = sorted(specs.values(), key=lambda record: (rank(record["group"]), record["model"], record["spec"]))
    models = [
        {
            "name": record["model"] if asked.count(record["model"]) == 1 else record["spec"],
            "spec": record["spec"],
            "group": record["group"],
        }
        for record in ordered
    ]
    return models, {model["spec"]: number for number, model in enumerate(models)}


def _cost(record: Record) -> Data:
    return {
        "model": record["number"],
        "size": record["size"],
        "failed": record["failed"],
        **(record["values"] or {}),
    }


def _problem(record: Record) -> Data:
    return {
        "model": record["number"],
        "measure": record["measure"],
        "machine": record["on"],
        "cell": record["cell"],
        "status": record["status"],
        "failed": record["failed"],
        "date": record.get("date"),
    }


def _metrics(names: Iterable[str]) -> dict[str, Data]:
    """What each metric in the records is: by its card, or by its name alone where it is a stranger's."""
    found = {}
    for name in sorted(names):
        card = metrics.build(name).card if name in metrics.names() else None
        found[name] = {
            "better": card.better if card else "neither",
            "unit": card.unit if card else "",
            "about": card.summary if card else "",
        }
    return found
