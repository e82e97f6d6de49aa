"""What is to be measured: cells, each with an identity that a record keeps, so that none is measured twice.

A cell is one measure of one network under one setting. Its key is made of what decides the result; a time or a memory
also belongs to its machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import cast

from benchmarks.measures import ready_made, training_recipe
from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.networks import engines
from benchmarks.networks.entrants import Entrant
from benchmarks.plan.comparison import Comparison
from benchmarks.store.identity import key
from benchmarks.store.names import BASELINE, EFFORT, EQUAL, MEASURES, OWN, READY_MADE
from benchmarks.store.record import AccuracySettings, CostSettings, SensitivitySettings, Settings, TimedSettings
from zoo.data.dataset import parse
from zoo.metrics import enter, metrics
from zoo.own import code_of

NOT_IN_TITLES = ("size", "device", "test_images", "code", "metrics", "test")  # in a title


@dataclass(frozen=True)
class Cell:
    """One measure of one network under one setting."""

    measure: str
    entrant: Entrant
    settings: Settings

    @property
    def key(self) -> str:
        return key(self.measure, self.entrant.spec, self.settings)

    @property
    def title(self) -> str:
        """For progress and problems."""
        words = [
            value for name, value in vars(self.settings).items() if name not in NOT_IN_TITLES and value is not None
        ]
        words = ["{} x {}".format(*self.settings.size), *words]
        test = getattr(self.settings, "test", None)
        words += [f"tested on {test}"] if test else []
        return ", ".join([f"{self.measure} of {self.entrant.asked}", *map(str, words)])

    @property
    def timed(self) -> TimedSettings:
        return cast("TimedSettings", self.settings)

    @property
    def accuracy(self) -> AccuracySettings:
        return cast("AccuracySettings", self.settings)

    @property
    def sensitivity(self) -> SensitivitySettings:
        return cast("SensitivitySettings", self.settings)


def plan(entrants: Sequence[Entrant], asked: Comparison) -> list[Cell]:
    """All cells of a comparison, in the order in which they are measured."""
    enter(asked.metric)
    cells = [
        Cell(measure, entrant, settings)
        for measure in MEASURES
        if measure in asked.measure
        for entrant in entrants
        for settings in _settings(measure, entrant, asked)
    ]
    return list({cell.key: cell for cell in cells}.values())  # none twice, whatever was asked for twice


def _settings(measure: str, entrant: Entrant, asked: Comparison) -> Sequence[Settings]:
    code = entrant.code
    if measure == "cost":
        return [CostSettings(size, code) for size in asked.sizes]
    if measure in ("latency", "throughput"):
        return _timed(asked, (1,) if measure == "latency" else asked.batches, code)
    if measure == "memory":
        return [
            TimedSettings(size, 1, precision, asked.layouts[0], "eager", device_type(asked), code)
            for size, precision in product(asked.sizes, asked.precisions)
        ]
    trained = [_with_code(cell, entrant) for cell in _trainings(entrant, asked)]
    if measure == "accuracy":
        return trained
    return [SensitivitySettings(**vars(cell), perturbation=name) for cell in trained for name in PERTURBATIONS]


def device_type(asked: Comparison) -> str:
    """cpu or cuda, whichever of several."""
    return asked.device.partition(":")[0]


def _timed(asked: Comparison, batches: Sequence[int | None], code: str | None) -> list[TimedSettings]:
    """Engines with the precisions and layouts that they can do; one that can do none of them stays, to say so."""
    every = set(product(asked.engines, asked.precisions, asked.layouts))
    can = {each for each in every if each[0] != "onnxruntime" or each[1:] == engines.ONNX}
    can |= {each for each in every if each[0] not in {engine for engine, *_ in can}}
    return [
        TimedSettings(size, batch, precision, layout, engine, device_type(asked), code)
        for size, batch, precision, engine, layout in product(
            asked.sizes, batches, asked.precisions, asked.engines, asked.layouts
        )
        if (engine, precision, layout) in can
    ]


def _trainings(entrant: Entrant, asked: Comparison) -> list[AccuracySettings]:
    if asked.weights is not None:
        digest = ready_made.digest_of(asked.weights, entrant)
        name = f"{READY_MADE}{asked.weights}"
        return [
            AccuracySettings(asked.train_size, data, name, None, None, asked.scenes, weights=digest)
            for data in asked.data
        ]
    name = asked.recipes
    if entrant.group == BASELINE and name != EFFORT:
        name = EQUAL  # five numbers need no recipe of their own, and the same row serves every table
    elif name == OWN:
        name = training_recipe.own(entrant.asked.name) or EQUAL
    if entrant.group != BASELINE:
        name = training_recipe.with_losses(name, asked.loss)
    content, precision = training_recipe.content(name), asked.train_precision
    return [
        AccuracySettings(asked.train_size, data, name, asked.samples, seed, asked.scenes, precision, content, test=test)
        for data, seed, test in product(asked.data, asked.seeds, asked.test or (None,))
    ]


def _with_code(cell: AccuracySettings, entrant: Entrant) -> AccuracySettings:
    """With digests of the code of others that it depends on, beside that of its recipe."""
    code = _joined(entrant.code, code_of(parse(cell.data)[0].factory))
    sets = [parse(cell.test)[0]] if cell.test else []
    return replace(cell, code=code, metrics=_joined(*(code_of(entry.factory) for entry in [*metrics, *sets])))


def _joined(*digests: str | None) -> str | None:
    return "+".join(filter(None, digests)) or None
