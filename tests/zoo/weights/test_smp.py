"""Checkpoints of segmentation-models-pytorch: what its network computes, ours of the same family does after loading."""

import pytest
import segmentation_models_pytorch as smp
import torch
from reference.checking import assert_equal, build, checkpoint, is_whole, pair, parts, refused, shaken

import zoo
from zoo.weights.tables import SMP_FAMILIES

SMALL, OTHER = "tu-mobilenetv3_small_050", "tu-mobilenetv3_small_075"
VIT = "tu-vit_tiny_patch16_224"


def theirs(family, **options):
    given = {"encoder_name": VIT, "dynamic_img_size": True} if family == "dpt" else {"encoder_name": SMALL}
    torch.manual_seed(2)
    return shaken(getattr(smp, SMP_FAMILIES[family][0])(**given, encoder_weights=None, **options))


def named(family, **options):
    return f"{family}(encoder={VIT if family == 'dpt' else SMALL})", {"in_ch": 3, **options}


def lightning(state):
    return {"pytorch-lightning_version": "2.5.0", "state_dict": {f"model.{key}": state[key] for key in state}}


@pytest.mark.parametrize("family", SMP_FAMILIES)
@torch.no_grad()
def test_each_family(tmp_path, family):
    net = theirs(family)
    spec, options = named(family, tasks="mask")
    model, report = build(spec, checkpoint(tmp_path, net, lightning), **options)
    assert report.naming == f"smp's {SMP_FAMILIES[family][0]}"
    assert is_whole(report)
    assert "normalise.set" in str(report)
    _, x = pair(h=model.min_size)
    assert_equal(model(None, x).mask, net(x))


@torch.no_grad()
def test_one_class_fills_one_task_of_two(tmp_path):
    net = theirs("encoder_unet")
    spec, _ = named("encoder_unet")
    model, report = build(spec, checkpoint(tmp_path, net))
    assert parts(report.copied) == {"encoder", "decoders.mask"}
    assert parts(report.fresh) == {"decoders.depth"}
    assert len(report.inflated) == 1
    _, x = pair()
    assert_equal(model(x, x).mask, net(x))
    model, report = build(spec, tmp_path / "theirs.pth", tasks="depth")
    assert "its one output serves depth" in str(report)
    assert_equal(model(x, x).depth, net(x))


@torch.no_grad()
def test_two_classes_fill_the_decoder_that_two_tasks_share(tmp_path):
    net = theirs("fpn", classes=2, in_channels=6)
    spec, _ = named("fpn", decoders="shared")
    model, report = build(spec, checkpoint(tmp_path, net), decoders="shared")
    assert is_whole(report)
    assert "two channels serve mask and depth, in this order" in str(report)
    bg, fg_bg = pair()
    found, expected = model(bg, fg_bg), net(torch.cat([bg, fg_bg], 1))
    assert_equal(found.mask, expected[:, :1])
    assert_equal(found.depth, expected[:, 1:])
    assert "zoo.build('fpn(decoders=shared)', weights=...), with encoder= as it was made" in refused(
        spec, tmp_path / "theirs.pth"
    )


def test_what_the_family_has_not_is_named(tmp_path):
    net = theirs("encoder_unet", aux_params={"classes": 3})
    spec, options = named("encoder_unet", tasks="mask")
    _, report = build(spec, checkpoint(tmp_path, net), **options)
    assert parts(report.unused) == {"classification_head"}


@pytest.mark.parametrize(
    ("made", "spec", "message"),
    [
        ({}, "fpn", "looks like smp's Unet, not like fpn; load it with zoo.build('encoder_unet(tasks=mask, in_ch=3)'"),
        ({}, f"encoder_unet(encoder={OTHER})", "does not fit this encoder_unet"),
        ({"decoder_attention_type": "scse"}, f"encoder_unet(encoder={SMALL})", "of its tensors have no place here"),
        ({"encoder_name": "resnet18"}, "encoder_unet(encoder=resnet34)", "it lacks 80 of the network's (encoder."),
        ({"encoder_name": "resnet34"}, "encoder_unet(encoder=resnet18)", "96 of its tensors have no place here"),
    ],
)
def test_another_family_encoder_or_decoder_is_refused(tmp_path, made, spec, message):
    net = smp.Unet(**{"encoder_name": SMALL, **made}, encoder_weights=None)
    assert message in refused(spec, checkpoint(tmp_path, net), tasks="mask", in_ch=3)


@pytest.mark.parametrize("prefix", ["", "encoder.", "model.", "model.encoder.", "net.model.encoder."])
def test_encoder_weights_lie_under_any_of_these_names(tmp_path, prefix):
    net = smp.encoders.get_encoder("resnet18", weights=None)

    def around(state):
        others = {"decoder.weight": torch.ones(1), "ema.conv1.weight": torch.ones(1)}
        return {"state_dict": {f"{prefix}{key}": state[key] for key in state} | others}

    torch.save(around(net.state_dict()), tmp_path / "last.ckpt")
    model = zoo.build("resnet18_unet", encoder_weights=str(tmp_path / "last.ckpt"))
    assert model.state_dict()["encoder.net.layer4.1.conv2.weight"].equal(net.layer4[1].conv2.weight)
