"""How the learning rate goes over a stage: a factor for each share of it that is done."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from registry import BELOW_1, BETWEEN, SHARE, Card, Catalog, Limit

FACTORS = Limit("numbers above 0, one for each part", lambda factors: bool(factors) and min(factors) > 0)
START = Limit("a factor above 0, at most 1", lambda factor: 0 < factor <= 1)
PATIENCE = Limit("a whole number from 0 up", lambda looks: looks >= 0)


class Schedule:
    """A factor of the learning rate; most depend on the share alone, one on how validation goes."""

    def factor(self, share: float) -> float:
        """The factor when `share` of the stage is done, 0 <= share < 1."""
        raise NotImplementedError

    def observe(self, loss: float) -> None:
        """Take the loss on held-out data."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        vars(self).update(state)


schedules: Catalog[Callable[..., Schedule]] = Catalog("schedule", group="zoo.schedules")


def build(spec: str) -> Schedule:
    """A schedule by name, as "cosine(warm_up=0.05)"."""
    entry, options = schedules.resolve(spec)
    return entry.factory(**options)


@schedules.register("constant", Card(summary="the same rate all the time"))
class Constant(Schedule):
    def factor(self, share: float) -> float:
        return 1.0


@schedules.register("step", Card(summary="equal parts, each with its own factor"))
class Steps(Schedule):
    def __init__(self, *, factors: Annotated[tuple[float, ...], "one for each part", FACTORS] = (1.0, 0.1, 0.01)):
        self.factors = factors

    def factor(self, share: float) -> float:
        part = int(share * len(self.factors) + 1e-9)  # 15 / 22 * 22 is a little below 15
        return self.factors[min(part, len(self.factors) - 1)]


@schedules.register("cosine", Card(summary="linear warm-up, then half a cosine down", paper="arXiv:1608.03983"))
class Cosine(Schedule):
    def __init__(
        self,
        *,
        warm_up: Annotated[float, "share of the stage for the warm-up", BELOW_1] = 0.0,
        floor: Annotated[float, "factor at the end", SHARE] = 0.0,
    ):
        self.warm_up, self.floor = warm_up, floor

    def factor(self, share: float) -> float:
        if share < self.warm_up:
            return max(share / self.warm_up, 0.01)  # never nothing: the first step should count
        done = (share - self.warm_up) / (1 - self.warm_up)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))


@schedules.register(
    "one_cycle", Card(summary="from low up by half a cosine, then down to nearly nothing", paper="arXiv:1708.07120")
)
class OneCycle(Schedule):
    def __init__(
        self,
        *,
        peak: Annotated[float, "share of the stage at which the full rate is reached", BETWEEN] = 0.3,
        start: Annotated[float, "factor at the beginning", START] = 0.04,
        end: Annotated[float, "factor at the end", SHARE] = 0.0001,
    ):
        self.peak, self.start, self.end = peak, start, end

    def factor(self, share: float) -> float:
        low, done = (
            (self.start, 1 - share / self.peak)
            if share < self.peak
            else (self.end, (share - self.peak) / (1 - self.peak))
        )
        return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done))


@schedules.register("plateau", Card(summary="lower whenever the loss on held-out data has stopped falling"))
class Plateau(Schedule):
    def __init__(
        self,
        *,
        drop: Annotated[float, "factor of each lowering", BETWEEN] = 0.1,
        patience: Annotated[int, "validations without a gain before lowering", PATIENCE] = 2,
        gain: Annotated[float, "relative fall of the loss that counts as a gain", BELOW_1] = 1e-4,
    ):
        self.drop, self.patience, self.gain = drop, patience, gain
        self.best, self.waited, self.now = math.inf, 0, 1.0

    def factor(self, share: float) -> float:
        return self.now

    def observe(self, loss: float) -> None:
        enough = self.gain * abs(self.best) if math.isfinite(self.best) else 0.0  # a loss may be below 0
        if loss < self.best - enough:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.now, self.waited = self.now * self.drop, 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited, "now": self.now}
