"""Recipes: fields with any value, in TOML as programs and hands write it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.changes import VALUES, altered, damaged
from fuzzing.outcome import FaultError
from zoo.training.recipe import Objective, Recipe, Stage
from zoo.training.toml import dumps

NUMBERS = st.sampled_from(
    (
        *(0, 1, -1, 7, 64, 10**6, 1 << 31, (1 << 63) - 1, 99999999999999999999),
        *(0.0, -0.0, 1e-300, 1e300, float("inf"), float("nan")),
    )
)
TEXTS = st.sampled_from(
    (
        *("", "unet", "unet(width=4)", "sgd(momentum=0.9)", "adamw(lr=1)", "cosine(warm_up=2)", "step(every=0)"),
        *("flip, noise(std=-1)", "bce + 0.5*dice", "0*l1", "l1 + ", "1e400*bce", "fixed", "pcgrad", "mask", "fp16"),
        *("final", "pairbench:hard", "\0", "ü\u007f"),
    )
)
KINDS = {"": Recipe, "objective": Objective, "stages": Stage}


@st.composite
def tables(draw: Callable[..., Any]) -> Mapping[str, Any]:
    """A shipped recipe with some fields changed, whatever their type."""
    table: dict[str, Any] = tomllib.loads(draw(st.sampled_from(shipped())))
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.sampled_from(sorted(KINDS)))
        name = draw(st.sampled_from([field.name for field in fields(KINDS[where])]))
        value = draw(st.one_of(NUMBERS, TEXTS, st.lists(NUMBERS | TEXTS, max_size=3), st.booleans()))
        place = table if not where else table.setdefault(where, [{}] if where == "stages" else {})
        place = place[0] if isinstance(place, list) and place else place
        if isinstance(place, dict):
            place[name] = value
    return draw(altered(table, most=1, values=VALUES.filter(_has_toml))) if draw(st.booleans()) else table


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    if draw(st.integers(0, 3)) == 0:
        data = draw(damaged(draw(st.sampled_from(shipped())).encode()))
    else:
        data = dumps(draw(tables())).encode(errors="surrogatepass")
        data = draw(damaged(data, most=1))
    return Case({"mine.toml": data})


def run(folder: Path) -> None:
    """Read it; what is accepted can be written and is then the same."""
    recipe = zoo.recipes.build(str(folder / "mine.toml"))
    if Recipe.from_toml(recipe.to_toml()) != recipe and "nan" not in recipe.to_toml():
        raise FaultError("it reads as another one when it was written")
    recipe.spelled()


@cache
def shipped() -> list[str]:
    """The recipes of the library."""
    return [path.read_text() for path in sorted(Path(zoo.recipes.__file__).parent.glob("*.toml"))]


def _has_toml(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_has_toml, value))
    return all(map(_has_toml, value.values())) if isinstance(value, dict) else value is not None
