"""Prediction on people's own photos: what may come in, and what is refused."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from two_photos import CHANGED, H, W, known, photos

from registry import ZooError
from zoo.contract import InputError
from zoo.data.dataset import DataError
from zoo.deploy import predict

HALF_SEEN = np.dstack([photos()[1], np.full((H, W), 128, np.uint8)])

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "PIL": Image.fromarray,
    "PIL, opaque alpha": lambda array: Image.fromarray(array).convert("RGBA"),
    "flipped view": lambda array: np.ascontiguousarray(array[:, ::-1])[:, ::-1],
    "opaque alpha": lambda array: np.dstack([array, np.full((H, W), 255, np.uint8)]),
    "float64": lambda array: array / 255,
    "float32, big-endian": lambda array: (array / 255).astype(">f4"),
    "float, opaque alpha": lambda array: np.dstack([array / 255, np.ones((H, W))]),
    "uint16": lambda array: array.astype(np.uint16) * 257,
    "tensor": lambda array: torch.from_numpy(array).permute(2, 0, 1),
    "float tensor": lambda array: (torch.from_numpy(array).permute(2, 0, 1) / 255).requires_grad_(),
    "float tensor, rounded up": lambda array: torch.from_numpy(array).permute(2, 0, 1) / 255 + 1e-6,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_photo_gives_the_same(form: str) -> None:
    expected, found = predict(known(), *photos()), predict(known(), *(FORMS[form](image) for image in photos()))
    assert expected.mask is not None
    assert found.mask is not None
    torch.testing.assert_close(found.mask, expected.mask, atol=1e-4, rtol=0)
    assert not found.mask.requires_grad
    assert found.photo.dtype == (torch.float32 if "float" in form or form == "uint16" else torch.uint8)
    assert found.cutout is not None
    assert expected.cutout is not None
    torch.testing.assert_close(found.cutout, expected.cutout, atol=1 if "rounded" in form else 0, rtol=0)


def test_a_path_is_read_whether_text_or_path(tmp_path: Path) -> None:
    paths = [tmp_path / "bg.png", tmp_path / "fg_bg.png"]
    for image, path in zip(photos(), paths, strict=True):
        Image.fromarray(image).save(path)
    expected = predict(known(), *photos()).mask
    for pair in (paths, [str(path) for path in paths]):
        found = predict(known(), *pair).mask
        assert found is not None
        assert expected is not None
        assert torch.equal(found, expected)


def test_photos_too_small_for_any_network_are_said() -> None:
    with pytest.raises(InputError, match="1 x 3 x 4 x 4; height and width must be 8 pixels or more"):
        predict(known(), *torch.zeros(2, 3, 4, 4))


def test_grey_photos_of_8_and_16_bits_and_floats_are_one() -> None:
    bg, fg_bg = (image[..., 0] for image in photos())
    expected = predict(known(), bg, fg_bg).mask
    assert expected is not None
    assert expected[0, 0, 0] < 0.02 < 0.98 < expected[0, 0, -1]
    wide = [Image.fromarray(image.astype(np.uint16) * 257) for image in (bg, fg_bg)]
    for pair in (wide, [bg / 255, fg_bg / 255], [torch.from_numpy(bg), torch.from_numpy(fg_bg)]):
        found = predict(known(), *pair).mask
        assert found is not None
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_cmyk_is_read_as_its_colours() -> None:
    plain = np.full((H, W, 3), 255, np.uint8)
    ink = Image.new("CMYK", (W, H), (0, 0, 0, 51))  # a fifth of black
    found = predict(known(), plain, ink)
    assert found.photo.flatten(1).unique().tolist() == [204]
    assert found.mask is not None
    assert found.mask.mean().item() == pytest.approx(1 / (1 + math.exp(-4)))


def test_networks_of_one_channel_see_colours_as_grey() -> None:
    bg, fg_bg = photos()
    found = predict(known(in_ch=2), bg, fg_bg)
    assert found.mask is not None
    assert found.mask[0, 0, 0] < 0.02 < 0.97 < found.mask[0, 0, -1]
    assert found.cutout is not None  # in the photo's own colours
    assert torch.equal(found.cutout[:3, :, CHANGED], torch.from_numpy(fg_bg).permute(2, 0, 1)[:, :, CHANGED])


def test_networks_of_other_channels_take_arrays_that_have_them() -> None:
    bg = torch.rand(5, H, W)
    found = predict(known(in_ch=10), bg, bg)
    assert found.mask is not None
    assert found.cutout is None
    with pytest.raises(InputError, match="has 3 channels and this network takes 5"):
        predict(known(in_ch=10), *photos())


def test_exif_orientation_is_respected(tmp_path: Path) -> None:
    for image, name in zip(photos(), ("bg", "fg_bg"), strict=True):
        exif = Image.Exif()
        exif[0x0112] = 6  # turn a quarter to the right to see it upright
        Image.fromarray(image).rotate(90, expand=True).save(tmp_path / f"{name}.png", exif=exif)
    expected, found = predict(known(), *photos()), predict(known(), tmp_path / "bg.png", tmp_path / "fg_bg.png")
    opened = predict(known(), photos()[0], Image.open(tmp_path / "fg_bg.png"))
    for one in (found, opened):
        assert one.mask is not None
        assert expected.mask is not None
        assert torch.equal(one.mask, expected.mask)
        assert torch.equal(one.photo, expected.photo)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (3, "fg_bg is a int; a path, a PIL image"),
        (np.zeros((3, H, W), np.uint8), r"fg_bg is 3 x 12 x 20; an array is \(h, w, c\)"),
        (torch.zeros(1, 3, H, W), r"fg_bg is 1 x 3 x 12 x 20; a tensor is \(c, h, w\)"),
        (torch.zeros(H, W, 3), r"fg_bg is 12 x 20 x 3; a tensor is \(c, h, w\)"),
        (np.zeros((0, W, 3)), "fg_bg is 0 x 20 x 3"),
        (np.array(1.0), "fg_bg is a single number"),
        (photos()[1] * 1.0, r"floats from \d+ to 2\d\d; expected \[0, 1\], so divide values of 8 bits by 255"),
        (np.full((H, W, 3), np.nan), r"floats from nan to nan"),
        (np.zeros((H, W, 3), np.int64), "holds int64; uint8, uint16 and floats"),
        (torch.zeros(3, H, W, dtype=torch.bool), "holds bool"),
        (HALF_SEEN, "transparent pixels"),
        (Image.fromarray(HALF_SEEN), "fg_bg: a photo with transparent pixels"),
        ("missing.jpg", "missing.jpg: No such file"),
        (".", r"\.: Is a directory"),
    ],
)
def test_what_is_no_photo_is_named(photo: Any, message: str) -> None:
    with pytest.raises(ZooError, match=message):
        predict(known(), photos()[0], photo)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[:-900])
    for photo in (path, Image.open(path)):
        with pytest.raises(DataError, match="damaged or cut short") as caught:
            predict(known(), photos()[0], photo)
        assert str(caught.value).startswith(str(path) if photo is path else "fg_bg")
