"""Bad files of the founding layout: replaced, counted, named; and what is too much."""

import gc
import os
import pickle
from pathlib import Path

import pytest
import torch
from folder_data import H, W, dataset, pairs, value, write, zipped

from registry import OptionError
from zoo.data import DataError, load
from zoo.data.sources.problems import Problems, summary


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_empty_data_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "d"
    path.mkdir()
    path = zipped(path, tmp_path / "d.zip") if kind == "zip" else path
    with pytest.raises(DataError, match=r"no images in bg/, where bg belongs; there are: no folders"):
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


def test_a_bad_sample_is_replaced_counted_and_named(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 2, 3), split="all", max_bad=0.5)
    assert [value(ds[i].fg_bg) for i in range(6)] == [100, 103, 103, 103, 104, 105]
    assert ds[1].meta["index"] == 3
    assert list(ds.problems) == [f"{tmp_path}/fg_bg/img_0002.png", f"{tmp_path}/fg_bg/img_0003.png"]
    assert ds.report().startswith("2 of 6 samples could not be used:\n")
    assert "img_0002.png: the file is empty" in ds.report()
    assert ds.batch([0, 1]).fg_bg.shape == (2, 3, H, W)


def test_the_last_sample_is_replaced_by_the_first(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 6), split="all")
    assert ds[5].meta["index"] == 0


def test_more_bad_samples_than_allowed_end_it(tmp_path: Path) -> None:
    path = spoiled(dataset(tmp_path), 2, 4)
    ds = load(path, split="all")
    ds[1]
    with pytest.raises(DataError, match=r"2 of 6 samples(.|\n)*more than max_bad allows \(1\).*zoo data check"):
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


def test_problems_that_workers_meet_are_known_here(tmp_path: Path) -> None:
    ds = load(spoiled(dataset(tmp_path), 2, 5), split="all", max_bad=0.5)
    loader = torch.utils.data.DataLoader(ds, batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert len(list(loader)) == 6
    assert len(ds.problems) == 2


def test_the_notes_of_problems_go_with_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    owner = Problems()
    copy = pickle.loads(pickle.dumps(owner))
    copy.add("x", "bad")
    copy.add("x", "bad")
    assert (owner.all(), owner.known("x"), copy.known("x")) == ({"x": "bad"}, False, True)
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
