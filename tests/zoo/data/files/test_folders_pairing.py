"""Which files of the founding layout belong together: by place, by name, by a manifest."""

import json
import os
import shutil
from pathlib import Path

import pytest
from folder_data import dataset, pairs, value, write, zipped
from hypothesis import given
from hypothesis import strategies as st

from registry import OptionError
from zoo.data import DataError, load
from zoo.data.files.naming import Template, natural, positions


def test_backgrounds_by_place(tmp_path: Path) -> None:
    expected = [(0, 100), (0, 101), (10, 102), (10, 103), (20, 104), (20, 105)]
    path = str(dataset(tmp_path))
    assert pairs(load(path, split="all")) == expected
    assert pairs(load(path, split="all", per_background=2)) == expected
    few = [(0, 100), (0, 101), (0, 102), (0, 103), (10, 104), (10, 105)]
    assert pairs(load(path, split="all", per_background=4)) == few
    with pytest.raises(DataError, match=r"6 pictures with per_background=1 need 6 backgrounds, and there are 3"):
        load(path, split="all", per_background=1)


def test_equal_counts_pair_one_by_one_whatever_the_numbers(tmp_path: Path) -> None:
    dataset(tmp_path, n_bg=3, each=1)
    os.rename(tmp_path / "bg/bg_003.png", tmp_path / "bg/bg_017.png")
    assert pairs(load(str(tmp_path), split="all")) == [(0, 100), (10, 101), (20, 102)]


def test_a_lost_picture_moves_no_other(tmp_path: Path) -> None:
    dataset(tmp_path)
    (tmp_path / "fg_bg/img_0002.png").unlink()
    assert pairs(load(str(tmp_path), split="all")) == [(0, 100), (10, 102), (10, 103), (20, 104), (20, 105)]


def test_counts_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    dataset(tmp_path)
    (tmp_path / "fg_bg/img_0006.png").unlink()
    with pytest.raises(DataError, match=r"5 pictures over 3 backgrounds.*per_background=, template= .* or manifest="):
        load(str(tmp_path), split="all")


def test_numbers_sort_by_value(tmp_path: Path) -> None:
    dataset(tmp_path, n_bg=12, each=1)
    for path in list(tmp_path.rglob("*.png")):
        word, digits = path.stem.split("_")
        path.rename(path.with_name(f"{word}_{int(digits)}.png"))
    assert pairs(load(str(tmp_path), split="all")) == [(10 * i, 100 + i) for i in range(12)]


@pytest.mark.parametrize(
    "template",
    ["bg_{stem.split:_:3}", "{stem.split:_:3}", "{stem.split:_:-2}", r"bg_(?P<bg>[0-9]+)_", r"(?P<bg>bg_[0-9]+)"],
)
def test_backgrounds_by_name(tmp_path: Path, template: str) -> None:
    dataset(tmp_path, n_bg=2, each=1)
    for folder in ("fg_bg", "fg_bg_mask", "fg_bg_depth"):
        for i, name in enumerate(["fg_7_bg_002_1", "fg_9_bg_001_1"]):
            os.rename(tmp_path / folder / f"img_{i + 1:04}.png", tmp_path / folder / f"{name}.png")
    ds = load(str(tmp_path), split="all", template=template, objects="{stem.split:_:1}")
    assert pairs(ds) == [(10, 100), (0, 101)]
    assert [ds[i].meta["object"] for i in range(2)] == ["7", "9"]


def test_backgrounds_by_parent_folder(tmp_path: Path) -> None:
    write(tmp_path / "bg/street.png", 7)
    write(tmp_path / "bg/park.png", 8)
    for folder in ("fg_bg", "fg_bg_mask", "fg_bg_depth"):
        write(tmp_path / folder / "street/1.png", 50)
        write(tmp_path / folder / "park/1.png", 60)
    assert pairs(load(str(tmp_path), split="all", template="{parent}")) == [(8, 60), (7, 50)]


def test_a_template_that_finds_no_background_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"img_0001\.png: its background is 'img' by .*there are bg_001, bg_002, bg_003"
    ):
        load(str(dataset(tmp_path)), split="all", template="{stem.split:_:0}")


@pytest.mark.parametrize("text", ["{name}", "plain", "{stem.split:_}", "{stem.split:_:x}", "{stem}{", "(?P<bg>["])
def test_a_wrong_template_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        Template(text, group="bg")


@given(st.lists(st.text("abcXYZ019-", min_size=1, max_size=5), min_size=1, max_size=5), st.data())
def test_split_finds_every_part(parts: list[str], data: st.DataObject) -> None:
    name = f"fg_bg/{'_'.join(parts)}.jpg"
    at = data.draw(st.integers(0, len(parts) - 1))
    assert Template(f"{{stem.split:_:{at}}}", group="bg")(name) == parts[at]
    assert Template(f"{{stem.split:_:{at - len(parts)}}}", group="bg")(name) == parts[at]
    assert Template("x{stem}y", group="bg")(name) == f"x{'_'.join(parts)}y"


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20, unique=True), st.booleans())
def test_natural_order_is_the_order_of_numbers(numbers: list[int], padded: bool) -> None:
    names = [f"img_{n:013}.jpg" if padded else f"img_{n}.jpg" for n in numbers]
    assert sorted(names, key=natural) == [names[numbers.index(n)] for n in sorted(numbers)]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=8))
def test_natural_order_takes_any_names(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural)) == sorted(names)


@given(st.integers(2, 40), st.data())
def test_positions_survive_the_loss_of_files(n: int, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(1, n - 1), max_size=(n - 1) // 3))
    left = [i for i in range(n) if i not in lost]
    assert positions([f"img_{i + 1:04}.png" for i in left]).tolist() == left


def test_names_without_numbering_have_their_rank() -> None:
    assert positions(["a7.png", "b9.png"]).tolist() == [0, 1]
    assert positions(["img_20260101.png", "img_20270101.png"]).tolist() == [0, 1]  # dates


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("place", ["loose", "zip"])
def test_a_manifest_names_the_files(tmp_path: Path, kind: str, place: str) -> None:
    root = dataset(tmp_path / "d")
    names = ("bg", "fg_bg", "mask", "depth")
    rows = [
        ["bg/bg_003.png", "fg_bg/img_0001.png", "fg_bg_mask/img_0002.png", "fg_bg_depth/img_0004.png"],
        ["bg/bg_001.png", "fg_bg/img_0006.png", "fg_bg_mask/img_0002.png", "fg_bg_depth/img_0005.png"],
    ]
    text = "\n".join([",".join(names), *map(",".join, rows)])
    if kind == "jsonl":
        text = "\n\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    (root / f"m.{kind}").write_text(text)
    path = zipped(root, tmp_path / "d.zip") if place == "zip" else root
    ds = load(str(path), split="all", manifest=f"m.{kind}")
    assert pairs(ds) == [(20, 100), (0, 105)]
    assert [value(ds[i].depth) for i in range(2)] == [203, 204]
    outside = tmp_path / f"elsewhere.{kind}"
    shutil.copy(root / f"m.{kind}", outside)
    assert pairs(load(str(path), split="all", manifest=str(outside))) == pairs(ds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bg,fg_bg,mask,depth\n", "no rows"),
        ("bg,fg_bg,mask\na.png,b.png,c.png\n", "line 2: no depth; leave a task out with tasks="),
        ("bg,fg_bg,mask,depth\na.png,,c.png,d.png\n", "line 2: no fg_bg"),
        ("bg,fg_bg,mask,depth\n../a.png,b.png,c.png,d.png\n", "'../a.png' leads out of it"),
        ("bg,fg_bg,mask,depth\na.png,/etc/b.png,c.png,d.png\n", "'/etc/b.png' leads out of it"),
    ],
)
def test_a_faulty_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path), split="all", manifest="m.csv")
