"""The settings of a cell: with its measure and its network they decide what is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from benchmarks.store.names import EQUAL, FOR_ALL, OWN, READY, READY_MADE, WITH

SHOWN_OF_DIGEST = 8  # letters

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class TrainedAs:
    """What must be the same for trained networks to be compared.

    The machine need not be, for what was learned does not depend on it. A recipe of a network's own has its own
    precision.
    """

    kind: str  # one of FOR_ALL, OWN or READY
    samples: int | None
    precision: str | None  # with what the one recipe says where it was changed
    test_images: int | None
    elsewhere: bool = False  # tested on sets that were named, whichever data each learned from

    def takes_in(self, baseline: "TrainedAs") -> bool:
        """Whether baselines that were trained otherwise belong in this table too: they have no recipe of their
        own, and stand beside networks with their own recipes as the one recipe trained them."""
        alike = replace(baseline, kind=self.kind, precision=self.precision) == self
        return (self.kind, baseline.kind) == (OWN, EQUAL) and alike


@dataclass(frozen=True)
class CostSettings:
    size: Size
    code: str | None = None  # digest of a plug-in's, that the network is made by


@dataclass(frozen=True)
class TimedSettings:
    """Of latency, throughput and memory."""

    size: Size
    batch: int | None = 1  # None: the largest that fits
    precision: str = "fp32"
    layout: str = "contiguous"
    engine: str = "eager"
    device: str = "cpu"
    code: str | None = None


@dataclass(frozen=True)
class AccuracySettings:
    size: Size
    data: str
    recipe: str
    samples: int | None  # None: as many as the recipe says
    seed: int | None
    test_images: int
    precision: str | None = None  # None: the recipe's
    content: str | None = None  # digest of what the recipe says, where it was changed or is a file's
    weights: str | None = None  # digest of ready-made ones
    code: str | None = None  # of the network and of the source of the data
    metrics: str | None = None  # digest of plug-ins' code, and of one's own, that metrics and named test sets depend on
    test: str | None = None  # the set that it is tested on; None: the test split of its data

    @property
    def trained_as(self) -> TrainedAs:
        kind = READY if self.recipe.startswith(READY_MADE) else self.recipe if self.recipe in FOR_ALL else OWN
        changed = [self.precision, self.content] if kind in FOR_ALL else []
        precision = ", ".join(filter(None, changed)) or None
        return TrainedAs(kind, self.samples, precision, self.test_images, self.test is not None)

    @property
    def tested_on(self) -> str:
        return self.test or self.data

    @property
    def recipe_title(self) -> str:
        """A recipe's name, with the start of its digest where it was changed, or is a file's."""
        if not self.content:
            return self.recipe
        name, losses = self.recipe.partition(WITH)[::2]
        name = name.rpartition("/")[2]
        return f"{name}{WITH if losses else ''}{losses}@{self.content[:SHOWN_OF_DIGEST]}"

    @property
    def unseeded(self) -> Self:
        """What several seeds have in common."""
        return replace(self, seed=None)


@dataclass(frozen=True)
class SensitivitySettings(AccuracySettings):
    perturbation: str = field(kw_only=True)


Settings = CostSettings | TimedSettings | AccuracySettings
SETTINGS: Mapping[str, type[Settings]] = {
    "cost": CostSettings,
    "latency": TimedSettings,
    "throughput": TimedSettings,
    "memory": TimedSettings,
    "accuracy": AccuracySettings,
    "sensitivity": SensitivitySettings,
}
