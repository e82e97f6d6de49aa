"""Names of files that no program should use, and some do: bytes that are no UTF-8, new lines, 255 letters, dashes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import zoo
from fuzzing.case import Case
from fuzzing.images import baseline
from fuzzing.reading import read_all
from fuzzing.whole import cutout, pair_folder
from registry.vocabulary import SPLITS
from zoo.data.files.layout import read_layout
from zoo.data.inspecting.checking import check
from zoo.data.making.compose import compose
from zoo.data.making.composition import ComposeSettings
from zoo.data.making.packing import Plan, pack
from zoo.deploy import PredictSettings, pairs, predict_many
from zoo.parallel import Workers

NAMES = (
    *(
        "\udcff",
        "a\udc80b",
        "a\nb",
        "a\tb",
        " ",
        "-x",
        "--help",
        "*",
        "[a]",
        "{stem}",
        "%s",
        "'",
        '"',
        "\\",
        "a\\..\\b",
    ),
    *(
        "x" * 240,
        "ü" * 100,
        "ü",
        "u\u0308",
        "٣",
        "²",
        "9" * 200,
        "img_99999999999999999999",
        "CON",
        "\u202e",
        "😀",
        "a.b.c",
        "~",
    ),
)
DOORS = ("load", "check", "pack", "predict", "compose")


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    """The data set, whose pictures or folders bear other names."""
    files = dict(pair_folder())
    for old in draw(st.lists(st.sampled_from(sorted({Path(name).stem for name in files})), max_size=3, unique=True)):
        new = draw(st.sampled_from(NAMES) | st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=6))
        files = {_renamed(name, old, new): content for name, content in files.items()}
    files = {name: content for name, content in files.items() if _can_be(name)}
    return Case(files, (draw(st.sampled_from(DOORS)), draw(st.sampled_from(SPLITS))))


def _renamed(name: str, old: str, new: str) -> str:
    return str(Path(name).with_name(f"{new}.png")) if Path(name).stem == old else name


def _can_be(name: str) -> bool:
    """Whether Linux takes it."""
    try:
        return len(Path(name).name.encode(errors="surrogateescape")) < 256 and Path(name).name not in (".", "..")
    except UnicodeEncodeError:
        return False


def run(folder: Path, door: str, split: Any) -> None:
    """Look at the data set by one of the doors."""
    path = str(folder)
    if door == "load":
        read_all(zoo.data.load(path, split=split, on_error="raise"))
    elif door == "check":
        str(check(read_layout(path), workers=1))
    elif door == "pack":
        for _ in pack(Plan(spec=path, split=split, folder=folder / "out", per_shard=2)):
            pass
        read_all(zoo.data.load(f"shards:{folder / 'out'}", split=split))
    elif door == "predict":
        predict_many(baseline(), pairs(folder / "bg", folder / "fg_bg")[0], folder / "out", PredictSettings(size=None))
    else:
        _compose(folder)


def _compose(folder: Path) -> None:
    (folder / "fg_bg").rename(folder / "fg")
    for place in (folder / "fg").iterdir():
        place.write_bytes(cutout())
    out = folder / "out"
    compose(folder / "bg", folder / "fg", out, ComposeSettings(per_pair=1, size=(16, 16)), workers=Workers(1))
    read_all(zoo.data.load(str(out), split="all", manifest="manifest.jsonl"))
