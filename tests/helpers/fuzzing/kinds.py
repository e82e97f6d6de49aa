"""The kinds of cases, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from fuzzing import archives, commands, images, manifests, names, recipes, records, runs, shards, specs, weights
from fuzzing.case import Case
from fuzzing.outcome import outcome


@dataclass(frozen=True)
class Kind:
    """How its cases are made, and what becomes of one: WORKS, REFUSED, or what is wrong."""

    cases: Callable[[], SearchStrategy[Case]]
    judge: Callable[[Case, Path], str]
    share: float  # of the campaign's cases and time


def _parser(module: object, share: float) -> Kind:
    return Kind(module.cases, lambda case, base: outcome(module.run, case, base), share)  # type: ignore[attr-defined]


KINDS: Mapping[str, Kind] = {
    "images": _parser(images, 0.3),
    "weights": _parser(weights, 0.15),
    "archives": _parser(archives, 0.1),
    "shards": _parser(shards, 0.1),
    "manifests": _parser(manifests, 0.1),
    "recipes": _parser(recipes, 0.1),
    "specs": _parser(specs, 0.1),
    "records": _parser(records, 0.05),
    "names": _parser(names, 0.05),
    "runs": _parser(runs, 0.02),
    "commands": Kind(commands.cases, commands.judge, 0.01),
}
