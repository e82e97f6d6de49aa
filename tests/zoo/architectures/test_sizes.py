"""At every size that an original takes, ours computes what it computes: nothing is padded."""

import dataclasses
import functools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import densedepth, resnet18_unet, u2net, unet
from reference.checking import assert_equal, build, checkpoint, shaken
from torch.export import Dim

SIDE = st.integers(8, 90)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """(make the original, spec, options of ours) -> the original and ours with its weights."""

    @functools.cache
    def both(make, spec, **options):
        net = shaken(make())
        model, _ = build(spec, checkpoint(tmp_path_factory.mktemp("original"), net), **options)
        model.face = dataclasses.replace(model.face, link=("logit",))  # its numbers as they are, not clamped
        return net, model

    return both


def images(h, w):
    return torch.rand(2, 1, 3, h, w, generator=torch.Generator().manual_seed(1000 * h + w))


@settings(max_examples=3)
@given(h=SIDE, w=SIDE)
@example(h=100, w=76)
@example(h=8, w=15)
@torch.no_grad()
def test_unet(originals, h, w):
    net, model = originals(unet.founding, "unet")
    bg, fg_bg = images(h, w)
    mask, depth = net(torch.cat([bg, fg_bg], 1))
    ours = model(bg, fg_bg)
    assert_equal(ours.mask, mask)
    assert_equal(ours.depth, depth)


@settings(max_examples=2)
@given(h=st.integers(16, 90), w=st.integers(16, 90))
@torch.no_grad()
def test_classic_unet(originals, h, w):
    net, model = originals(functools.partial(unet.UNet, 3, 4), "unet(depth=4)", tasks=("mask",), in_ch=3)
    _, x = images(h, w)
    assert_equal(model(None, x).mask, net(x)[0])


@settings(max_examples=3)
@given(h=SIDE, w=SIDE)
@example(h=112, w=112)
@example(h=9, w=33)
@torch.no_grad()
def test_u2netp(originals, h, w):
    net, model = originals(u2net.single_network, "u2netp")
    bg, fg_bg = images(h, w)
    depth, mask = net(torch.cat([bg, fg_bg], 1))
    assert_equal(model(bg, fg_bg).mask, mask[0])
    for ours, d, m in zip(model(bg, fg_bg, sides=True), depth, mask, strict=True):
        torch.testing.assert_close(ours.depth, d, rtol=1e-5, atol=1e-5)  # a coarse side may be one pixel
        torch.testing.assert_close(ours.mask, m, rtol=1e-5, atol=1e-5)


@settings(max_examples=3)
@given(h=SIDE, w=SIDE)
@example(h=100, w=76)
@example(h=21, w=34)
@torch.no_grad()
def test_resnet18_unet_pads_an_odd_side_by_one_and_no_other(originals, h, w):
    net, model = originals(resnet18_unet.MaskDepthGenerator, "resnet18_unet")
    bg, fg_bg = images(h, w)
    padded = F.pad(torch.cat([fg_bg, bg], 1), (0, w % 2, 0, h % 2), mode="replicate")
    depth, mask = net(padded)
    ours = model(bg, fg_bg)
    assert_equal(ours.mask, mask[..., :h, :w])
    assert_equal(ours.depth, depth[..., :h, :w])


@settings(max_examples=2)
@given(h=st.integers(64, 110), w=st.integers(64, 110))
@example(h=65, w=71)
@torch.no_grad()
def test_densedepth_from_64_pixels_up(originals, h, w):
    net, model = originals(densedepth.Port, "densedepth", tasks=("depth",), in_ch=3, port=True)
    _, x = images(h, w)
    expected = F.interpolate(net(x), size=(h, w), mode="bilinear", align_corners=False)
    assert_equal(model(None, x).depth, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "make"),
    [
        ("unet", unet.founding),
        ("u2netp", u2net.single_network),
        ("resnet18_unet", resnet18_unet.MaskDepthGenerator),
    ],
)
@torch.no_grad()
def test_an_export_with_open_sizes_computes_the_originals_too(originals, spec, make):
    net, model = originals(make, spec)
    least = model.min_export_size
    h, w = Dim("h", min=least, max=512), Dim("w", min=least, max=512)
    program = torch.export.export(
        model,
        tuple(images(least + 16, least + 40)),
        dynamic_shapes=({2: h, 3: w}, {2: h, 3: w}),
        prefer_deferred_runtime_asserts_over_guards=True,
    )
    for size in ((least, least + 30), (100, 76), (112, 150)):
        bg, fg_bg = images(*size)
        first, second = net(torch.cat([fg_bg, bg] if spec == "resnet18_unet" else [bg, fg_bg], 1))
        expected = {"unet": first, "u2netp": second[0], "resnet18_unet": second}[spec]
        assert_equal(program.module()(bg, fg_bg).mask, expected)
