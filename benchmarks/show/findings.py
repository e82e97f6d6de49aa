"""What follows from records: derived here once, and shown everywhere."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from benchmarks.show import points, scores, speeds
from benchmarks.show.networks import Network, networks
from benchmarks.show.scores import Board, Score
from benchmarks.show.speeds import Row, Setting
from benchmarks.store.identity import latest
from benchmarks.store.record import Machine, Record


class Findings:
    """What was found of networks: rows, scores, what may be compared, curves, the best and the front.

    committed: records of other days, for the accuracy where these have none. galleries: folders in which the pictures
    lie that records name. here: the machine whose times come first.
    """

    def __init__(
        self,
        records: Iterable[Record],
        committed: Iterable[Record] = (),
        galleries: Sequence[Path] = (),
        *,
        here: Machine | None = None,
    ) -> None:
        self.records = latest(records)
        self.committed = latest(committed)
        self.galleries = galleries
        self.here = here

    @cached_property
    def networks(self) -> dict[str, Network]:
        """By spec, in the order of groups."""
        return networks([*self.records, *self.committed])

    @cached_property
    def rows(self) -> dict[Setting, list[Row]]:
        """What networks cost and how fast they are, at each setting."""
        return {setting: speeds.rows(self.records, setting, self.networks) for setting in speeds.settings(self.records)}

    @cached_property
    def borrowed(self) -> bool:
        """Whether the accuracy comes from the committed records."""
        return not any(record.measure == "accuracy" and record.status == "done" for record in self.records)

    @cached_property
    def scores(self) -> list[Score]:
        """What networks achieve on each data set; where a training failed, that."""
        return scores.scores(self.committed if self.borrowed and self.committed else self.records, self.networks)

    @cached_property
    def boards(self) -> list[Board]:
        """Scores that may be compared, in the order in which they are shown."""
        return scores.boards(self.scores)

    @cached_property
    def sets(self) -> list[tuple[Board, str]]:
        """Each board with each of its data sets, that of most networks first, then the hardest."""
        return [
            (board, data)
            for board in self.boards
            for data in sorted(board.hardest, key=lambda data: scores.order(board.trained_as, board.on(data)))
        ]

    @cached_property
    def curves(self) -> list[list[Score]]:
        """Accuracy under perturbations, of what may be compared."""
        return scores.curves(self.records, self.networks)

    @cached_property
    def chosen(self) -> points.Chosen:
        """The setting and the set that most networks share: what `best`, `front` and the chart are of."""
        return points.choose(self.rows, self.sets, self.here)

    @property
    def whole(self) -> "Findings":
        """With all that the committed records say."""
        if not self.committed:
            return self
        return Findings([*self.committed, *self.records], galleries=self.galleries, here=self.here)

    def best(self, metric: str) -> list[str]:
        """The names of the best network and of those that tie with it; none if there is only one network."""
        return points.best(self.chosen, metric)

    def front(self, x: str = speeds.LATENCY, y: str = points.ACCURACY) -> list[str]:
        """The names of the networks that no other beats or equals in both quantities, the best in x first."""
        found = points.points(self.chosen, self.networks, x, y)
        return [point.network.name for point in points.front(found, x, y)]
