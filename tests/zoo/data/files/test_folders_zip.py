"""The founding layout in a zip: the same samples, and archives that are damaged or hostile."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from folder_data import dataset, same, value, zipped

from zoo.data import DataError, load
from zoo.data.files.archive import open_store


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inside", ["", "my data/"])
def test_a_zip_gives_the_same_samples(tmp_path: Path, method: int, inside: str) -> None:
    root = dataset(tmp_path / "d", suffix="jpg")
    (root / ".DS_Store").write_text("x")
    ds = load(str(zipped(root, tmp_path / "d.zip", inside=inside, method=method)), split="all")
    loose = load(str(root), split="all")
    assert len(ds) == len(loose) == 6
    assert all(same(ds[i], loose[i]) for i in range(6))
    again = pickle.loads(pickle.dumps(ds))
    assert same(again[3], loose[3])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_the_zip(tmp_path: Path, start: str) -> None:
    root = dataset(tmp_path / "d", n_bg=4)
    ds = load(str(zipped(root, tmp_path / "d.zip")), split="all")
    workers = 2 if start == "fork" else 1  # a spawned one takes seconds to start
    loader = torch.utils.data.DataLoader(ds, batch_size=None, num_workers=workers, multiprocessing_context=start)
    assert [value(sample.fg_bg) for sample in loader] == [100 + i for i in range(8)]


@pytest.mark.parametrize("name", ["../evil.png", "/abs/evil.png", "bg/../../evil.png", "C:/evil.png", "..\\evil.png"])
def test_a_zip_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(DataError, match=r"d\.zip: the path .*evil\.png' leads out of it"):
        load(str(path), split="all")


def test_a_zip_with_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bg/a.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("bg/a.png", b"2")
    with pytest.raises(DataError, match=r"holds bg/a\.png more than once"):
        list(open_store(str(path)).names())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_zip_member_is_named(tmp_path: Path, method: int) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip", method=method)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("fg_bg/img_0001.png")
    with open(path, "r+b") as file:
        file.seek(info.header_offset + 30 + len(info.filename) + 20)
        file.write(bytes(8))
    with pytest.raises(DataError, match=r"d\.zip/fg_bg/img_0001\.png: "):
        open_store(str(path)).read("fg_bg/img_0001.png")
    assert open_store(str(path)).read("fg_bg/img_0002.png") == (tmp_path / "d/fg_bg/img_0002.png").read_bytes()


def test_a_file_cut_short_is_no_zip(tmp_path: Path) -> None:
    path = zipped(dataset(tmp_path / "d"), tmp_path / "d.zip")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"d\.zip: no readable zip"):
        load(str(path), split="all")


def test_a_zip_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = zipped(dataset(tmp_path / "a", n_bg=1), tmp_path / "d.zip")
    assert len(load(str(path), split="all")) == 2
    zipped(dataset(tmp_path / "b", n_bg=5), path)
    assert len(load(str(path), split="all")) == 10
