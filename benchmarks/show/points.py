"""One quantity of each network against another: of the one setting and set that most networks share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.show.networks import Figure, Network
from benchmarks.show.scores import Board, Score, higher_is_better, places
from benchmarks.show.speeds import LATENCY, QUANTITIES, Row, Setting, latencies
from benchmarks.show.speeds import places as places_of_times
from benchmarks.store.names import BASELINE, FOR_ALL
from benchmarks.store.record import Machine
from registry import OptionError, nearest
from zoo import metrics

ACCURACY = "mask_iou"


@dataclass(frozen=True)
class Point:
    """One network: two of its quantities."""

    network: Network
    x: Figure
    y: Figure


@dataclass(frozen=True)
class Chosen:
    """What is looked at first: a setting with its rows, and a board with one of its data sets."""

    setting: Setting | None = None
    rows: Sequence[Row] = ()
    board: Board | None = None
    data: str = ""

    @cached_property
    def achieved(self) -> list[Score]:
        return [score for score in self.board.on(self.data) if score.records] if self.board else []

    @cached_property
    def scores(self) -> dict[str, Score]:
        """By spec; of several recipes of a network that with the best mask."""
        return {score.network.spec: score for score in sorted(self.achieved, key=lambda score: score.good)}


def choose(rows: Mapping[Setting, Sequence[Row]], sets: Sequence[tuple[Board, str]], here: Machine | None) -> Chosen:
    """Times and accuracy of most networks that have both: what the one recipe has trained first, then what was timed
    `here`, then on a GPU, and of equals what was tested at the size of the times."""
    times: Sequence[tuple[Setting | None, Sequence[Row]]] = [*rows.items()] or [(None, ())]
    known = [(board, data) for board, data in sets if any(score.records for score in board.on(data))]
    achieved: Sequence[tuple[Board | None, str]] = known or [(None, "")]

    def key(pair: Chosen) -> tuple[bool, bool, bool, int, bool]:
        both = [row.network for row in pair.rows if row.better is not None and row.network.spec in pair.scores]
        equal, networks = worth(pair.board, both)
        is_here = here is not None and pair.setting is not None and pair.setting.machine == here.identity
        alike = pair.setting is not None and pair.board is not None and pair.setting.size == pair.board.size
        on_gpu = pair.setting is not None and pair.setting.device == "cuda"
        return equal, is_here, on_gpu, networks, alike

    return max((Chosen(*timed, *trained) for timed in times for trained in achieved), key=key)


def worth(board: Board | None, known: Iterable[Network]) -> tuple[bool, int]:
    """How useful a board is for a choice: first one recipe for several networks, then the number of networks."""
    count = len({network.spec for network in known if network.group != BASELINE})
    return count > 1 and board is not None and board.trained_as.kind in FOR_ALL, count


def figures(chosen: Chosen, metric: str) -> dict[str, Figure]:
    """A quantity of every network that has it, by spec."""
    if metric not in (*QUANTITIES, *metrics.names()):
        raise OptionError(f"there is no quantity {metric!r}; {nearest(metric, [*QUANTITIES, *metrics.names()])}")
    known: Iterable[Row | Score] = chosen.rows if metric in QUANTITIES else chosen.scores.values()
    found = {each.network.spec: each.figure(metric) for each in known}
    return {spec: figure for spec, figure in found.items() if math.isfinite(figure.value)}


def best(chosen: Chosen, metric: str) -> list[str]:
    """The names of the best network and of those that tie with it; none if there is only one network."""
    if metric in metrics.names():
        marks = places(chosen.achieved, metric)
        return list(dict.fromkeys(score.network.name for score in chosen.achieved if id(score) in marks))
    if metric == LATENCY:
        timed = latencies(chosen.rows)
        marks = places_of_times(timed)
        return list(dict.fromkeys(row.network.name for row, record in timed if id(record) in marks))
    known = figures(chosen, metric)
    pick = max if higher_is_better(metric) else min
    top = pick((figure.value for figure in known.values()), default=math.nan)
    names = {row.network.spec: row.network.name for row in chosen.rows}
    return [names[spec] for spec, figure in known.items() if figure.value == top and len(known) > 1]


def points(chosen: Chosen, networks: Mapping[str, Network], x: str = LATENCY, y: str = ACCURACY) -> list[Point]:
    """Of every network that has both, in the order of networks."""
    across, up = (figures(chosen, metric) for metric in (x, y))
    return [Point(one, across[spec], up[spec]) for spec, one in networks.items() if spec in across and spec in up]


def front(found: Iterable[Point], x: str = LATENCY, y: str = ACCURACY) -> list[Point]:
    """The points that no other beats or equals in both quantities, the best in x first.

    >>> known = {"a": (1, 5), "b": (2, 4), "c": (3, 9)}
    >>> found = [Point(Network(name, name, ""), Figure(x), Figure(y)) for name, (x, y) in known.items()]
    >>> [point.network.name for point in front(found)]
    ['a', 'c']
    """
    right, above = (1 if higher_is_better(metric) else -1 for metric in (x, y))
    kept: list[Point] = []
    for point in sorted(found, key=lambda point: (-right * point.x.value, -above * point.y.value)):
        if not kept or above * point.y.value > above * kept[-1].y.value:
            kept.append(point)
    return kept
