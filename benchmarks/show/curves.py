"""Accuracy under perturbations: a table with each perturbation at its greatest strength."""

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.show.scores import CURVED, HARDNESS, Score, amount, by_training, counted, known_first
from benchmarks.show.sets import kind_of
from benchmarks.show.table import MISSING, Table, decimals
from benchmarks.store.names import READY_MADE
from zoo.architectures import rank


def tables(groups: Iterable[Sequence[Score]]) -> list[Table]:
    """A table for each metric of each group."""
    return [found for group in groups for metric in CURVED if (found := _table(group, metric)).body]


def _table(group: Sequence[Score], metric: str) -> Table:
    words, direction = CURVED[metric]
    known = [score for score in group if np.isfinite(score.means(metric)).any()]
    trained = by_training(known, lambda score: score.perturbation)
    rows = [(next(iter(by_name.values())), by_name) for by_name in trained]
    rows.sort(key=lambda row: (rank(row[0].network.group), known_first(direction * row[0].value(metric))))
    names = [name for name in PERTURBATIONS if any(score.perturbation == name for score in known)]
    greatest = {name: _greatest([score for score in known if score.perturbation == name]) for name in names}
    several = len({_recipe(one) for one, _ in rows}) > 1
    body = [
        [
            one.network.name,
            *([_recipe(one)] * several),
            decimals(one.value(metric)),  # unperturbed, it is the same for every perturbation
            *(_value(by_name.get(name), metric, greatest[name]) for name in names),
        ]
        for one, by_name in rows
    ]
    head = ["model", *(["recipe"] * several), "none 0"]
    head += [f"{name} {greatest[name]:g}" for name in names]
    recipe = "recipes of their own" if several else _recipe(group[0]).removeprefix(READY_MADE)
    seen = amount([record for one, _ in rows for record in one.records])
    cell = group[0].cell
    title = f"{words} under perturbations, {recipe}{', ' * bool(seen)}{seen} of {cell.data}"
    title += f", tested on {cell.test}" if cell.test else ""
    title += f", {kind}" if (kind := kind_of(cell.tested_on)) else ""
    return Table(title, head, body, _notes(group[0], metric, names))


def _greatest(scores: Sequence[Score]) -> float:
    """The greatest strength that all were measured at: older records stop earlier. All have 0."""
    return max(set.intersection(*(set(score.strengths) for score in scores)))


def _value(score: Score | None, metric: str, strength: float) -> str:
    return MISSING if score is None else decimals(score.means(metric)[score.strengths.index(strength)])


def _recipe(one: Score) -> str:
    """The recipe, and the precision if it is not the recipe's own."""
    return ", ".join(filter(None, (one.cell.recipe_title, one.cell.precision)))


def _notes(one: Score, metric: str, names: Sequence[str]) -> list[str]:
    words, direction = CURVED[metric]
    better = f"{words[0].upper()}{words[1:]}, {'higher' if direction > 0 else 'lower'} is better"
    units = "; ".join(f"{name}: {PERTURBATIONS[name].summary}, {PERTURBATIONS[name].unit}" for name in names)
    return [
        f"{better}, at the greatest strength of each perturbation; the whole curves are on the page."
        f" {counted(one.records, 'images')} scenes of the test split (of PairBench the clean ones), "
        f"{' x '.join(map(str, one.cell.size))} pixels.",
        *([f"{units}."] if metric in (HARDNESS, "mask_false_area") else []),
    ]
