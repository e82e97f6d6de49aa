"""The folder of a training that was stopped: it goes on, or it is said which file is damaged."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hypothesis import strategies as st

from fuzzing.case import Case
from fuzzing.changes import altered, damaged
from fuzzing.whole import TINY, contents
from zoo.training import Recipe, Setup, Stage, fit

STAGE = Stage(size=16, samples=24, batch=4, lr=0.01)
RECIPE = Recipe(model=TINY, data="pairbench:clean", stages=(STAGE,), validate_samples=2, augment="flip", ema=0.5)
STOP = 3  # looks at how far it is


class EnoughError(Exception):
    """Somebody stops the training."""


def cases() -> st.SearchStrategy[Case]:
    stopped()  # before a case is drawn: a training draws random numbers of its own
    return _cases()


@st.composite
def _cases(draw: Callable[..., Any]) -> Case:
    """The folder with one or two of its files changed, empty or gone."""
    files = dict(stopped())
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(files)))
        match draw(st.sampled_from(("bytes", "bytes", "json", "empty", "remove"))):
            case "json" if name.endswith(".json"):
                files[name] = draw(_changed(files[name]))
            case "empty":
                files[name] = b""
            case "remove" if len(files) > 1:
                del files[name]
            case _:
                files[name] = draw(damaged(files[name]))
    return Case(files)


@st.composite
def _changed(draw: Callable[..., Any], content: bytes) -> bytes:
    try:
        return json.dumps(draw(altered(json.loads(content)))).encode()
    except (ValueError, RecursionError):  # changed once already
        return content


def run(folder: Path) -> None:
    """Go on with it."""
    fit(None, folder, resume=True, setup=Setup(device="cpu", workers=0))


@cache
def stopped() -> dict[str, bytes]:
    """A training that stopped in its middle."""
    looks = 0

    def stop(*_: object) -> None:
        nonlocal looks
        looks += 1
        if looks > STOP:
            raise EnoughError

    with TemporaryDirectory() as name:
        torch.manual_seed(0)
        with suppress(EnoughError):
            fit(RECIPE, Path(name) / "run", setup=Setup(device="cpu", workers=0, save_every=0), tick=stop)
        return contents(Path(name) / "run")
