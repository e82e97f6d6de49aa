"""The files that show what was predicted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from two_photos import known, photos

from registry import OptionError
from zoo.data.dataset import DataError
from zoo.data.files.images import decode
from zoo.deploy import Predicted, PredictSettings, pairs, predict_many
from zoo.deploy.colours import coloured, colours


def simple(mask: list[list[float]], depth: list[list[float]], threshold: float = 0.5) -> Predicted:
    photo = torch.full((3, len(mask), len(mask[0])), 200, dtype=torch.uint8)
    return Predicted(photo, torch.tensor([mask]), torch.tensor([depth]), threshold)


def test_the_files_hold_what_their_names_say(tmp_path: Path) -> None:
    found = simple([[0.0, 0.4, 0.6, 1.0]], [[0.0, 0.25, 0.5, 1.0]])
    paths = found.save(tmp_path / "new" / "folder", "cat.1")
    kinds = ("mask", "binary", "cutout", "depth", "depth_preview")
    assert [path.name for path in paths] == [f"cat.1_{kind}.png" for kind in kinds]
    mask, binary, cutout, depth, preview = (np.asarray(Image.open(path)) for path in paths)
    assert mask.dtype == binary.dtype == np.uint8
    assert mask.tolist() == [[0, 102, 153, 255]]
    assert binary.tolist() == [[0, 0, 255, 255]]
    assert cutout.tolist() == [[[0, 0, 0, 0], [0, 0, 0, 0], [200, 200, 200, 153], [200, 200, 200, 255]]]
    assert depth.dtype == np.uint16
    assert depth.tolist() == [[0, 16384, 32768, 65535]]
    assert preview.tolist() == [[colours()[level].tolist() for level in (0, 64, 128, 255)]]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(path.name for path in paths)
    assert decode("depth", paths[3].read_bytes(), "") == pytest.approx(found.depth, abs=1 / 65535)


def test_the_threshold_moves_binary_and_cutout() -> None:
    found = simple([[0.0, 0.4, 0.6]], [[0.0, 0.0, 0.0]], threshold=0.4)
    assert found.binary is not None
    assert found.binary.tolist() == [[[False, True, True]]]
    assert found.cutout is not None
    assert found.cutout[3].tolist() == [[0, 102, 153]]
    higher = found.at(0.5)
    assert higher.binary is not None
    assert higher.binary.tolist() == [[[False, False, True]]]
    assert higher.mask is found.mask
    for threshold in (2, True, "half"):
        with pytest.raises(OptionError, match=f"threshold={threshold!r} is not accepted"):
            found.at(threshold)  # type: ignore[arg-type]


def test_a_faint_mask_is_not_read_back_as_labels(tmp_path: Path) -> None:
    path = simple([[0.0, 0.004]], [[0.0, 0.0]]).save(tmp_path, "a")[0]
    assert decode("mask", path.read_bytes(), "").max() == 0


def test_files_that_are_there_are_refused_or_replaced(tmp_path: Path) -> None:
    found = simple([[0.0, 1.0]], [[0.0, 1.0]])
    old = tmp_path / "a_depth.png"
    old.write_text("old")
    with pytest.raises(DataError, match=r"a_depth.png: already exists; allow overwrite \(--overwrite\)"):
        found.save(tmp_path, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a_depth.png"]
    found.save(tmp_path, "a", overwrite=True)
    assert Image.open(old).size == (2, 1)
    with pytest.raises(DataError, match="and 4 more"):
        found.save(tmp_path, "a")


@pytest.mark.parametrize("stem", ["", "a/b", "../a", "/", "a\0"])
def test_a_stem_stays_in_its_folder(stem: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="stem="):
        simple([[0.0]], [[0.0]]).save(tmp_path, stem)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_files_and_no_drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a_mask.png").write_text("old")
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        simple([[0.0]], [[0.0]]).save(tmp_path, "a", overwrite=True)
    assert caught.value.filename == str(tmp_path / "a_mask.png")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a_mask.png", "old")]


def oklab_lightness(rgb: Tensor) -> Tensor:
    """Of sRGB bytes (..., 3); the matrix from linear RGB to cones as Ottosson published it."""
    value = rgb.double() / 255
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    cones = torch.tensor(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]], dtype=torch.float64
    )  # fmt: skip
    return (linear @ cones.T) ** (1 / 3) @ torch.tensor([0.2104542553, 0.793617785, -0.0040720468]).double()


def test_the_colours_darken_evenly_with_distance() -> None:
    lightness = oklab_lightness(coloured(torch.linspace(0, 1, 256)[None, None]).permute(1, 2, 0))[0]
    assert lightness[0].item() == pytest.approx(0.95, abs=0.01)
    assert lightness[-1].item() == pytest.approx(0.2, abs=0.01)
    torch.testing.assert_close(lightness, torch.linspace(0.95, 0.2, 256).double(), atol=0.01, rtol=0)
    assert len(np.unique(colours(), axis=0)) == 256


def test_a_run_takes_away_what_a_killed_one_left_half_written_of_its_files(tmp_path: Path) -> None:
    paths = [tmp_path / "bg.png", tmp_path / "cat.png"]
    for image, path in zip(photos(), paths, strict=True):
        Image.fromarray(image).save(path)
    out = tmp_path / "out"
    out.mkdir()
    own, of_another = out / ".cat_mask.png.0123abcd.part", out / ".dog_mask.png.0123abcd.part"
    own.touch()
    of_another.touch()
    report = predict_many(known(), pairs(*paths)[0], out, PredictSettings(size=None))
    assert report.failures == ()
    assert not own.exists()
    assert of_another.exists(), "a run beside this one may be writing it"
