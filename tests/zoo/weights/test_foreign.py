"""Other people's checkpoints: what their own network computes, ours computes after loading."""

import pytest
import torch
from reference import densedepth, resnet18_unet, resunet, two_stream, u2net, unet
from reference.checking import assert_equal, build, checkpoint, imagenet, is_whole, pair, parts, raw, shaken


@pytest.mark.parametrize(
    ("name", "widths"), [("u2netp", u2net.SMALL), pytest.param("u2net", u2net.FULL, marks=pytest.mark.slow)]
)
@torch.no_grad()
def test_official_u2net(tmp_path, name, widths):
    net = shaken(u2net.official(widths))
    model, report = build(name, checkpoint(tmp_path, net), tasks=("mask",), in_ch=3)
    assert report.naming == "official U2-Net"
    assert is_whole(report)
    _, x = pair()
    (theirs,) = net(imagenet(x))  # the model normalises by itself
    for ours, expected in zip(model(None, x, sides=True), theirs, strict=True):
        assert ours.depth is None
        assert_equal(ours.mask, expected)


@torch.no_grad()
def test_single_network(tmp_path):
    net = shaken(u2net.single_network())
    model, report = build("u2netp", checkpoint(tmp_path, net))
    assert is_whole(report)
    assert model.face.link == ("logit", "logit")
    bg, fg_bg = pair()
    depth, mask = net(torch.cat([bg, fg_bg], 1))
    for ours, d, m in zip(model(bg, fg_bg, sides=True), depth, mask, strict=True):
        assert_equal(ours.depth, d)
        assert_equal(ours.mask, m)


@torch.no_grad()
def test_founding_unet(tmp_path):
    net = shaken(unet.founding())
    model, report = build("unet", checkpoint(tmp_path, net))
    assert is_whole(report)
    assert model.face.link == ("logit", "identity")
    assert model.spec.options["link"] == ("logit", "identity")
    assert "normalise.set" in str(report)
    bg, fg_bg = pair()
    mask, depth = net(torch.cat([bg, fg_bg], 1))
    ours = raw(model, bg, fg_bg)
    assert_equal(ours["mask"], mask)
    assert_equal(ours["depth"], depth)
    assert_equal(model(bg, fg_bg).depth.sigmoid(), depth.clamp(1e-4, 1 - 1e-4))


@pytest.mark.parametrize("task", ["mask", "depth"])
@pytest.mark.parametrize("depth", [3, 4])
@torch.no_grad()
def test_classic_unet(tmp_path, depth, task):
    net = shaken(unet.UNet(3, depth))
    model, report = build(f"unet(depth={depth})", checkpoint(tmp_path, net), tasks=(task,), in_ch=3)
    assert report.naming == "classic U-Net"
    assert is_whole(report)
    assert model.face.link == ("logit",)
    _, x = pair()
    assert_equal(getattr(model(None, x), task), net(x)[0])


@torch.no_grad()
def test_resnet18_unet(tmp_path):
    net = shaken(resnet18_unet.MaskDepthGenerator())
    model, report = build("resnet18_unet", checkpoint(tmp_path, net))
    assert is_whole(report)
    assert model.face.link == ("identity", "identity")
    bg, fg_bg = pair()
    depth, mask = net(torch.cat([fg_bg, bg], 1))  # the composite first
    ours = raw(model, bg, fg_bg)
    assert_equal(ours["mask"], mask)
    assert_equal(ours["depth"], depth)


@torch.no_grad()
def test_two_stream(tmp_path):
    net = shaken(two_stream.TwoStream())
    model, report = build("two_stream", checkpoint(tmp_path, net))
    assert is_whole(report)  # the layer that is never called is not missed
    bg, fg_bg = pair(h=16)
    mask, depth = net(bg, fg_bg)
    assert_equal(model(bg, fg_bg).mask, mask)
    assert_equal(model(bg, fg_bg).depth, depth)


@torch.no_grad()
def test_resunet(tmp_path):
    net = shaken(resunet.ResUNet())
    path = checkpoint(tmp_path, net)
    model, report = build("resunet", path)
    assert is_whole(report)
    assert model.face.link == ("identity", "identity")
    bg, fg_bg = pair()
    depth, mask = net(torch.cat([bg, fg_bg], 1))
    ours = raw(model, bg, fg_bg)
    assert_equal(ours["mask"], mask)
    assert_equal(ours["depth"], depth)
    _, report = build("resunet", path, tasks=("mask",))
    assert parts(report.unused) >= {"d_res_up4", "depth_output", "s_res_up4"}  # the last: what it listened with
    assert "its mask decoder used the depth decoder" in str(report)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    net = shaken(densedepth.Port())
    return net, checkpoint(tmp_path_factory.mktemp("port"), net)


@torch.no_grad()
def test_densedepth_port(port):
    net, path = port
    model, report = build("densedepth", path, tasks=("depth",), in_ch=3, port=True)
    assert is_whole(report)
    assert "port=True" not in str(report)
    assert model.normalise.active is False  # the port feeds images as they are
    _, x = pair()
    half = net(x)
    full = torch.nn.functional.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
    assert_equal(model(None, x).depth, full)


def test_densedepth_port_into_two_tasks_says_what_it_lacks(port):
    _, report = build("densedepth", port[1])
    assert parts(report.fresh) == {"decoders.mask"}
    assert report.inflated == ("encoder.net.features.conv0.weight",)
    assert "port=True" in str(report)
    assert len(str(report).splitlines()) <= 6
