"""Prediction on people's own photos: what may come in, and what comes out."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from registry import OptionError, ZooError
from zoo.contract import InputError
from zoo.data.dataset import DataError
from zoo.deploy import network, predict
from zoo.model import PairModel

H, W = 12, 20
CHANGED = slice(10, 20)  # the columns where the object is


def known(**options: Any) -> PairModel:
    """A network whose answer is known: mask = sigmoid(40 * change - 4), depth = sigmoid(-y)."""
    return zoo.build("frame_difference", **options).eval()


def photos(change: int = 51) -> tuple[np.ndarray, np.ndarray]:
    """bg and fg_bg, uint8 (h, w, 3): the right half is brighter by `change` of 255."""
    bg = np.random.default_rng(0).integers(0, 200, (H, W, 3), dtype=np.uint8)
    fg_bg = bg.copy()
    fg_bg[:, CHANGED] += np.uint8(change)
    return bg, fg_bg


def test_the_answer_of_a_known_network() -> None:
    found = predict(known(), *photos())
    assert found.mask is not None
    assert found.depth is not None
    assert found.mask.shape == found.depth.shape == (1, H, W)
    torch.testing.assert_close(found.mask[:, :, :10], torch.full((1, H, 10), 1 / (1 + math.exp(4))))
    torch.testing.assert_close(found.mask[:, :, CHANGED], torch.full((1, H, 10), 1 / (1 + math.exp(-4))))
    assert found.depth[0, 0, 3].item() == pytest.approx(1 / (1 + math.exp(-1)))  # the top is far
    assert found.depth[0, -1, 3].item() == pytest.approx(1 / (1 + math.exp(1)))
    assert found.binary is not None
    assert found.binary[0].sum(0).tolist() == [0] * 10 + [H] * 10


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
    ("shape", "why"),
    [
        ((W, H), "lies on its side"),
        ((2 * H, 2 * W), "one view at two scales, allow resizing bg with resize_plate=True"),
        ((H, W + 9), "may not be one view"),
    ],
)
def test_sizes_that_differ_are_explained(shape: tuple[int, int], why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        predict(known(), np.zeros((*shape, 3), np.uint8), photos()[1])
    assert f"bg is {shape[0]} x {shape[1]} and fg_bg is 12 x 20 (height x width)" in str(caught.value)
    found = predict(known(), np.zeros((*shape, 3), np.uint8), photos()[1], resize_plate=True)
    assert found.mask is not None
    assert found.mask.shape == (1, H, W)


class Sizes:
    """A forward hook that notes what the network was given."""

    def __init__(self, model: PairModel):
        self.seen: list[tuple[int, ...]] = []
        model.register_forward_pre_hook(lambda _, images: self.seen.append(tuple(images[-1].shape)))


@pytest.mark.parametrize(("size", "sides"), [(16, (16, 16)), ((8, 24), (8, 24)), (None, (H, W))])
def test_size_is_the_network_s_and_the_maps_keep_the_photo_s(size: Any, sides: tuple[int, int]) -> None:
    model = known()
    sizes = Sizes(model)
    bg = np.full((H, W, 3), 100, np.uint8)
    found = predict(model, bg, bg + np.uint8(51), size=size)
    assert sizes.seen == [(1, 3, *sides)]
    assert found.mask is not None
    assert found.depth is not None
    assert found.mask.shape == found.depth.shape == (1, H, W)
    torch.testing.assert_close(found.mask, torch.full((1, H, W), 1 / (1 + math.exp(-4))))
    assert bool((found.depth[0].diff(dim=0) <= 0).all())


@given(h=st.integers(8, 40), w=st.integers(8, 40), size=st.none() | st.integers(8, 40), seed=st.integers(0, 9))
def test_any_size_gives_finite_maps_of_the_photo_s_size(h: int, w: int, size: int | None, seed: int) -> None:
    bg, fg_bg = torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed))
    found = predict(known(), bg, fg_bg, size=size)
    for values in (found.mask, found.depth):
        assert values is not None
        assert values.shape == (1, h, w)
        assert bool(((values >= 0) & (values <= 1)).all())
    assert found.cutout is not None
    assert found.cutout.shape == (4, h, w)


def test_a_network_gives_what_it_has_and_needs_no_plate_it_does_not_see(tmp_path: Path) -> None:
    torch.manual_seed(0)
    for task, other, names in (
        ("mask", "depth", ["a_binary.png", "a_cutout.png", "a_mask.png"]),
        ("depth", "mask", ["a_depth.png", "a_depth_preview.png"]),
    ):
        found = predict(zoo.build("unet(width=4)", plate=False, tasks=task), None, photos()[1])
        assert getattr(found, task).shape == (1, H, W)
        assert getattr(found, other) is None
        found.save(tmp_path / task, "a")
        assert sorted(path.name for path in (tmp_path / task).iterdir()) == names
    assert found.binary is found.cutout is None
    with pytest.raises(InputError, match="bg is None, and this network was built to see the plate"):
        predict(known(), None, photos()[1])


def test_weights_are_files_or_folders_of_a_training_or_foreign(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = zoo.build("unet(width=4)").eval()
    file = zoo.save(model, tmp_path / "model.safetensors")
    torch.save(model.state_dict(), tmp_path / "plain.pth")
    expected = predict(model, *photos()).mask
    assert expected is not None
    for given_as in (file, str(file), tmp_path, network(tmp_path / "plain.pth", "unet(width=4)")):
        found = predict(given_as, *photos(), device="cpu").mask
        assert found is not None
        assert torch.equal(found, expected)
    with pytest.raises(ZooError, match="does not say which network it is for"):
        predict(tmp_path / "plain.pth", *photos())
    with pytest.raises(ZooError, match="does not exist"):
        predict(tmp_path / "missing.safetensors", *photos())


def test_a_training_s_folder_without_weights_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="is a folder; give a file of weights"):
        network(tmp_path)
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(ZooError, match=r"a training that has not ended.* --resume goes on"):
        network(tmp_path)
    torch.save({}, tmp_path / "model.pt")
    with pytest.raises(ZooError, match="a network of one's own, which no file can rebuild"):
        network(tmp_path)


def test_a_network_in_training_is_asked_in_eval_mode_and_left_as_it_was() -> None:
    torch.manual_seed(0)
    model = zoo.build("unet(width=4)").train()
    frozen = next(module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
    frozen.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    one, two = predict(model, *photos()).mask, predict(model.eval(), *photos()).mask
    assert one is not None
    assert two is not None
    assert torch.equal(one, two)
    model.train()
    frozen.eval()
    predict(model, *photos())
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_weights_of_another_dtype_get_images_of_it(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = zoo.build("unet(width=4)").eval()
    exact, other = predict(model, *photos()).mask, predict(model.to(dtype), *photos()).mask
    assert exact is not None
    assert other is not None
    assert other.dtype == torch.float32
    torch.testing.assert_close(other, exact, atol=0.02 if dtype == torch.bfloat16 else 1e-5, rtol=0)


def test_narrow_precision_is_near() -> None:
    torch.manual_seed(0)
    model = zoo.build("unet(width=4)").eval()
    exact, narrow = (predict(model, *photos(), precision=p).mask for p in ("fp32", "bf16"))
    assert exact is not None
    assert narrow is not None
    assert not torch.equal(exact, narrow)
    torch.testing.assert_close(narrow, exact, atol=0.02, rtol=0)


def test_broken_weights_are_said() -> None:
    model = known()
    torch.nn.init.constant_(model.threshold, math.nan)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="mask is not a number in places"):
        predict(model, *photos())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_names_the_size(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    model = known()
    monkeypatch.setattr(model, "logits", fail)
    with pytest.raises(InputError, match=r"cpu has not the memory for 12 x 20 pixels; give a size"):
        predict(model, *photos())
    error = RuntimeError("something else")
    with pytest.raises(RuntimeError, match="something else"):
        predict(model, *photos())


HALF_SEEN = np.dstack([photos()[1], np.full((H, W), 128, np.uint8)])


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
        (HALF_SEEN, "see-through pixels"),
        (Image.fromarray(HALF_SEEN), "fg_bg: a photo with see-through pixels"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4}, "size=4 is not accepted; size takes pixels, 8 to 8192"),
        ({"size": (8, 8, 8)}, "size="),
        ({"size": "224"}, "size='224'"),
        ({"size": 224.0}, "size=224.0"),
        ({"threshold": 2}, "threshold=2 is not accepted"),
        ({"threshold": True}, "threshold=True"),
        ({"precision": "half"}, "precision takes fp32, bf16 or fp16"),
        ({"device": "cuda:77"}, "device cuda:77: "),
        ({"device": "abacus"}, "device='abacus' is not accepted; device takes auto, cpu, cuda, mps or cuda:N"),
    ],
)
def test_options_that_are_not_accepted(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        predict(known(), *photos(), **options)
    with pytest.raises(OptionError, match="a Conv2d is no network of the zoo"):
        predict(torch.nn.Conv2d(1, 1, 1), *photos())
