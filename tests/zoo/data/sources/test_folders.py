"""The founding layout: four maps of a sample, their sizes, options and splits."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from folder_data import H, W, dataset, same, value, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zoo.data import DataError, load
from zoo.data.files.images import resize, same_aspect
from zoo.data.files.layout import read_layout
from zoo.data.inspecting.figures import figures


def test_samples_hold_the_four_maps(tmp_path: Path) -> None:
    ds = load(f"folders:{dataset(tmp_path)}", split="all")
    sample = ds[4]
    assert len(ds) == 6
    assert [tuple(x.shape) for x in sample[:5]] == [(3, H, W), (3, H, W), (1, H, W), (1, H, W), (2, H, W)]
    assert all(x.dtype == torch.float32 for x in sample[:5])
    assert [value(x) for x in sample[:5]] == [20, 104, 255, 204, 255]
    assert sample.meta == {
        "index": 4,
        "paths": {
            "bg": "bg/bg_003.png",
            "fg_bg": "fg_bg/img_0005.png",
            "mask": "fg_bg_mask/img_0005.png",
            "depth": "fg_bg_depth/img_0005.png",
        },
        "size": (H, W),
        "bg": "bg/bg_003.png",
    }
    assert ds.problems == {}
    assert ds.report() == ""


def test_size_resizes_all_four(tmp_path: Path) -> None:
    root = dataset(tmp_path, n_bg=1, each=1)
    mask = np.zeros((H, W), np.uint8)
    mask[:, W // 2 :] = 255
    Image.fromarray(mask).save(root / "fg_bg_mask/img_0001.png")
    sample = load(str(root), split="all", size=(8, 12))[0]
    assert {tuple(x.shape[-2:]) for x in sample[:5]} == {(8, 12)}
    assert sample.mask.unique().tolist() == [0, 1]
    assert sample.mask[0, :, 6:].eq(1).all()
    assert sample.mask[0, :, :6].eq(0).all()
    assert sample.meta["size"] == (H, W)


def test_resizing_is_antialiased_and_keeps_soft_masks_soft() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(16).expand(1, 32, 32)
    assert resize(stripes, (8, 8))[0, :, 1:-1].sub(0.5).abs().max() < 0.1
    assert set(resize(stripes, (8, 8), binary=True).unique().tolist()) <= {0.0, 1.0}
    soft = stripes * 0.5
    assert 0.1 < float(resize(soft, (8, 8), binary=True)[0, 4, 4]) < 0.4
    assert resize(stripes.mul(255).byte().expand(3, -1, -1), (8, 8)).dtype == torch.uint8


def test_sizes_must_agree_or_have_one_aspect_and_a_size(tmp_path: Path) -> None:
    root = dataset(tmp_path, n_bg=1, each=1)
    write(root / "bg/bg_001.png", 0, (2 * H, 2 * W))
    what = r"bg_001\.png is 32 x 48, and .*img_0001\.png is 16 x 24; size= resizes maps of one aspect"
    with pytest.raises(DataError, match=what):
        load(str(root), split="all", on_error="raise")[0]
    assert load(str(root), split="all", size=16)[0].bg.shape == (3, 16, 16)
    write(root / "bg/bg_001.png", 0, (W, H))
    with pytest.raises(DataError, match=r"is 24 x 16, and .* is 16 x 24$"):
        load(str(root), split="all", size=16, on_error="raise")[0]


@given(st.integers(8, 4000), st.integers(8, 4000), st.integers(1, 8))
def test_a_scaled_size_has_the_same_aspect(h: int, w: int, times: int) -> None:
    assert same_aspect((h, w), (h * times, w * times))
    assert same_aspect((round(h / times), round(w / times)), (h, w))
    assert not same_aspect((100, 100), (100, 110))


@pytest.mark.parametrize("size", [None, (H, W), (8, 12)])
def test_the_fast_decoder_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size) -> None:
    root = dataset(tmp_path, n_bg=1, each=1, suffix="jpg")
    for path in root.rglob("*.jpg"):
        mode = Image.open(path).mode
        noise = np.random.default_rng(len(str(path))).integers(0, 256, (H, W, 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(path, quality=80)
    ds = load(str(root), split="all", size=size, depth="brighter-is-nearer")
    fast = ds[0]
    monkeypatch.setattr("zoo.data.files.maps.fast", lambda *_: None)
    assert same(ds[0], fast)
    assert len(fast.depth.unique()) > 20


def test_depth_may_be_brighter_nearer(tmp_path: Path) -> None:
    path = str(dataset(tmp_path))
    assert value(load(path, split="all", depth="brighter-is-nearer")[3].depth) == 255 - 203


def test_a_task_may_be_left_out(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    shutil.rmtree(root / "fg_bg_depth")
    with pytest.raises(DataError, match=r"no images in fg_bg_depth/, the folder of depth.*tasks=mask"):
        load(str(root), split="all")
    sample = load(str(root), split="all", tasks="mask", depth="brighter-is-nearer")[1]
    assert value(sample.mask) == 255
    assert value(sample.depth) == 0


def test_folders_may_be_called_otherwise(tmp_path: Path) -> None:
    root = dataset(tmp_path)
    for old, new in (("bg", "plates"), ("fg_bg", "x/pictures"), ("fg_bg_mask", "x/m"), ("fg_bg_depth", "x/z")):
        (root / new).parent.mkdir(exist_ok=True)
        os.rename(root / old, root / new)
    assert len(load(str(root), split="all", dirs=("plates", "x/pictures", "x/m", "x/z"))) == 6
    with pytest.raises(DataError, match=r"no images in bg/, the folder of bg; it has plates, x\. .*dirs="):
        load(str(root), split="all")


def test_splits_hold_out_whole_backgrounds(tmp_path: Path) -> None:
    path = str(dataset(tmp_path, n_bg=10, each=2))
    found = {split: load(path, split=split) for split in ("train", "val", "test")}
    groups = {split: {ds[i].meta["bg"] for i in range(len(ds))} for split, ds in found.items()}
    assert sum(map(len, found.values())) == 20
    assert sum(map(len, groups.values())) == len(set().union(*groups.values())) == 10
    assert "held-out backgrounds" in found["test"].split_note
    assert not (tmp_path / "splits.json").exists()
    found["val"].keep_split()
    assert (tmp_path / "splits.json").exists()
    assert [load(path, split="test")[i].meta["paths"] for i in range(2)] == [
        found["test"][i].meta["paths"] for i in range(2)
    ]
    with pytest.raises(DataError, match="seed was 0, not 1"):
        load(path, split="test", split_seed=1)


def test_reading_names_opens_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = dataset(tmp_path)

    def refuse(*_: object) -> bytes:
        raise AssertionError("a file was read")

    monkeypatch.setattr("zoo.data.files.archive.Folder.read", refuse)
    assert len(load(str(root), split="all")) == len(read_layout(str(root))) == 6


def test_a_spec_with_every_option_loads_again(tmp_path: Path) -> None:
    ds = load(f"folders:{dataset(tmp_path)}", split="all")
    assert len(str(ds.spec)) > 255  # longer than a file's name may be
    assert len(load(str(ds.spec), split="all")) == len(ds)
    assert figures(str(ds.spec), split="all", workers=0)[1]["spec"] == str(ds.spec)
