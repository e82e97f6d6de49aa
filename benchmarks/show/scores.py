"""What each network achieves on each data set and under each perturbation, which networks may be compared, and which
of them is best."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from benchmarks.show.networks import Figure, Network
from benchmarks.show.speeds import RATE
from benchmarks.statistics import paired
from benchmarks.store.names import BASELINE, FOR_ALL
from benchmarks.store.record import AccuracySettings, Record, Size, TrainedAs
from zoo import metrics
from zoo.architectures import rank

HARDNESS = "mask_iou"
HEADLINE = {"mask_iou": ("mask IoU", 1), "depth_rmse": ("depth RMSE", -1)}  # in words, and 1 where higher is better
CURVED = {**HEADLINE, "mask_false_area": ("false-positive area", -1)}  # what curves of sensitivity are of


def counted(records: Iterable[Record], what: Literal["images", "samples"]) -> str:
    """How many images or samples the networks had, from the least to the most; empty if no record says."""
    known = sorted({many for record in records if (many := getattr(record, what)) is not None})
    return " to ".join(f"{many:,}" for many in dict.fromkeys((known[0], known[-1]))) if known else ""


def amount(records: Sequence[Record]) -> str:
    """How many samples the networks were trained on; if no record says, about how many were asked for."""
    asked = sorted({many for record in records if (many := record.accuracy.samples) is not None})
    if seen := counted(records, "samples"):
        return f"{seen} samples"
    return f"about {' or '.join(f'{many:,}' for many in asked)} samples" if asked else ""


@dataclass
class Score:
    """One network on one data set, as it is or under one perturbation: means over seeds, their interval and spread."""

    network: Network
    cell: AccuracySettings  # without the seed
    records: list[Record] = field(default_factory=list)  # one for each seed
    lost: list[Record] = field(default_factory=list)  # that failed

    @property
    def how(self) -> tuple[str, ...]:
        """What distinguishes the trainings of one board."""
        learned = self.cell.data if self.cell.test else ""  # else each column has networks of its own data
        return self.network.spec, self.cell.recipe_title, str(self.cell.precision), str(self.cell.weights), learned

    @property
    def perturbation(self) -> str:
        return self.records[0].sensitivity.perturbation

    @property
    def strengths(self) -> list[float]:
        """Of its perturbation; all its records have the same."""
        found: list[float] = self.records[0].values["strength"]
        return found

    def means(self, name: str) -> list[float]:
        """One for each strength of a perturbation, nan where nothing is known; one in all without a perturbation."""
        found = [record.values.get(name) for record in self.records]
        rows = [np.array(values, dtype=float, ndmin=1) for values in found if values not in (None, [])]
        return np.ma.masked_invalid(rows).mean(axis=0).filled(math.nan).tolist() if rows else []

    def value(self, name: str) -> float:
        """Unperturbed."""
        return next(iter(self.means(name)), math.nan)

    def interval(self, name: str) -> tuple[float, float]:
        """95 %, of images and seeds."""
        return paired.interval(self.records, name) if self.records else (math.nan, math.nan)

    def figure(self, name: str) -> Figure:
        return Figure.of(self.value(name), self.interval(name))

    def spread(self, name: str) -> float:
        """The standard deviation over seeds; nan of one."""
        found = [value for record in self.records if (value := record.value(name)) is not None]
        return float(np.std(found, ddof=1)) if len(found) > 1 else math.nan

    @property
    def good(self) -> float:
        """The mask IoU, 0 where none is known."""
        return float(np.nan_to_num(self.value(HARDNESS)))


@dataclass
class Board:
    """Scores that may be compared: trained alike and tested at one size, with the baselines added."""

    trained_as: TrainedAs
    size: Size
    scores: list[Score]

    @property
    def records(self) -> list[Record]:
        return [record for score in self.scores for record in score.records]

    @property
    def data(self) -> list[str]:
        """What was tested on."""
        return list(dict.fromkeys(score.cell.tested_on for score in self.scores))

    @cached_property
    def hardest(self) -> list[str]:
        """The data sets, hardest first: the one on which the best network is worst."""
        last_first = self.data[::-1]
        return sorted(last_first, key=lambda data: max(score.good for score in self.on(data)))

    def on(self, data: str) -> list[Score]:
        return [score for score in self.scores if score.cell.tested_on == data]


def scores(records: Iterable[Record], networks: Mapping[str, Network]) -> list[Score]:
    """Every network on every data set, the best mask first within a group; of two trainings with one seed the later."""
    found = _scores("accuracy", records, networks)
    return sorted(found, key=lambda score: (score.cell.tested_on, rank(score.network.group), -score.good))


def curves(records: Iterable[Record], networks: Mapping[str, Network]) -> list[list[Score]]:
    """Every network under every perturbation: groups of what may be compared, in the order of boards."""
    found = [score for score in _scores("sensitivity", records, networks) if score.records]
    return [*alike(found, lambda score: (score.cell.size, score.cell.data, score.cell.test)).values()]


def _scores(measure: str, records: Iterable[Record], networks: Mapping[str, Network]) -> list[Score]:
    found: dict[Hashable, Score] = {}
    for record in records:
        if record.measure == measure:
            cell = record.accuracy.unseeded
            score = found.setdefault((record.spec, cell), Score(networks[record.spec], cell))
            if record.status == "done":
                score.records = [old for old in score.records if _stands_beside(old, record)] + [record]
            else:
                score.lost.append(record)
    return [*found.values()]


def _stands_beside(old: Record, new: Record) -> bool:
    """Whether two records are of two seeds, and of the same strengths where they are of a perturbation."""
    return old.accuracy.seed != new.accuracy.seed and old.values.get("strength") == new.values.get("strength")


def by_training(found: Iterable[Score], column: Callable[[Score], str]) -> list[dict[str, Score]]:
    """The rows of a table: of each training its scores by column."""
    rows: dict[tuple[str, ...], dict[str, Score]] = {}
    for score in found:
        rows.setdefault(score.how, {})[column(score)] = score
    return [*rows.values()]


def boards(found: Iterable[Score]) -> list[Board]:
    """What may be compared, in the order of `order`."""
    groups = alike(found, lambda score: score.cell.size)
    return [Board(trained_as, group[0].cell.size, group) for (trained_as, _), group in groups.items()]


def alike(found: Iterable[Score], place: Callable[[Score], Hashable]) -> dict[tuple[TrainedAs, Hashable], list[Score]]:
    """Groups of scores that were trained alike and stand in one place. Baselines are added to networks with their
    own recipes, and form a group of their own only if there are no networks."""
    groups: dict[tuple[TrainedAs, Hashable], list[Score]] = {}
    for each in found:
        groups.setdefault((each.cell.trained_as, place(each)), []).append(each)
    for (trained_as, here), group in groups.items():
        for (other, there), more in groups.items():
            if here == there and trained_as.takes_in(other):
                group += [each for each in more if each.network.group == BASELINE]
    of_networks = {key: group for key, group in groups.items() if any(map(_is_network, group))}
    return dict(sorted((of_networks or groups).items(), key=lambda pair: order(pair[0][0], pair[1])))


def order(trained_as: TrainedAs, found: Sequence[Score]) -> tuple[int, int, float]:
    """The order of groups: those of the one recipe first, then those of most networks, then the hardest."""
    networks = {each.network.spec for each in found if _is_network(each)}
    best: dict[str, float] = {}
    for each in found:
        best[each.cell.tested_on] = max(each.good, best.get(each.cell.tested_on, 0.0))
    place = FOR_ALL.index(trained_as.kind) if trained_as.kind in FOR_ALL else len(FOR_ALL)
    return place, -len(networks), min(best.values(), default=0.0)


def _is_network(each: Score) -> bool:
    return each.network.group != BASELINE


def places(found: Sequence[Score], metric: str) -> dict[int, str]:
    """Which score on one data set is the best, and which ones a paired bootstrap cannot tell from it, by identity;
    a single score is not marked."""
    known = [score for score in found if not math.isnan(score.value(metric))]
    if len(known) < 2:
        return {}
    best = (max if higher_is_better(metric) else min)(known, key=lambda score: score.value(metric))
    ties = {id(score): "tie" for score in known if paired.ties(best.records, score.records, metric)}
    return {**ties, id(best): "best"}


def higher_is_better(quantity: str) -> bool:
    return quantity == RATE or (quantity in metrics.names() and metrics.build(quantity).card.better == "higher")


def known_first(value: float) -> tuple[bool, float]:
    """A sort key: higher values first, unknown ones last."""
    return math.isnan(value), -value
