"""Collages of photos: the same by index, in range, masks where objects are; splits share no photo; what is refused."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_files import cutout, huge, smooth
from PIL import Image

import zoo.data
from registry import OptionError, ZooError
from zoo.data.collage import camera, render
from zoo.data.collage.library import MEMORY, library
from zoo.data.dataset import NoSplitError


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(12):
        Image.fromarray(smooth(seed, 60 + seed, 80 - 2 * seed)).save(folder / f"p{seed}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts")
    for seed in range(6):
        cutout(seed).save(folder / f"c{seed}.png")
    return folder


def load(folder, split="train", size=32, **options):
    return zoo.data.load("collage", plates=str(folder), split=split, size=size, **options)


@settings(max_examples=8)
@given(
    h=st.integers(8, 50), w=st.integers(8, 50), start=st.integers(0, 999_000), split=st.sampled_from(["train", "test"])
)
def test_any_size_gives_maps_in_range(photos, h, w, start, split):
    data = load(photos, split, (h, w))
    batch = data.batch([start % len(data), (start + 7) % len(data), 3])
    assert batch.bg.shape == batch.fg_bg.shape == (3, 3, h, w)
    assert batch.mask.shape == batch.depth.shape == (3, 1, h, w)
    assert batch.known("mask").min() == 1
    assert batch.known("depth").max() == 0
    for value in batch[:-1]:
        assert value.isfinite().all()
        assert 0 <= value.min() <= value.max() <= 1
    assert data.tasks == ("mask",)
    assert batch.meta[2]["index"] == 3


@pytest.mark.parametrize("with_cutouts", [False, True])
def test_a_scene_depends_on_its_index_alone(photos, cutouts, with_cutouts):
    options = {"cutouts": str(cutouts)} if with_cutouts else {}
    data = load(photos, **options)
    together = data.batch([5, 6, 7, 8])
    other = pickle.loads(pickle.dumps(load(photos, **options)))  # as a worker gets it
    for row, index in enumerate((5, 6, 7, 8)):
        for source in (data, other):
            alone = source[index]
            for one, both in zip(alone[:-1], together[:-1], strict=True):
                torch.testing.assert_close(one, both[row], rtol=0, atol=1.01 / 255)  # a level of the last compression
            assert alone.meta == together.meta[row]
    assert not torch.equal(together.bg[0], together.bg[1])


def test_cutouts_are_objects_too(photos, cutouts):
    plain, with_them = load(photos).batch(range(24)), load(photos, cutouts=str(cutouts)).batch(range(24))
    differ = (plain.mask != with_them.mask).flatten(1).any(1).float().mean()
    assert 0.2 < differ < 0.95


def test_the_mask_is_where_the_objects_are(photos, monkeypatch):
    """With a still camera and no shadows, photo and plate differ where the mask is, and nowhere else."""
    monkeypatch.setattr(camera, "log_uniform", lambda draw, low, high, p: draw.uniform(0, 1) * 0)
    monkeypatch.setattr("zoo.data.collage.objects.log_uniform", lambda draw, low, high, p: draw.uniform(0, 1) * 0)
    monkeypatch.setattr(camera, "lit", lambda draw, images, p: images)
    monkeypatch.setattr(camera, "exposed", lambda draw, images: images)
    monkeypatch.setattr(render, "TAKEN", 0.0)
    batch = load(photos, size=48).batch(range(40))
    change = (batch.fg_bg - batch.bg).abs().amax(1, keepdim=True)
    assert change[batch.mask == 0].max() < 1e-5
    whole = (change > 0.02)[batch.mask > 0.9].float().mean()
    assert whole > 0.85  # some parts look like what is behind them


def test_what_was_taken_away_is_in_the_plate_alone(photos, monkeypatch):
    monkeypatch.setattr(render, "TAKEN", 1.0)
    assert load(photos).batch(range(16)).mask.max() == 0


def test_about_one_scene_in_eight_has_no_object(photos):
    metas = load(photos, size=8).batch(range(400)).meta
    empty = np.mean([meta["objects"] == 0 for meta in metas])
    assert 0.07 < empty < 0.19
    assert max(meta["objects"] for meta in metas) > 4


def test_splits_share_no_photo(photos):
    names = {split: set(library(str(photos), split, (16, 16)).names) for split in ("train", "val", "test")}
    assert sorted(map(len, names.values())) == [1, 2, 9]
    assert len(set.union(*names.values())) == 12


def test_a_photo_keeps_its_split_in_another_folder(photos, tmp_path):
    for path in photos.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for split in ("train", "val", "test"):
        assert library(str(tmp_path), split, (16, 16)).names == library(str(photos), split, (16, 16)).names


def test_one_photo_is_enough_to_train_and_has_no_other_split(tmp_path):
    Image.fromarray(smooth(0)).save(tmp_path / "only.png")
    assert load(tmp_path).batch([0, 1]).bg.shape == (2, 3, 32, 32)
    with pytest.raises(NoSplitError, match="has 1 images, and no split val; it has train") as caught:
        load(tmp_path, "val")
    assert caught.value.there == ("train",)


def camera_of(folder, split, **options):
    return zoo.data.load("camera", plates=str(folder), split=split, size=32, **options)


def test_one_photo_of_one_camera_serves_all_splits_and_objects_stay_apart(tmp_path):
    Image.fromarray(smooth(0)).save(tmp_path / "only.png")
    splits = {split: camera_of(tmp_path, split) for split in ("train", "val", "test")}
    assert all(data.plates.names == ("only.png",) for data in splits.values())
    assert all(data.batch(range(6)).mask.max() > 0.9 for data in splits.values())
    textures = [photo for data in splits.values() for photo in data.textures.photos]
    assert len(textures) == len({photo.numpy().tobytes() for photo in textures}) > 100
    assert min(photo.float().std() for photo in textures) > 0
    with_photos = camera_of(tmp_path, "train", textures=str(tmp_path))
    assert with_photos.textures.names == ("only.png",)


def test_photos_of_every_kind_are_read_and_what_cannot_be_is_named(tmp_path):
    Image.fromarray(smooth(1)).save(tmp_path / "rgb.png")
    Image.fromarray(smooth(2)).convert("L").save(tmp_path / "grey.png")
    Image.fromarray(smooth(3)).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50).save(tmp_path / "deep.png")
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    whole = (tmp_path / "rgb.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "huge.png").write_bytes(huge(30_000, 30_000))
    Image.fromarray(smooth(4, channels=4)).save(tmp_path / "holes.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [name for split in ("train", "val", "test") for name in kept(tmp_path, split)]
    assert sorted(found) == ["cmyk.jpg", "deep.png", "dot.png", "grey.png", "rgb.png"]
    said = " ".join(str(each.message) for each in caught)
    for name in ("short.png", "huge.png", "holes.png"):
        assert name in said


def kept(folder, split):
    try:
        return library(str(folder), split, (16, 16)).names
    except ZooError as error:
        warnings.warn(str(error), stacklevel=1)
        return ()


def test_memory_is_bounded(photos, monkeypatch):
    monkeypatch.setattr("zoo.data.collage.library.MEMORY", 12 * 3 * 100**2)
    found = library(str(photos), "train", (400, 400))
    assert found.photos.nbytes <= 12 * 3 * 110**2
    monkeypatch.setattr("zoo.data.collage.library.MEMORY", MEMORY // 10**6)
    with pytest.raises(ZooError, match="9 photos take more than"):
        library(str(photos), "train", (64, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plates": "nowhere"}, "nowhere: no such folder; give a folder of images"),
        ({"version": 9}, "collage version 9 is not what this release makes"),
    ],
)
def test_what_is_not_accepted(photos, options, message):
    with pytest.raises(ZooError, match=message):
        zoo.data.load("collage", split="train", **{"plates": str(photos), **options})


def test_a_folder_without_photos_and_no_folder_at_all(tmp_path):
    with pytest.raises(ZooError, match="no images in it"):
        load(tmp_path)
    with pytest.raises(OptionError, match="needs plates"):
        zoo.data.load("collage", split="train")


def test_an_index_beyond_the_end_is_an_index_error(photos):
    data = load(photos, "test")
    with pytest.raises(IndexError, match="10,000 scenes in split test"):
        data.batch([len(data)])
