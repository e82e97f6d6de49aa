"""What is to be measured: cells, each with an identity that a record keeps, so that none is measured twice.

A cell is one measure of one network under one setting. Its key is made of what decides the result; a time or a memory
also belongs to its machine.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import accuracy, engines, recipe
from benchmarks.entrants import Entrant
from benchmarks.presets import MEASURES
from benchmarks.results import Record

OF_MACHINE = ("latency", "throughput", "memory")  # measures whose result is the machine's too
BASELINE = "baseline"  # the group of the rows that are no networks
EQUAL, OWN, READY = "equal", "own", "weights"  # ways of training: one recipe for all, a network's own, or none here
READY_MADE = f"{READY}:"  # how the recipe of ready-made weights begins
MACHINE = ("device", "device_name", "cpu", "cores", "threads", "torch", "driver", "cuda", "cudnn", "memory_bytes")


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
    return list({cell.key: cell for cell in cells}.values())  # none twice, whatever was asked for twice


def done(records: Iterable[Record], machine: Mapping[str, Any] | None) -> set[str]:
    """The keys of what is measured already, on this machine where that matters; failures count, they are results.
    A curve that failed does not: it may have wanted no more than a training, and is soon tried again.

    machine: None for any, as in a cluster, whose machines are not known beforehand.
    """
    return {
        key_of(record)
        for record in records
        if record["status"] != "interrupted"
        and not (record["measure"] == "sensitivity" and record["failed"])
        and (machine is None or record["measure"] not in OF_MACHINE or same(record["machine"], machine))
    }


def latest(records: Iterable[Record]) -> list[Record]:
    """Of each cell the last record, unless that was interrupted; of times and memory the last of each machine."""
    found: dict[tuple[str, tuple[Any, ...]], Record] = {}
    for record in records:
        key = (key_of(record), where(record["machine"]) if record["measure"] in OF_MACHINE else ())
        if key not in found or record["status"] != "interrupted" or found[key]["status"] == "interrupted":
            found[key] = record
    return list(found.values())


def key_of(record: Record) -> str:
    return _key(record["measure"], record["spec"], record["cell"])


def way(settings: Mapping[str, Any]) -> tuple[str, Any, Any, Any]:
    """What must be the same for trained networks to be compared: EQUAL, OWN or READY, samples, precision with what the
    one recipe says where it was changed, test images.

    The machine need not be, for what was learned does not depend on it. A recipe of its own has its own precision.
    """
    name = str(settings.get("recipe"))
    kind = EQUAL if name == EQUAL else READY if name.startswith(READY_MADE) else OWN
    told = [settings.get(name) for name in ("precision", "content") if kind == EQUAL]
    return kind, settings.get("samples"), ", ".join(filter(None, told)) or None, settings.get("test_images")


def lends(baseline: Sequence[Any], table: Sequence[Any]) -> bool:
    """Whether rows that are no networks, trained one way, stand in a table of another too: they have no recipe of their
    own, and with those that have, they stand as trained by the one."""
    return (table[0], baseline[0]) == (OWN, EQUAL) and (baseline[1], baseline[3]) == (table[1], table[3])


def recipe_of(settings: Mapping[str, Any]) -> str:
    """A recipe's name, with the digest of what it says where that was changed, or is a file's.

    >>> recipe_of({"recipe": "equal"}), recipe_of({"recipe": "equal", "content": "0123456789abcdef"})
    ('equal', 'equal@01234567')
    """
    name = str(settings.get("recipe"))
    return f"{name.rpartition('/')[2]}@{settings['content'][:8]}" if settings.get("content") else name


def where(machine: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a machine another one, as far as times go."""
    return tuple(machine.get(name) for name in MACHINE)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two descriptions are of machines whose times may be compared."""
    return where(one) == where(other)


def _key(measure: str, spec: str, settings: Mapping[str, Any]) -> str:
    return json.dumps([measure, spec, settings], sort_keys=True)


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
        digest = {"weights": accuracy.digest_of(Path(wanted.weights), entrant)}
        return [{**size, "data": data, **ready, "test_images": wanted.test_images, **digest} for data in wanted.data]
    name = wanted.recipes
    if entrant.group == BASELINE:
        name = EQUAL  # five numbers need no recipe of their own, and the same row serves every table
    elif name == OWN:
        name = recipe.own(entrant.asked.name) or EQUAL
    trained: dict[str, Any] = {"recipe": name, "samples": wanted.samples, **recipe.content(name)}
    precision = {"precision": wanted.train_precision} if wanted.train_precision else {}
    return [
        {**size, "data": data, **trained, "seed": seed, "test_images": wanted.test_images, **precision}
        for data, seed in product(wanted.data, wanted.seeds)
    ]
