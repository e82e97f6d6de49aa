"""Shards: what an index and offsets say, and what a tar holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.changes import altered, damaged
from fuzzing.reading import read_all
from fuzzing.whole import packed
from registry.vocabulary import SPLITS


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    """The packed data set with one or two of its files changed, or gone, or under another name."""
    files = dict(packed())
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(files)))
        match draw(st.sampled_from(("change", "change", "change", "bytes", "remove", "rename"))):
            case "change" if name.endswith(".json"):
                files[name] = draw(_changed(files[name]))
            case "remove" if len(files) > 1:
                del files[name]
            case "rename":
                files[draw(st.sampled_from(("train-000000.tar", "val.index.json", ".index.json", "x")))] = files.pop(
                    name
                )
            case _:
                files[name] = draw(damaged(files[name]))
    return Case(files, (draw(st.sampled_from(("all", "all", *SPLITS))), draw(st.sampled_from(("", "16")))))


@st.composite
def _changed(draw: Callable[..., Any], content: bytes) -> bytes:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):  # changed once already
        return content
    return json.dumps(draw(altered(value))).encode()


def run(folder: Path, split: str, size: str) -> None:
    given: Any = {"split": split, "size": int(size) if size else None}
    read_all(zoo.data.load(f"shards:{folder}", **given))
