"""What is to be measured: cells, each with an identity that a record keeps, so that none is measured twice.

A cell is one measure of one network under one setting. Its key is made of what decides the result; a time or a memory
also belongs to its machine.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks import accuracy
from benchmarks.entrants import Entrant
from benchmarks.presets import MEASURES
from benchmarks.results import Record

OF_MACHINE = ("latency", "throughput", "memory")  # measures whose result is the machine's too
EQUAL, OWN, READY = "equal", "own", "weights"  # ways of training: one recipe for all, a network's own, or none here
READY_MADE = f"{READY}:"  # how the recipe of ready-made weights begins
MACHINE = ("device_name", "threads", "torch", "driver")  # facts that make it another machine


@dataclass(frozen=True)
class Wanted:
    """The settings of a comparison: every combination is a cell."""

    measures: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    batches: tuple[int | None, ...]  # of throughput; None: the largest that fits
    precisions: tuple[str, ...]
    layouts: tuple[str, ...]
    engines: tuple[str, ...]
    device: str
    data: tuple[str, ...]
    recipes: str  # one for all, or own: each network's own
    samples: int | None  # of each training; None: the recipe's
    seeds: tuple[int, ...]
    test_images: int
    train_size: tuple[int, int]
    train_precision: str | None = None  # None: the recipe's
    perturbations: tuple[str, ...] = ()
    weights: str | None = None  # a folder of ready-made files, in place of training


@dataclass(frozen=True)
class Cell:
    """One measure of one network under one setting."""

    measure: str
    entrant: Entrant
    settings: Mapping[str, Any]

    @property
    def key(self) -> str:
        return _key(self.measure, self.entrant.spec, self.settings)

    @property
    def title(self) -> str:
        """For progress and problems."""
        words = [str(value) for name, value in self.settings.items() if name not in ("size", "device", "test_images")]
        h, w = self.settings["size"]
        return f"{self.measure} of {self.entrant.asked}, {h} x {w}" + "".join(f", {word}" for word in words)


def plan(entrants: Sequence[Entrant], wanted: Wanted) -> list[Cell]:
    """All cells of a comparison, in the order in which they are measured."""
    cells: list[Cell] = []
    for measure in MEASURES:
        if measure in wanted.measures:
            cells += [
                Cell(measure, entrant, settings)
                for entrant in entrants
                for settings in _settings(measure, entrant, wanted)
            ]
    return cells


def done(records: Iterable[Record], machine: Mapping[str, Any]) -> set[str]:
    """The keys of what is measured already, on this machine where that matters; failures count, they are results."""
    return {
        key_of(record)
        for record in records
        if record["status"] != "interrupted"
        and (record["measure"] not in OF_MACHINE or same(record["machine"], machine))
    }


def key_of(record: Record) -> str:
    return _key(record["measure"], record["spec"], record["cell"])


def way(settings: Mapping[str, Any]) -> str:
    """How the network of an accuracy was trained: EQUAL, OWN or READY."""
    recipe = str(settings.get("recipe"))
    return EQUAL if recipe == EQUAL else READY if recipe.startswith(READY_MADE) else OWN


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two descriptions are of machines whose times may be compared."""
    return all(one.get(name) == other.get(name) for name in MACHINE)


def _key(measure: str, spec: str, settings: Mapping[str, Any]) -> str:
    return json.dumps([measure, spec, settings], sort_keys=True)


def _settings(measure: str, entrant: Entrant, wanted: Wanted) -> list[dict[str, Any]]:
    sizes = [list(size) for size in wanted.sizes]
    if measure == "cost":
        return [{"size": size} for size in sizes]
    if measure in ("latency", "throughput"):
        batches: tuple[int | None, ...] = (1,) if measure == "latency" else wanted.batches
        return [
            {
                "size": size,
                "batch": batch,
                "precision": precision,
                "layout": layout,
                "engine": engine,
                "device": wanted.device,
            }
            for size, batch, precision, engine, layout in product(
                sizes, batches, wanted.precisions, wanted.engines, wanted.layouts
            )
        ]
    if measure == "memory":
        return [
            {
                "size": size,
                "batch": 1,
                "precision": precision,
                "layout": wanted.layouts[0],
                "engine": "eager",
                "device": wanted.device,
            }
            for size, precision in product(sizes, wanted.precisions)
        ]
    trained = _trainings(entrant, wanted)
    if measure == "accuracy":
        return trained
    return [{**cell, "perturbation": name} for cell in trained for name in wanted.perturbations]


def _trainings(entrant: Entrant, wanted: Wanted) -> list[dict[str, Any]]:
    recipe = wanted.recipes
    if recipe == OWN:
        recipe = accuracy.own_recipe(entrant.asked.name) or EQUAL
    changes = {"precision": wanted.train_precision} if wanted.train_precision else {}
    return [
        {
            "size": list(wanted.train_size),
            "data": data,
            "recipe": recipe if wanted.weights is None else f"{READY_MADE}{wanted.weights}",
            "samples": wanted.samples,
            "seed": seed,
            "test_images": wanted.test_images,
            **changes,
        }
        for data, seed in product(wanted.data, wanted.seeds)
    ]
