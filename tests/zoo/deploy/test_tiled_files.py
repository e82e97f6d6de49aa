"""Files that are written in rows: the same pixels, whole or not at all."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from two_photos import known, photos

import zoo
from zoo.__main__ import main
from zoo.data import DataError
from zoo.deploy import Pair, PredictSettings, many, predict_many, read
from zoo.deploy.tiling.png import PNG
from zoo.deploy.tiling.saving import save

DTYPES = {torch.uint8: (1, 3, 4), torch.uint16: (1,)}


@given(st.data(), st.integers(1, 30), st.integers(1, 30), st.sampled_from(list(DTYPES)))
def test_a_png_in_rows_is_read_as_it_was(data: Any, h: int, w: int, dtype: torch.dtype) -> None:
    channels = data.draw(st.sampled_from(DTYPES[dtype]))
    picture = torch.randint(0, 256 if dtype == torch.uint8 else 65536, (channels, h, w)).to(dtype)
    file = io.BytesIO()
    with PNG(file, h, w) as png:
        top = 0
        while top < h:
            rows = data.draw(st.integers(1, h - top))
            png.add(picture[:, top : top + rows])
            top += rows
    found = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    assert np.array_equal(found.reshape(h, w, channels), picture.permute(1, 2, 0).numpy())


def test_a_png_with_rows_missing_is_none() -> None:
    with pytest.raises(ValueError, match="2 rows of 3 came"), PNG(io.BytesIO(), 3, 4) as png:
        png.add(torch.zeros(1, 2, 4, dtype=torch.uint8))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plate, a photo, and weights that were trained at a small size; large photos begin at once."""
    bg, fg_bg = (np.kron(image, np.ones((20, 20, 1), np.uint8)) for image in photos())
    Image.fromarray(bg).save(tmp_path / "bg.png")
    Image.fromarray(fg_bg).save(tmp_path / "photo.png")
    model = known()
    model.trained_at = (16, 16)
    zoo.save(model, tmp_path / "w.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("size", ["trained", (24, 40), None])
def test_rows_show_what_the_whole_shows(place: Path, monkeypatch: pytest.MonkeyPatch, size: Any) -> None:
    model, pairs = zoo.load("w.safetensors"), [Pair(Path("bg.png"), Path("photo.png"))]
    predict_many(model, pairs, place / "whole", PredictSettings(size))
    monkeypatch.setattr(many, "IN_ROWS", 0)
    report = predict_many(model, pairs, place / "rows", PredictSettings(size))
    assert [path.name for path in report.files] == [
        f"photo_{kind}.png" for kind in ("mask", "binary", "cutout", "depth", "depth_preview")
    ]
    whole, rows = pixels(place / "whole"), pixels(place / "rows")
    assert list(whole) == list(rows)
    for name, image in whole.items():
        apart = np.abs(image.astype(int) - rows[name])
        assert apart.max() <= (4 if "depth.png" in name else 1 if "binary" not in name else 0), name


def test_tiles_come_into_the_same_files_with_a_preview_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", "--weights", "w.safetensors", "bg.png", "photo.png", "--out", "out", "--device", "cpu"]
    assert main([*command, "--size", "tiles", "--preview"]) == 0
    found = pixels(place / "out")
    assert found["photo_preview.png"].shape == (60, 100, 4)
    assert {image.shape[:2] for name, image in found.items() if name != "photo_preview.png"} == {(240, 400)}
    assert found["photo_binary.png"][:, 204:].min() == 255
    assert found["photo_binary.png"][:, :196].max() == 0
    assert "photo_preview.png" in capsys.readouterr().out
    assert main([*command, "--size", "tiles", "--preview"]) == 2
    assert "already exists" in capsys.readouterr().err


def test_what_fails_on_the_way_leaves_nothing(place: Path) -> None:
    photo, model = read("photo.png"), known()
    parts = many.parted(model, [read("bg.png"), photo], "tiles", "fp32")

    def rows() -> Any:
        yield from list(type(parts).rows(parts))[:1]
        raise DataError("in the middle")

    parts.rows = rows  # type: ignore[method-assign]
    with pytest.raises(DataError, match="in the middle"):
        save(photo, parts, (place / "out", "a"), threshold=0.5, tasks=("mask", "depth"), overwrite=False)
    assert list((place / "out").iterdir()) == []


def test_a_mask_of_no_more_than_one_level_is_written_empty(place: Path) -> None:
    model = known(tasks="mask")
    torch.nn.init.constant_(model.threshold, -0.6)  # type: ignore[arg-type]  # 0.0025 everywhere: level 1
    photo = read("photo.png")
    for size in ((16, 16), "tiles"):
        parts = many.parted(model, [photo, photo], size, "fp32")  # type: ignore[arg-type]
        save(photo, parts, (place / "out", "a"), threshold=0.5, tasks=("mask",), overwrite=True)
        assert pixels(place / "out")["a_mask.png"].max() == 0


def test_large_photos_are_not_read_ahead(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    results = many._ahead(lambda item: order.append(f"read {item}"), [1, 2, 3, 4], lambda item: item == 3)
    for item, coming in results:
        coming.result()
        order.append(f"done {item}")
    at = {what: order.index(what) for what in order}
    assert at["done 2"] < at["read 3"]
    assert at["done 3"] < at["read 4"]
    monkeypatch.setattr(many, "ALONE", 100)
    assert many._is_large(Pair(None, Path("photo.png")))


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A photo of 4K takes less than 1.5 GB more than the network."""
    from benchmarks.checks.resolution import one  # a process of its own

    assert one("pairnet(scale=nano)", (2160, 3840))["bytes"] < 1.5e9
