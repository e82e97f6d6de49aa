"""Our own files come back as they were saved; stems are inflated exactly."""

import importlib
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference.checking import message, pair, tiny
from safetensors import safe_open

import zoo
from registry import Spec
from zoo.saved import load, save
from zoo.weights import inflate_stem, load_into


def prediction(model, h=64):
    bg, fg_bg = pair(model.face.image_ch, h)
    with torch.no_grad():
        return [value for value in model(bg if model.face.plate else None, fg_bg) if value is not None]


def assert_same(one, other):
    assert len(one) == len(other) > 0
    assert all(a.equal(b) for a, b in zip(one, other, strict=True))


def test_ready_weights_have_names_and_a_folder_of_a_training_will_do(tmp_path):
    ready = load("frame_difference")
    assert ready.trained_tasks == ("mask",)
    with pytest.warns(UserWarning, match="fresh plane"):
        wider = zoo.build("frame_difference", weights="ready", in_ch=8)
    assert wider.threshold.equal(ready.threshold)
    save(ready, tmp_path / "model.safetensors")
    assert load(tmp_path).threshold.equal(ready.threshold)
    assert "did you mean frame_difference" in message(load, "frame_diference")
    assert "no ready weights fit plain_cnn" in message(zoo.build, "plain_cnn", weights="ready")
    assert "has not ended" in message(load, _begun(tmp_path / "run"))


def _begun(folder):
    folder.mkdir()
    (folder / "recipe.toml").touch()
    return folder


# Round trip: every entry of the catalog makes it in test_conformance.py


def test_options_links_and_normalisation_come_back(tmp_path):
    options = {"depth": 4, "fusion": "difference", "in_ch": 8, "tasks": ("depth",), "link": "identity"}
    model = zoo.build("unet", **options).eval()
    model.normalise.set([[0.1] * 4, [0.2] * 4], [[0.3] * 4, [0.4] * 4])
    back = load(save(model, tmp_path / "m.safetensors")).eval()
    assert back.face == model.face
    assert back.normalise.active
    assert_same(prediction(back), prediction(model))


def test_the_file_says_what_it_is(tmp_path):
    save(tiny(), tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata == {
        "format": "pairzoo",
        "schema": "1",
        "version": zoo.__version__,
        "spec": "u2netp(in_ch=6, tasks=(mask, depth), plate=True, link=(logit, logit), fusion=concat)",
    }


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes_come_back(tmp_path, dtype):
    back = load(save(tiny().to(dtype), tmp_path / "m.safetensors"))
    assert {value.dtype for value in back.parameters()} == {dtype}
    mixed = tiny()
    mixed.encoder.to(dtype)
    back = load(save(mixed, tmp_path / "m.safetensors"))
    assert {value.dtype for value in back.encoder.parameters()} == {dtype}
    assert {value.dtype for value in back.decoders.parameters()} == {torch.float32}


def test_shared_and_channels_last_tensors_are_saved(tmp_path):
    model = tiny().to(memory_format=torch.channels_last)
    model.decoders["mask"].fuse.weight = model.decoders["depth"].fuse.weight
    big = torch.zeros(100)
    model.decoders["mask"].fuse.bias.data = big[3:4]  # a view of a larger tensor
    path = save(model, tmp_path / "m.safetensors")
    state, back = model.state_dict(), load(path).state_dict()
    assert all(back[key].equal(value) for key, value in state.items())
    assert not model.encoder.net.stages[0].enter.conv.weight.is_contiguous()  # saving leaves the network as it was


def test_loading_never_fetches_encoder_weights(tmp_path, monkeypatch):
    model = zoo.build("resnet18_unet")
    model.spec = Spec(model.spec.name, dict(model.spec.options) | {"encoder_weights": "imagenet"})
    path = save(model, tmp_path / "m.safetensors")

    def refuse(*args, **kwargs):
        raise AssertionError("a download")

    for module in ("zoo.blocks.encoders", "zoo.architectures.resnet18_unet"):
        monkeypatch.setattr(importlib.import_module(module), "load_encoder", refuse)
    back = load(path)
    assert back.spec == model.spec
    assert load(path, "resnet18_unet").spec == model.spec  # what the encoder started from is not what the network is


@pytest.mark.parametrize(
    "around",
    [
        lambda model: torch.compile(model, backend="eager"),
        torch.nn.DataParallel,
        torch.optim.swa_utils.AveragedModel,
        lambda model: torch.nn.DataParallel(torch.compile(model, backend="eager")),
    ],
    ids=["compile", "data parallel", "average", "both"],
)
def test_networks_in_the_wrappers_of_training_are_saved_without_them(tmp_path, around):
    model = tiny()
    back = load(save(around(model), tmp_path / "m.safetensors")).eval()
    assert back.spec == model.spec
    assert_same(prediction(back), prediction(model))


def test_loading_in_inference_mode_leaves_a_network_that_trains(tmp_path):
    path = save(tiny().half(), tmp_path / "m.safetensors")
    with torch.inference_mode():
        networks = [load(path), zoo.build("u2netp", weights=path)]
    for network in networks:
        network.float()(*pair()).mask.sum().backward()
        assert network.normalise.mean.is_inference() is False


def test_an_expected_spec_is_compared(tmp_path):
    path = save(zoo.build("unet(depth=4)", tasks=("mask",)), tmp_path / "m.safetensors")
    assert load(path, "unet(depth=4, tasks=(mask,))").face.tasks == ("mask",)
    text = message(load, path, "unet")
    assert "depth is 4 in the file and 3 in the spec" in text
    assert "tasks is ('mask',)" in text
    assert "holds unet, not resunet" in message(load, path, "resunet")
    assert "depth=7 is not accepted" in message(load, path, "unet(depth=7)")


def test_our_files_fill_other_networks_of_the_same_name(tmp_path):
    one = tiny(in_ch=3, tasks=("depth",), link="identity")
    one.decoders["depth"].fuse.bias.data.fill_(0.5)  # so that not every pixel is clamped to 0
    one.normalise.set([0.1] * 3, [0.3] * 3)
    path = save(one, tmp_path / "m.safetensors")
    with pytest.warns(UserWarning, match="decoders.mask"):
        model = zoo.build("u2netp", weights=path).eval()
    assert model.face.link == ("logit", "identity")
    assert model.loaded.inflated == ("encoder.net.stages.0.enter.conv.weight",)
    assert model.normalise.mean.tolist() == [[pytest.approx(0.1)] * 3] * 2
    _, x = pair()
    with torch.no_grad():  # in double precision: near 0 and 1 a logit multiplies rounding by up to 10,000
        found, expected = model.double()(x.double(), x.double()).depth, one.double()(None, x.double()).depth
    assert expected.std() > 1e-4
    torch.testing.assert_close(found, expected)
    assert re.search(r"holds u2netp\(.*\), not unet; give that as --model", message(load_into, zoo.build("unet"), path))


def test_a_plain_state_dict_of_ours_is_copied_in_silence(tmp_path, recwarn):
    model = tiny()
    torch.save(model.state_dict(), tmp_path / "m.pth")
    assert_same(prediction(zoo.build("u2netp", weights=tmp_path / "m.pth").eval()), prediction(model))
    assert len(recwarn) == 0


# First layers


@given(out=st.integers(1, 4), k=st.sampled_from([1, 3, 7]), image_ch=st.sampled_from([1, 3, 4, 6]), extra=st.booleans())
@pytest.mark.parametrize("images", [1, 2, 3])
def test_inflated_stems_answer_the_same(images, out, k, image_ch, extra):
    weight = torch.randn(out, 3, k, k, dtype=torch.float64)
    x = torch.rand(1, image_ch, 9, 9, dtype=torch.float64)
    rgb = x.expand(-1, 3, -1, -1) if image_ch == 1 else x[:, :3]
    wide = inflate_stem(weight, images, image_ch, image_ch * extra)
    anything = torch.rand(1, image_ch * extra, 9, 9, dtype=torch.float64)
    answer = torch.nn.functional.conv2d(torch.cat([*[x] * images, anything], 1), wide)
    torch.testing.assert_close(answer, torch.nn.functional.conv2d(rgb, weight))
    first = wide[:, :image_ch]
    assert all(first.equal(wide[:, i * image_ch : (i + 1) * image_ch]) for i in range(images))


def test_stems_of_two_channels_are_refused():
    assert "images of 2" in message(inflate_stem, torch.zeros(1, 3, 1, 1), 2, 2)
    assert "trained on 5 channels" in message(inflate_stem, torch.zeros(1, 5, 1, 1), 2, 3)


def test_equal_networks_are_equal_files(tmp_path):
    model = zoo.build("unet(width=4)")
    found = {zoo.save(model, tmp_path / "model.safetensors").read_bytes() for _ in range(8)}
    assert len(found) == 1
    assert torch.equal(zoo.load(tmp_path / "model.safetensors").normalise.mean, model.normalise.mean)
