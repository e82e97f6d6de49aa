"""Specs: of networks, data, losses, augmentations; as people type them, and as nobody should."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.changes import RARELY
from fuzzing.outcome import FaultError
from registry import Spec
from registry.spec import split
from zoo.architectures import architectures
from zoo.data.augment import augment, augmentations
from zoo.data.dataset import sources
from zoo.training.optimizers import optimizers
from zoo.training.schedules import schedules

SMALL = ("frame_difference", "aligned_difference", "unet", "u2netp", "two_stream", "pspnet")
HUGE = ("unet(width=6000)", "unet(in_ch=999999998)", "two_stream(in_ch=999999998)")  # more than a machine holds
CATALOGS = {"build": architectures, "data": sources, "augment": augmentations, "recipe": optimizers, "stage": schedules}
VALUES = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "7",
        "1.5",
        "1e400",
        "-0.0",
        "nan",
        "inf",
        "True",
        "none",
        "mask",
        "depth",
        "(1, 2)",
        "(,)",
    ),
    *('""', "'x'", '"\\u0000"', "9" * 30, "9" * 5000, "concat", "siamese", "((((1))))", "(" * 30, "x" * 300, "é", "\0"),
)
TOKENS = st.sampled_from(
    [
        "unet",
        "depth",
        "=",
        "4",
        "(",
        ")",
        ",",
        " ",
        '"',
        "'",
        "\\",
        "\\u12",
        "+",
        "*",
        "0.5",
        "ü",
        "\n",
        "none",
        "-",
        "1e9",
    ]
)


@st.composite
def typed(draw: Callable[..., Any], door: str) -> str:
    """A name of the door's catalog with options, its own or others."""
    catalog: Any = CATALOGS[door]
    name = draw(st.sampled_from(SMALL if door == "build" else catalog.names()))
    known = [*catalog.get(name).options, *(("in_ch", "tasks", "plate", "link") if door == "build" else ())]
    chosen = draw(st.lists(st.sampled_from([*known, "width", "x"]), max_size=3, unique=True))
    given = [f"{option}={draw(st.sampled_from(VALUES))}" for option in chosen]
    return f"{name}({', '.join(given)})" if given else name


@st.composite
def expressions(draw: Callable[..., Any]) -> str:
    """Sums of losses."""
    parts = [
        f"{draw(st.sampled_from(('', '0.5*', '-1*', '1e400*', 'x*')))}{draw(st.sampled_from(zoo.losses.names()))}"
        for _ in range(draw(st.integers(0, 3)))
    ]
    return " + ".join(parts) + draw(st.sampled_from(("", "", "(", ")", "(width=-1)", "(kernel=0)", " +", "(x=1)")))


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    door = draw(st.sampled_from(("parse", "parse", "losses", *CATALOGS)))
    if door == "build" and draw(RARELY):
        text = draw(st.sampled_from(HUGE))
    elif door == "losses" and draw(st.booleans()):
        text = draw(expressions())
    elif door in CATALOGS and draw(st.integers(0, 3)):
        text = draw(typed(door))
    else:
        text = draw(st.lists(TOKENS, max_size=12).map("".join) | st.text(max_size=20))
    return Case({}, (door, text))


def run(folder: Path, door: str, text: str) -> None:
    """Give it to the door."""
    DOORS[door](text)


def _parse(text: str) -> None:
    specs = [Spec.parse(one) for one in split(text)]
    if any(Spec.parse(str(spec)) != spec and "nan" not in str(spec) for spec in specs):
        raise FaultError("a spec reads as another one when it was printed")


def _recipe(**given: Any) -> None:
    zoo.recipes.build("zoo-quick").changed(**given).spelled()


DOORS: dict[str, Callable[[str], Any]] = {
    "parse": _parse,
    "build": zoo.build,
    "data": lambda text: zoo.data.load(text, split="val", size=16)[0],
    "losses": lambda text: zoo.losses.objective(mask=text, depth=text),
    "augment": augment,
    "recipe": lambda text: _recipe(optimizer=text),
    "stage": lambda text: _recipe(schedule=text),
}
