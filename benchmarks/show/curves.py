"""What is left of a network's accuracy when pairs are perturbed: the curves, and a table of where each is strongest."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.networks import Network
from benchmarks.show.scores import HARDNESS, HEADLINE, alike, known_first, known_or_zero, seeded
from benchmarks.show.table import MISSING, Table
from benchmarks.store.names import READY_MADE
from benchmarks.store.record import AccuracySettings, Record
from zoo.architectures import rank


@dataclass
class Curves:
    """One trained network under every perturbation, at strengths from 0 up: means over seeds."""

    network: Network
    cell: AccuracySettings  # without the seed
    records: dict[str, list[Record]] = field(default_factory=dict)  # by perturbation, one for each seed

    def mean(self, metric: str, perturbation: str) -> list[float]:
        """At each strength, nan where nothing is known."""
        found = [record.values.get(metric) or () for record in self.records.get(perturbation, ())]
        return [_mean(column) for column in zip(*filter(None, found), strict=False)]

    def unperturbed(self, metric: str) -> float:
        """The same for every perturbation."""
        found = [record.values.get(metric) for records in self.records.values() for record in records]
        return _mean([values[0] for values in found if values])

    @property
    def good(self) -> float:
        return known_or_zero(self.unperturbed(HARDNESS))

    @property
    def recipe(self) -> str:
        """What trained it, and in which precision where that was not its recipe's."""
        return ", ".join(filter(None, (self.cell.recipe_title, self.cell.precision)))


def curves(records: Iterable[Record], networks: Mapping[str, Network]) -> list[list[Curves]]:
    """Those that may be compared: of one way of training, size and data, in the order of the tables of accuracy."""
    found: dict[Hashable, Curves] = {}
    for record in records:
        if record.measure == "sensitivity" and record.values:
            cell = record.sensitivity
            trained = AccuracySettings(**{each.name: getattr(cell, each.name) for each in fields(AccuracySettings)})
            key = (record.spec, trained.unseeded)
            own = found.setdefault(key, Curves(networks[record.spec], trained.unseeded)).records
            before = own.get(cell.perturbation, [])
            same = [old for old in before if old.values["strength"] == record.values["strength"]]
            own[cell.perturbation] = seeded(same, record)
    return [*alike(found.values(), lambda each: (each.cell.size, each.cell.data)).values()]


def tables(groups: Iterable[Sequence[Curves]]) -> list[Table]:
    """A table for each metric of each group."""
    return [found for group in groups for metric in HEADLINE if (found := _table(group, metric)).body]


def _table(group: Sequence[Curves], metric: str) -> Table:
    words, direction = HEADLINE[metric]
    known = [each for each in group if any(any(map(math.isfinite, each.mean(metric, n))) for n in each.records)]
    known.sort(key=lambda each: (rank(each.network.group), known_first(direction * each.unperturbed(metric))))
    names = [name for name in PERTURBATIONS if any(name in each.records for each in group)]
    several = len({each.recipe for each in known}) > 1
    body = [
        [
            each.network.name,
            *([each.recipe] * several),
            _told([each.unperturbed(metric)]),
            *(_told(each.mean(metric, name)) for name in names),
        ]
        for each in known
    ]
    head = ["model", *(["recipe"] * several), "none 0"]
    head += [f"{name} {PERTURBATIONS[name].strengths[-1]:g}" for name in names]
    recipe = "recipes of their own" if several else group[0].recipe.removeprefix(READY_MADE)
    amount = f", {group[0].cell.samples:,} samples" if group[0].cell.samples else ""
    title = f"{words} under perturbations, {recipe}{amount} of {group[0].cell.data}"
    return Table(title, head, body, _notes(group[0], metric, names))


def _notes(one: Curves, metric: str, names: Sequence[str]) -> list[str]:
    words, direction = HEADLINE[metric]
    better = f"{words[0].upper()}{words[1:]}, {'higher' if direction > 0 else 'lower'} is better"
    images = next(iter(one.records.values()))[0].raw.images
    units = "; ".join(f"{name}: {PERTURBATIONS[name].summary}, {PERTURBATIONS[name].unit}" for name in names)
    return [
        f"{better}, at the greatest strength of each perturbation; the whole curves are on the page. {images} scenes of"
        f" the test split, of PairBench the clean ones, {one.cell.size[0]} x {one.cell.size[1]} pixels.",
        *([f"{units}."] if metric == HARDNESS else []),
    ]


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _told(values: Sequence[float]) -> str:
    """The last of them."""
    return MISSING if not values or math.isnan(values[-1]) else f"{values[-1]:.3f}"
