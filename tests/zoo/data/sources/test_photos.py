"""Composites of photographs: the same by index, masks from alpha, splits apart; how their folder is filled."""

import csv
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_files import cutout, huge, photographs, smooth
from PIL import Image

import zoo.data
from registry import ZooError
from zoo.data.dataset import DamagedError, NoSplitError
from zoo.data.files.archive import folder_of_images
from zoo.data.making import photographs as gathering
from zoo.data.shots import compose
from zoo.data.splitting.named import of_split


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("photographs") / "photos")


def load(folder, plate="moved", split="test", size=32):
    return zoo.data.load(f"photos:{plate}", path=str(folder), split=split, size=size)


@settings(max_examples=8)
@given(
    h=st.integers(8, 60), w=st.integers(8, 60), index=st.integers(0, 900), plate=st.sampled_from(["moved", "aligned"])
)
def test_any_size_gives_maps_in_range(folder, h, w, index, plate):
    sample = load(folder, plate, "val", (h, w))[index]
    assert sample.bg.shape == sample.fg_bg.shape == (3, h, w)
    assert sample.mask.shape == (1, h, w)
    for value in sample[:-1]:
        assert value.isfinite().all()
        assert 0 <= value.min() <= value.max() <= 1
    assert sample.known("mask").min() == 1
    assert sample.known("depth").max() == 0
    assert sample.meta["index"] == index


def test_a_composite_depends_on_its_index_alone(folder):
    data = load(folder)
    batch = data.batch([3, 4, 5])
    again = load(folder)[4]
    for one, other in zip(again[:-1], batch[:-1], strict=True):
        assert torch.equal(one, other[1])
    assert again.meta == batch.meta[1]


def test_an_aligned_plate_differs_where_an_object_is_alone(folder):
    batch = load(folder, "aligned", size=64).batch(range(20))
    change = (batch.fg_bg - batch.bg).abs().amax(1, keepdim=True)
    far = torch.nn.functional.max_pool2d(batch.mask, 33, 1, 16) == 0  # beyond the blocks of JPEG that an object touches
    assert change[far].max() < 0.02
    assert change[batch.mask == 1].mean() > 0.1
    moved = load(folder, size=64).batch(range(20))
    assert (moved.fg_bg - moved.bg).abs().mean() > 2 * (batch.fg_bg - batch.bg).abs().mean() * 0.5


def test_splits_share_no_background_and_no_object(folder):
    for part in ("backgrounds", "cutouts"):
        parts = [set(of_split(str(folder / part), split)[1]) for split in ("train", "val", "test")]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)) == 9
    seen = {load(folder, split=split)[i].meta["bg"] for split in ("train", "val") for i in range(12)}
    assert not seen & {load(folder)[i].meta["bg"] for i in range(12)}


def test_one_in_ten_has_no_object(folder):
    counts = [len(meta["objects"]) for meta in load(folder, size=8).batch(range(300)).meta]
    assert 0.05 < np.mean([count == 0 for count in counts]) < 0.16
    assert max(counts) == len(compose.COUNTS) - 1


def test_a_folder_that_is_not_there_says_how_it_is_made(tmp_path):
    with pytest.raises(ZooError, match="no folder backgrounds and no cutouts; `make photos` fills"):
        load(tmp_path)
    with pytest.raises(ZooError, match="photos version 7 is not what"):
        zoo.data.load("photos(version=7)", split="test")


def kinds(root):
    """One file of each kind, as a background and as a cut-out."""
    picture, deep = Image.fromarray(smooth(1, 30, 40)), np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50
    made = {
        "grey.png": picture.convert("L"), "cmyk.jpg": picture.convert("CMYK"), "deep.png": Image.fromarray(deep),
        "dot.png": Image.new("RGB", (1, 1), "red"), "holes.png": cutout(2),
    }  # fmt: skip
    for name, image in made.items():
        image.save(root / name)
    (root / "short.png").write_bytes((root / "grey.png").read_bytes()[:300])
    (root / "huge.png").write_bytes(huge(9_000, 9_000))
    return {name: compose.Stock(folder_of_images(str(root))[0], (name,)) for name in [*made, "short.png", "huge.png"]}


@pytest.mark.parametrize(("mode", "refused"), [("RGB", "holes short huge"), ("RGBA", "short huge")])
def test_photos_of_every_kind_are_read_and_what_cannot_be_is_named(tmp_path, mode, refused):
    rng = np.random.default_rng(0)
    for name, stock in kinds(tmp_path).items():
        if name.split(".")[0] in refused:
            with pytest.raises(DamagedError, match=name):
                stock.draw(rng, mode)
        else:
            _, image = stock.draw(rng, mode)
            assert image.mode == mode
            if name == "deep.png":
                assert np.ptp(np.asarray(image)[..., 0]) > 200  # scaled, not clipped


def test_a_damaged_photo_is_left_out_where_it_is_drawn(folder, tmp_path):
    for part in ("backgrounds", "cutouts"):
        (tmp_path / part).mkdir()
        for path in (folder / part).iterdir():
            (tmp_path / part / path.name).write_bytes(path.read_bytes())
    broken = load(tmp_path).backgrounds.names[0]
    (tmp_path / "backgrounds" / broken).write_bytes(b"no picture")
    data = load(tmp_path)
    with pytest.warns(UserWarning, match="left out"):
        found = zoo.evaluate(zoo.build("frame_difference"), data, samples=12, resamples=0)
    assert 0 < found.images < 12
    for path in (tmp_path / "cutouts").iterdir():
        path.unlink()
    with pytest.raises(ZooError, match="cutouts: no images in it"):
        load(tmp_path)
    (tmp_path / "cutouts" / "one.png").write_bytes(b"")
    with pytest.raises(NoSplitError, match="has 1 images, and no split test; it has train"):
        load(tmp_path)


COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020, Somebody
License: GPL-2+

Files: nature/a.jpg
 nature/b.jpg
Copyright: 2021, Ann
 2022, Bob
License: CC-BY-4.0

Files: debian/*
Copyright: 2023, Packager
License: MIT
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two small packages in the place of the system's."""
    root = tmp_path / "system"
    (root / "walls/nature").mkdir(parents=True)
    for seed, name in enumerate(("a", "b", "c", "drawn-d")):
        Image.fromarray(smooth(seed, 700, 900)).save(root / f"walls/nature/{name}.jpg")
    (root / "walls/nature/broken.jpg").write_bytes(b"no picture")
    (root / "stamps").mkdir()
    noisy = np.random.default_rng(0).integers(0, 256, (80, 80, 4), dtype=np.uint8)
    noisy[:20, :, 3] = 0
    Image.fromarray(noisy).save(root / "stamps/photo.png")
    plain = np.full((80, 80, 4), 200, np.uint8)
    plain[:20, :, 3] = 0
    Image.fromarray(plain).save(root / "stamps/drawing.png")
    (root / "usr/share/doc/all").mkdir(parents=True)
    (root / "usr/share/doc/all/copyright").write_text(COPYRIGHT)
    known = (
        gathering.Package("all", "backgrounds", "walls/nature/*.jpg", ("*/drawn*",)),
        gathering.Package("all", "cutouts", "stamps/*.png"),
    )
    monkeypatch.setattr(gathering, "PACKAGES", known)
    monkeypatch.setattr(gathering, "_unpacked", lambda name, scratch: root)
    return root


def test_a_folder_of_photographs_with_credits_and_a_pack(packages, tmp_path, monkeypatch):
    monkeypatch.setattr(gathering.shutil, "which", lambda tool: tool)
    out, told = tmp_path / "photos", []
    assert gathering.gather(out, lambda *what: told.append(what)) == {"backgrounds": 3, "cutouts": 1}
    assert sorted(path.name for path in (out / "backgrounds").iterdir()) == ["a.jpg", "b.jpg", "c.jpg"]
    with (out / "CREDITS.csv").open() as file:
        rows = {row["file"]: (row["author"], row["licence"]) for row in csv.DictReader(file)}
    assert rows["backgrounds/a.jpg"] == ("2021, Ann 2022, Bob", "CC-BY-4.0")
    assert rows["backgrounds/c.jpg"] == ("2020, Somebody", "GPL-2+")
    assert len(rows) == 4
    with zipfile.ZipFile(out / "pack.zip") as pack:
        assert {*rows, "CREDITS.csv"} == set(pack.namelist())
        assert max(Image.open(pack.open("backgrounds/a.jpg")).size) == 640
    assert told[-1][1:] == (2, 2)


def test_a_pack_is_made_smaller_until_it_fits(packages, tmp_path, monkeypatch):
    monkeypatch.setattr(gathering.shutil, "which", lambda tool: tool)
    monkeypatch.setattr(gathering, "PACK_BYTES", 20_000)
    gathering.gather(tmp_path / "photos", lambda *_: None)
    assert (tmp_path / "photos/pack.zip").stat().st_size <= 20_000


def test_a_machine_without_apt_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering.shutil, "which", lambda tool: None)
    with pytest.raises(ZooError, match="apt-get is not on this machine; put photos of your own into"):
        gathering.gather(tmp_path / "photos", lambda *_: None)


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ZooError, match=r"apt-get download of nothing failed: .*; try `apt-get update`") as caught:
        gathering._unpacked("nothing", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_name_of_a_source_is_the_source_though_a_folder_is_called_so(folder, tmp_path, monkeypatch):
    (tmp_path / "photos").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    assert zoo.data.load("photos", split="test", size=16).backgrounds.names == load(folder).backgrounds.names
    with pytest.raises(ZooError, match="no images in bg/"):
        zoo.data.load("./photos", split="test", size=16)
