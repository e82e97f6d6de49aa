"""Manifests in CSV and JSON lines, splits that were kept, and templates, over a data set that is whole."""

import csv
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.changes import altered, damaged
from fuzzing.reading import read_all
from fuzzing.whole import pair_folder
from registry.vocabulary import SPLITS

DIRS = {
    "bg": "bg/bg_00{}.png",
    "fg_bg": "fg_bg/img_000{}.png",
    "mask": "fg_bg_mask/img_000{}.png",
    "depth": "fg_bg_depth/img_000{}.png",
}
ROWS = [
    {**{name: path.format(1 + number) for name, path in DIRS.items()}, "object": f"o{number}"} for number in range(3)
]
ODD = (
    "",
    "../x.png",
    "/etc/passwd",
    "C:\\x.png",
    "bg",
    "bg/",
    "nothing.png",
    "bg/bg_001.png\0",
    "./bg/bg_001.png",
    "ü" * 300,
    "\ud800",
)
TEMPLATES = (
    "",
    "",
    "{stem}",
    "bg_{stem.split:_:1}",
    "{number}",
    "{parent}",
    "{stem.split:_:9}",
    "(?P<bg>[0-9]+)",
    "(?P<bg>",
    "{",
    "{x}",
)


@st.composite
def rows(draw: Callable[..., Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [dict(row) for row in ROWS]
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.sampled_from(found))
        row[draw(st.sampled_from(sorted(row) or ["bg"]))] = draw(st.sampled_from(ODD) | st.text(max_size=6))
    return found


@st.composite
def manifests(draw: Callable[..., Any]) -> tuple[str, bytes]:
    """A name and the content."""
    listed = draw(rows())
    if draw(st.booleans()):
        lines = draw(altered(listed)) if draw(st.booleans()) else listed
        data = "\n".join(json.dumps(line) for line in lines).encode()
        name = "list.jsonl"
    else:
        buffer = io.StringIO()
        writer = csv.DictWriter(
            buffer, ["bg", "fg_bg", "mask", "depth", "object"], delimiter=draw(st.sampled_from(",,,;\t"))
        )
        writer.writeheader()
        writer.writerows(listed)
        data, name = buffer.getvalue().encode(errors="surrogatepass"), "list.csv"
    if draw(st.booleans()):
        data = draw(damaged(data, most=3))
    encoding = draw(st.sampled_from(("", "", "", "utf-16", "latin-1")))
    return name, data.decode(errors="replace").encode(encoding, errors="replace") if encoding else data


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    files, split = dict(pair_folder()), draw(st.sampled_from(SPLITS))
    manifest = template = ""
    match draw(st.sampled_from(("manifest", "manifest", "splits", "template"))):
        case "manifest":
            manifest, files["list"] = draw(manifests())
            files[manifest] = files.pop("list")
        case "splits":
            split = draw(st.sampled_from(("train", "val", "test")))
            data = json.dumps(draw(altered(json.loads(splits())))).encode()
            files["splits.json"] = draw(damaged(data, most=1))
        case _:
            template = draw(st.sampled_from(TEMPLATES) | st.text(max_size=10))
    return Case(files, (split, manifest, template))


def run(folder: Path, split: str, manifest: str, template: str) -> None:
    given: Any = {"split": split, "manifest": manifest or None, "template": template or None, "on_error": "raise"}
    read_all(zoo.data.load(str(folder), **given))


@cache
def splits() -> bytes:
    """Those of the data set."""
    with TemporaryDirectory() as name:
        Case(pair_folder()).lay_out(Path(name) / "data")
        zoo.data.load(f"{name}/data", split="train").keep_split()
        return (Path(name) / "data" / "splits.json").read_bytes()
