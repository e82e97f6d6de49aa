"""What is to be measured: cells, each with an identity that a record keeps, so that none is measured twice.

A cell is one measure of one network under one setting. Its key is made of what decides the result; a time or a memory
also belongs to its machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measures import ready_made, training_recipe
from benchmarks.networks import engines
from benchmarks.networks.entrants import Entrant
from benchmarks.store.identity import key
from benchmarks.store.names import BASELINE, EQUAL, MEASURES, OWN, READY_MADE


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
        return key(self.measure, self.entrant.spec, self.settings)

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
    return list({cell.key: cell for cell in cells}.values())  # none twice, whatever was asked for twice


def _settings(measure: str, entrant: Entrant, wanted: Wanted) -> list[dict[str, Any]]:
    sizes = [list(size) for size in wanted.sizes]
    if measure == "cost":
        return [{"size": size} for size in sizes]
    if measure in ("latency", "throughput"):
        batches: tuple[int | None, ...] = (1,) if measure == "latency" else wanted.batches
        can = _possible(wanted)
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
            if (engine, precision, layout) in can
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


def _possible(wanted: Wanted) -> set[tuple[str, str, str]]:
    """Engines with the precisions and layouts that they can do; one that can do none of them stays, to say so."""
    every = set(product(wanted.engines, wanted.precisions, wanted.layouts))
    can = {each for each in every if each[0] != "onnxruntime" or each[1:] == engines.ONNX}
    return can | {each for each in every if each[0] not in {engine for engine, *_ in can}}


def _trainings(entrant: Entrant, wanted: Wanted) -> list[dict[str, Any]]:
    size = {"size": list(wanted.train_size)}
    if wanted.weights is not None:
        ready = {"recipe": f"{READY_MADE}{wanted.weights}", "samples": None, "seed": None}
        digest = {"weights": ready_made.digest_of(Path(wanted.weights), entrant)}
        return [{**size, "data": data, **ready, "test_images": wanted.test_images, **digest} for data in wanted.data]
    name = wanted.recipes
    if entrant.group == BASELINE:
        name = EQUAL  # five numbers need no recipe of their own, and the same row serves every table
    elif name == OWN:
        name = training_recipe.own(entrant.asked.name) or EQUAL
    trained: dict[str, Any] = {"recipe": name, "samples": wanted.samples, **training_recipe.content(name)}
    precision = {"precision": wanted.train_precision} if wanted.train_precision else {}
    return [
        {**size, "data": data, **trained, "seed": seed, "test_images": wanted.test_images, **precision}
        for data, seed in product(wanted.data, wanted.seeds)
    ]
