"""What was tried to make a network faster, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoo.deploy.optimising.agreement import Agreement
from zoo.table import table

HEAD = ("", "ms", "times", "mask IoU", "depth", "build s", "")


@dataclass(frozen=True)
class Tried:
    """name: of a candidate, or AS_IT_IS. ms: of a call; None where it could not be made. mask, depth: its
    agreement with the network on the pairs that it was chosen on. build: seconds.
    refused: why it was not taken."""

    name: str
    ms: float | None = None
    mask: float | None = None
    depth: float | None = None
    build: float = 0.0
    refused: str = ""


AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Report:
    """What `optimise` found. chosen: a name in `tried`, whose first is the network as it is. agreement: of the chosen
    one, on pairs that it was not chosen on. note: a sentence."""

    about: str
    tried: tuple[Tried, ...]
    chosen: str
    agreement: Agreement
    note: str = ""
    cached: bool = False

    @property
    def row(self) -> Tried:
        """What was chosen."""
        return next(each for each in self.tried if each.name == self.chosen)

    @property
    def times(self) -> float:
        """How many times as fast it is as the network as it is."""
        return (self.tried[0].ms or 0.0) / (self.row.ms or 1.0)

    def __str__(self) -> str:
        base = self.tried[0].ms or 0.0
        rows = [_cells(each, base, is_chosen=each.name == self.chosen) for each in self.tried]
        both = zip(("mask IoU", "depth"), _two(self.agreement), strict=True)
        other = ", ".join(f"{name} {text}" for name, text in both if text)
        found = "from the cache: " if self.cached else ""
        end = f"{found}{self.chosen}, {self.times:.2f} times as fast; on other pairs {other}"
        shown = table(HEAD, rows, right=HEAD[1:6], folded=HEAD[-1:])
        return "\n".join(filter(None, (self.about, shown.rstrip(), end, self.note)))

    def to_json(self) -> dict[str, Any]:
        return asdict(replace(self, cached=False))

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Report":
        """KeyError, TypeError or ValueError where it is none."""
        tried = tuple(Tried(**each) for each in said["tried"])
        found = cls(**{**said, "tried": tried, "agreement": Agreement(**said["agreement"]), "cached": True})
        if found.chosen not in [each.name for each in tried] or not found.row.ms:
            raise ValueError("what it chose is not among what it tried")
        return found


def _cells(each: Tried, base: float, *, is_chosen: bool) -> list[str]:
    ms = "" if each.ms is None else f"{each.ms:.3g}"
    times = "" if not each.ms else f"{base / each.ms:.2f}"
    build = f"{each.build:.1f}" if each.build else ""
    told = each.refused or ("chosen" if is_chosen else "")
    return [each.name, ms, times, *_two(Agreement(each.mask, each.depth)), build, told]


def _two(found: Agreement) -> list[str]:
    return ["" if found.mask is None else f"{found.mask:.4f}", "" if found.depth is None else f"{found.depth:.2g}"]
