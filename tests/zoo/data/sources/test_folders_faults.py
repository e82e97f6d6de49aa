"""Bad files of the founding layout: left out, counted, named; in training replaced; and what is too much."""

import gc
import os
import pickle
from pathlib import Path

import pytest
from folder_data import dataset, pairs, value, write, zipped

from registry import OptionError
from zoo.data import DataError, load
from zoo.data.dataset import DamagedError
from zoo.data.feeding.loader import Loader
from zoo.data.sources.problems import Problems, summary
from zoo.training import Recipe, Setup, Stage, fit
from zoo.training.feed import Stream, statistics


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_empty_data_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "d"
    path.mkdir()
    path = zipped(path, tmp_path / "d.zip") if kind == "zip" else path
    with pytest.raises(DataError, match=r"no images in bg/, the folder of bg; it has no folders"):
        load(str(path), split="all")
    with pytest.raises(DataError, match="no such folder or zip"):
        load(f"folders:{tmp_path}/nothing", split="all")


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    write(dataset(tmp_path) / "fg_bg_mask/img_0001.bmp", 0)
    with pytest.raises(DataError, match=r"img_0001\.(bmp|png) and .*img_0001\.(bmp|png) have one name"):
        load(str(tmp_path), split="all")


def test_other_files_and_suffixes_of_maps_do_not_matter(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "fg_bg/notes.txt").write_text("x")
    (root / "fg_bg/.hidden.png").write_text("x")
    for path in (root / "fg_bg_mask").iterdir():
        os.rename(path, path.with_suffix(".PNG"))
    assert len(load(str(root), split="all")) == 6


def spoiled(root: Path, *numbers: int) -> str:
    for i in numbers:
        (root / f"fg_bg/img_{i:04}.png").write_bytes(b"")
    return str(root)


def test_a_damaged_sample_is_an_error_of_its_own_counted_and_named(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 2, 3), split="all", max_bad=0.5)
    assert list(ds.damaged(range(6))) == [1, 2]
    for _ in range(2):  # once read, and once known
        with pytest.raises(DamagedError, match=r"img_0002\.png: the file is empty"):
            ds[1]
    assert [ds[i].meta["index"] for i in (0, 3, 4, 5)] == [0, 3, 4, 5]
    assert list(ds.problems) == [f"{tmp_path}/fg_bg/img_0002.png", f"{tmp_path}/fg_bg/img_0003.png"]
    assert ds.report().startswith("2 of 6 samples could not be used:\n")
    assert "img_0002.png: the file is empty" in ds.report()
    with pytest.raises(DamagedError, match=r"img_0002\.png"):
        ds.batch([0, 1])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_leaves_damaged_samples_out_and_says_which(tmp_path: Path, workers: int) -> None:
    ds = load(spoiled(dataset(tmp_path), 1, 2, 6), split="all", max_bad=0.5)
    batches = Loader(ds, range(6), batch=2, workers=workers)
    assert [[meta["index"] for meta in batch.meta] for batch in batches] == [[2, 3], [4]]
    assert list(batches.left_out) == [0, 1, 5]
    assert batches.left_out[5] == f"{tmp_path}/fg_bg/img_0006.png: the file is empty"
    assert len(ds.problems) == 3


def test_training_takes_the_next_sample_in_the_place_of_a_damaged_one(tmp_path: Path) -> None:
    stream = Stream(load(spoiled(dataset(tmp_path), 2, 6), split="all", max_bad=0.5), seed=1)
    places = range(6)
    expected = [{1: 2, 5: 0}.get(index, index) for index in stream.indices(places)]
    assert [meta["index"] for meta in stream.batch(places).meta] == expected
    assert [stream[place].meta["index"] for place in places] == expected
    assert stream.report().startswith("2 of 6 samples could not be used")


def test_a_training_says_how_many_samples_it_replaced(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", n_bg=10, each=1)
    for name in load(str(root), split="train").layout.column("fg_bg")[:4]:
        (root / name).write_bytes(b"")
    spec = f"folders(path={root}, max_bad=0.5)"
    recipe = Recipe(model="unet(width=2, depth=3)", data=spec, stages=(Stage(size=16, samples=20, batch=10),))
    with pytest.warns(UserWarning, match=r"4 of 10 samples could not be used(.|\n)*each damaged sample was replaced"):
        fit(recipe, tmp_path / "run", setup=Setup(device="cpu", workers=0))


def test_statistics_leave_damaged_samples_out(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path, n_bg=1, each=2), 2), split="all", max_bad=0.5)
    assert statistics(ds)[0][1].tolist() == pytest.approx([100 / 255] * 3)


def test_one_damaged_sample_is_tolerated_where_max_bad_says_so(tmp_path: Path) -> None:
    path = spoiled(dataset(tmp_path), 2)
    assert list(load(path, split="all", max_bad=0.17).damaged([1])) == [1]
    with pytest.raises(DataError, match=r"1 of 6 samples(.|\n)*more than max_bad=0\.16 allows \(0\)"):
        load(path, split="all", max_bad=0.16).damaged([1])


def test_more_bad_samples_than_allowed_end_it(tmp_path: Path) -> None:
    path = spoiled(dataset(tmp_path), 2, 4)
    ds = load(path, split="all")
    assert list(ds.damaged([1])) == [1]
    with pytest.raises(DataError, match=r"2 of 6 samples(.|\n)*more than max_bad=0.2 allows \(1\).*zoo data check"):
        ds[3]
    with pytest.raises(DataError, match=r"allows \(0\)"):
        load(path, split="all", max_bad=0)[1]
    with pytest.raises(DataError, match=r"img_0002\.png: the file is empty"):
        load(path, split="all", on_error="raise")[1]
    with pytest.raises(OptionError, match="max_bad=2"):
        load(path, split="all", max_bad=2.0)


def test_a_missing_partner_is_left_out_and_named(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    (root / "fg_bg_depth/img_0003.png").unlink()
    ds = load(str(root), split="all")
    assert [value(ds[i].fg_bg) for i in range(len(ds))] == [100, 101, 103, 104, 105]
    assert pairs(ds)[2] == (10, 103)
    assert ds.problems == {f"{root}/fg_bg/img_0003.png": "no depth belongs to it"}
    with pytest.raises(DataError, match=r"fg_bg/img_0003\.png: no depth belongs to it"):
        load(str(root), split="all", on_error="raise")
    (root / "fg_bg_mask/img_0001.png").unlink()
    with pytest.raises(DataError, match=r"2 of 6 samples could not be used(.|\n)*no mask belongs to it"):
        load(str(root), split="all")


def test_the_notes_of_problems_go_with_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    owner = Problems()
    copy = pickle.loads(pickle.dumps(owner))
    copy.add("x", "bad")
    copy.add("x", "bad")
    assert (owner.all(), owner.known("x"), copy.known("x")) == ({"x": "bad"}, None, "bad")
    del copy
    gc.collect()
    assert owner.all() == {"x": "bad"}
    assert len(list(tmp_path.iterdir())) == 1
    del owner
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_problems_are_kept_without_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    problems = Problems()
    problems.add("x", "bad")
    assert problems.all() == {"x": "bad"}


def test_a_summary_shows_three(tmp_path: Path) -> None:
    lines = summary({f"{i}": "bad" for i in range(5)}, 100).splitlines()
    assert lines == ["5 of 100 samples could not be used:", "  0: bad", "  1: bad", "  2: bad", "  and 2 more"]


def test_no_text_is_no_data() -> None:
    with pytest.raises(OptionError, match=r"data='' is not accepted; data takes a source, as pairbench:hard, or a fo"):
        Recipe(model="unet", data="", stages=(Stage(samples=1),)).resolved()
