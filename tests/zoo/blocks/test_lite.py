"""The small encoder of pairnet: timm's network by another hand, cut off at any stride."""

import pytest
import timm
import torch
from torch import nn

import zoo
from zoo.blocks.lite import EPS, NAME, Lite


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """timm's network that pads on both sides, its norms set as the published weights'."""
    torch.manual_seed(0)
    model = timm.create_model("efficientnet_lite0", features_only=True).eval()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = EPS
            nn.init.uniform_(norm.running_var, 0.2, 2)
            nn.init.uniform_(norm.running_mean, -1, 1)
    return model


@pytest.mark.numeric
@pytest.mark.parametrize("strides", [1, 2, 3, 4, 5])
@torch.inference_mode()
def test_it_computes_what_timm_does(theirs: nn.Module, strides: int):
    own = Lite(strides, 3).eval()
    own.load_state_dict({key: value for key, value in theirs.state_dict().items() if key in own.state_dict()})
    x = torch.rand(2, 3, 64, 96)
    for i, (found, features) in enumerate(zip(own(x), theirs(x), strict=False)):
        if i < 4:  # at stride 32 timm's ends one stage later
            assert found.shape == features.shape
            torch.testing.assert_close(found, features, rtol=1e-3, atol=1e-4)
    assert [2 ** (i + 1) for i in range(strides)] == [64 // found.shape[-2] for found in own(x)]


@pytest.mark.parametrize("scale", ["nano", "small", "base"])
def test_pretrained_weights_enter_every_scale(theirs: nn.Module, tmp_path, scale: str):
    """From a file with timm's names; the images are normalised as those weights saw them."""
    file = tmp_path / "lite0.pth"
    torch.save(theirs.state_dict(), file)
    model = zoo.build(f"pairnet(scale={scale})", encoder_weights=str(file))
    for key, value in model.encoder.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key])
    assert model.normalise(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), 0).abs().max() < 1e-6


def test_another_networks_weights_are_refused(tmp_path):
    file = tmp_path / "resnet.pth"
    torch.save(timm.create_model("resnet18").state_dict(), file)
    with pytest.raises(zoo.ZooError, match=f"does not hold the encoder {NAME}"):
        zoo.build("pairnet", encoder_weights=str(file))


def test_scales_keep_their_promises():
    most = {"nano": 300_000, "small": 1_500_000, "base": 8_000_000}
    for scale, limit in most.items():
        assert sum(p.numel() for p in zoo.build(f"pairnet(scale={scale})").parameters()) < limit


@pytest.mark.numeric
def test_depthwise_keeps_its_digits_where_autocast_would_not():
    """Its result and gradients are float32's of the halved input."""
    own = Lite(1, 3).blocks[0][0].conv_dw
    x = torch.rand(1, 32, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = own(x.bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, own(x.bfloat16().float()))
    found.sum().backward()
    assert x.grad is not None
    assert own.weight.grad.dtype == torch.float32
