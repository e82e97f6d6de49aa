"""Prediction on people's own photos: sizes, weights, precisions, options."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from two_photos import CHANGED, H, W, known, photos

import zoo
from registry import OptionError, ZooError
from zoo.contract import InputError
from zoo.deploy import network, predict
from zoo.model import PairModel


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


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((W, H), "is turned by 90 degrees"),
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


def test_a_trained_network_works_at_the_size_of_its_training(tmp_path: Path) -> None:
    model = known()
    seen: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(lambda _, images: seen.append(tuple(images[1].shape[-2:])))
    predict(model, *photos())
    model.trained_at = (16, 24)
    predict(model, *photos())
    predict(model, *photos(), size=None)
    predict(model, *photos(), size=8)
    assert seen == [(H, W), (16, 24), (H, W), (8, 8)]
    assert zoo.load(zoo.save(model, tmp_path / "model.safetensors")).trained_at == (16, 24)
    assert zoo.load(zoo.save(known(), tmp_path / "new.safetensors")).trained_at is None


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
    with pytest.raises(ZooError, match=r"a training that has not ended.* --resume continues"):
        network(tmp_path)
    torch.save(zoo.build("unet(width=4)").state_dict(), tmp_path / "model.pt")  # as older versions wrote it
    with pytest.raises(ZooError, match="does not say which network it is for"):
        network(tmp_path)
    assert network(tmp_path, "unet(width=4)").spec.name == "unet"


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
    with pytest.raises(InputError, match="mask has values that are not numbers"):
        predict(model, *photos())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_names_the_size(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    model = known()
    monkeypatch.setattr(model, "logits", fail)
    with pytest.raises(InputError, match=r"cpu does not have enough memory for 12 x 20 pixels; give a size"):
        predict(model, *photos())
    error = RuntimeError("something else")
    with pytest.raises(RuntimeError, match="something else"):
        predict(model, *photos())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4}, "size=4 is not accepted; size takes pixels, 8 to 8192"),
        ({"size": (8, 8, 8)}, "size="),
        ({"size": "224"}, "size='224'"),
        ({"size": 224.0}, "size=224.0"),
        ({"precision": "half"}, "precision takes fp32, bf16 or fp16"),
        ({"device": "cuda:77"}, "device cuda:77: "),
        ({"device": "abacus"}, "device='abacus' is not accepted; device takes auto, cpu, cuda, mps or cuda:N"),
    ],
)
def test_options_that_are_not_accepted(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        predict(known(), *photos(), **options)
    with pytest.raises(OptionError, match="a Conv2d is not a network of the zoo"):
        predict(torch.nn.Conv2d(1, 1, 1), *photos())
