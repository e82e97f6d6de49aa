"""What each network achieves on each data set, which networks may be compared, and which of them is best."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from benchmarks.show.networks import Figure, Network
from benchmarks.statistics import paired
from benchmarks.store.names import BASELINE, EQUAL
from benchmarks.store.record import AccuracySettings, Record, Size, TrainedAs
from zoo import metrics
from zoo.architectures import rank

HARDNESS = "mask_iou"
HEADLINE = {"mask_iou": ("mask IoU", 1), "depth_rmse": ("depth RMSE", -1)}  # in words, and 1 where higher is better


class Trained(Protocol):
    """A score or a curve: something that a trained network achieves."""

    network: Network
    cell: AccuracySettings

    @property
    def good(self) -> float:
        """The mask IoU, 0 where none is known."""
        ...


Of = TypeVar("Of", bound=Trained)
Place = TypeVar("Place", bound=Hashable)


@dataclass
class Score:
    """One network on one data set: means over seeds, their interval, and their spread."""

    network: Network
    cell: AccuracySettings  # without the seed
    records: list[Record] = field(default_factory=list)  # one for each seed
    lost: list[Record] = field(default_factory=list)  # that failed

    def value(self, name: str) -> float:
        found = self._known(name)
        return float(np.mean(found)) if found else math.nan

    def interval(self, name: str) -> tuple[float, float]:
        """95 %, of images and seeds."""
        return paired.interval(self.records, name) if self.records else (math.nan, math.nan)

    def figure(self, name: str) -> Figure:
        return Figure.of(self.value(name), self.interval(name))

    def spread(self, name: str) -> float:
        """The standard deviation over seeds; nan of one."""
        found = self._known(name)
        return float(np.std(found, ddof=1)) if len(found) > 1 else math.nan

    @property
    def good(self) -> float:
        return known_or_zero(self.value(HARDNESS))

    def _known(self, name: str) -> list[float]:
        return [value for record in self.records if (value := record.value(name)) is not None]


@dataclass
class Board:
    """Scores that may be compared: trained alike and tested at one size, baselines that were lent among them."""

    trained_as: TrainedAs
    size: Size
    scores: list[Score]

    @property
    def data(self) -> list[str]:
        return list(dict.fromkeys(score.cell.data for score in self.scores))

    @cached_property
    def hardest(self) -> list[str]:
        """The data sets, that on which the best network is worst first; the last one where no masks are found."""
        last_first = self.data[::-1]
        return sorted(last_first, key=lambda data: max(score.good for score in self.on(data)))

    def on(self, data: str) -> list[Score]:
        return [score for score in self.scores if score.cell.data == data]


def scores(records: Iterable[Record], networks: Mapping[str, Network]) -> list[Score]:
    """Every network on every data set, the best mask first within a group; of two trainings with one seed the later."""
    found: dict[Hashable, Score] = {}
    for record in records:
        if record.measure == "accuracy":
            cell = record.accuracy.unseeded
            score = found.setdefault((record.spec, cell), Score(networks[record.spec], cell))
            if record.status == "done":
                score.records = seeded(score.records, record)
            else:
                score.lost.append(record)
    return sorted(found.values(), key=lambda score: (score.cell.data, rank(score.network.group), -score.good))


def seeded(records: Sequence[Record], new: Record) -> list[Record]:
    """The records with the new one in the place of the one of its seed."""
    return [old for old in records if old.accuracy.seed != new.accuracy.seed] + [new]


def boards(found: Iterable[Score]) -> list[Board]:
    """What may be compared, in the order of `order`."""
    groups = alike(found, lambda score: score.cell.size)
    return [Board(trained_as, size, group) for (trained_as, size), group in groups.items()]


def alike(found: Iterable[Of], place: Callable[[Of], Place]) -> dict[tuple[TrainedAs, Place], list[Of]]:
    """Groups of what was trained alike and stands in one place. Baselines are lent to networks with recipes of their
    own, and stand alone only where there are no networks."""
    groups: dict[tuple[TrainedAs, Place], list[Of]] = {}
    for each in found:
        groups.setdefault((each.cell.trained_as, place(each)), []).append(each)
    for (trained_as, here), group in groups.items():
        for (other, there), more in groups.items():
            if here == there and trained_as.takes_in(other):
                group += [each for each in more if each.network.group == BASELINE]
    of_networks = {key: group for key, group in groups.items() if any(map(_is_network, group))}
    return dict(sorted((of_networks or groups).items(), key=lambda pair: order(pair[0][0], pair[1])))


def order(trained_as: TrainedAs, found: Iterable[Trained]) -> tuple[bool, int, float]:
    """Where a group stands among others: trained by the one recipe first, then of most networks, then the hardest."""
    networks: set[str] = set()
    best: dict[str, float] = {}
    for each in found:
        networks |= {each.network.spec} if _is_network(each) else set()
        best[each.cell.data] = max(best.get(each.cell.data, 0.0), each.good)
    return trained_as.kind != EQUAL, -len(networks), min(best.values(), default=0.0)


def _is_network(each: Trained) -> bool:
    return each.network.group != BASELINE


def places(found: Sequence[Score], metric: str) -> dict[int, str]:
    """Of scores on one data set, by identity: which is best, and what a paired bootstrap cannot tell from it; a score
    alone is not the best."""
    known = [score for score in found if not math.isnan(score.value(metric))]
    if len(known) < 2:
        return {}
    best = (max if higher_is_better(metric) else min)(known, key=lambda score: score.value(metric))
    ties = {id(score): "tie" for score in known if paired.ties(best.records, score.records, metric)}
    return {**ties, id(best): "best"}


def higher_is_better(metric: str) -> bool:
    return metrics.build(metric).card.better == "higher"


def known_or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def known_first(value: float) -> tuple[bool, float]:
    """To sort by, the higher the better; what is not known comes last."""
    return math.isnan(value), -value
