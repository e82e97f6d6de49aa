"""Checkpoints that fill a part of a network, need a wider stem, or do not fit: what is copied, and what is said."""

import re

import pytest
import torch
from reference import densedepth, resnet18_unet, resunet, two_stream, u2net, unet
from reference.checking import assert_equal, build, checkpoint, imagenet, is_whole, pair, parts, raw, refused, shaken

import zoo
from registry import Spec
from zoo.weights import IMAGENET_MEAN, WeightsError, foreign, tables


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    net = shaken(u2net.official(u2net.SMALL))
    return net, checkpoint(tmp_path_factory.mktemp("official"), net)


def test_one_task_into_two_leaves_the_other_decoder_fresh(official):
    torch.manual_seed(3)
    untouched = zoo.build("u2netp", in_ch=3)
    torch.manual_seed(3)
    model, report = build("u2netp", official[1], in_ch=3)
    assert parts(report.copied) == {"encoder", "decoders.mask"}
    assert parts(report.fresh) == {"decoders.depth"}
    assert report.unused == ()
    fresh = model.decoders["depth"].state_dict()
    assert all(fresh[key].equal(value) for key, value in untouched.decoders["depth"].state_dict().items())
    # 6 tensors in each of 60 and 52 units, and 7 convolutions with biases in the decoder
    assert str(report).splitlines() == [
        "theirs.pth (official U2-Net): 686 tensors taken",
        "  copied encoder (360 tensors), decoders.mask (326)",
        "  fresh decoders.depth (326 tensors)",
        "  note: images are normalised with ImageNet's mean and deviation, as in its training",
    ]


def test_two_tasks_into_one_lists_the_surplus(tmp_path):
    path = checkpoint(tmp_path, u2net.single_network())
    _, report = build("u2netp", path, tasks=("depth",))
    assert report.fresh == ()
    assert {name.split("_")[0] for name in report.unused} == {"seg"}
    assert parts(report.copied) == {"encoder", "decoders.depth"}


@pytest.mark.parametrize("options", [{}, {"fusion": "difference"}, {"fusion": "siamese"}, {"in_ch": 8}])
@torch.no_grad()
def test_inflated_stem_answers_the_same_image_twice_as_once(official, options):
    net, path = official
    model, report = build("u2netp", path, **options)
    stem = "encoder.net.stages.0.enter.conv.weight"
    is_siamese = options.get("fusion") == "siamese"
    assert report.inflated == (() if is_siamese else (stem,))
    assert any("join" in name for name in report.fresh) == is_siamese
    _, x = pair(model.face.image_ch)
    assert_equal(model(x, x).mask, net(imagenet(x[:, :3]))[0][0])
    if options.get("fusion") == "difference":
        assert not model.state_dict()[stem][:, 6:].any()
        assert model.state_dict()[stem][:, :6].any()


@torch.no_grad()
def test_grey_images_take_the_sum_over_rgb(tmp_path):
    net = shaken(unet.UNet(3, 3))  # classic: no normalisation in the way
    model, report = build("unet", checkpoint(tmp_path, net), in_ch=2)
    assert len(report.inflated) == 1
    _, x = pair(1)
    assert_equal(model(x, x).mask, net(x.expand(-1, 3, -1, -1))[0])


@torch.no_grad()
def test_a_pairs_stem_gains_a_silent_difference(tmp_path):
    net = shaken(unet.founding())
    model, _ = build("unet", checkpoint(tmp_path, net), fusion="difference")
    bg, fg_bg = pair()
    assert_equal(raw(model, bg, fg_bg)["mask"], net(torch.cat([bg, fg_bg], 1))[0])
    with pytest.raises(WeightsError, match="takes a pair"):
        build("unet", tmp_path / "theirs.pth", fusion="siamese")


@pytest.mark.parametrize("name", ["resnet18", "densenet169"])
def test_timm_and_torchvision_spell_these_encoders_alike(name):
    import timm
    import torchvision

    with torch.device("meta"):
        theirs, others = timm.create_model(name), getattr(torchvision.models, name)(weights=None)
    shapes = [{key: value.shape for key, value in net.state_dict().items()} for net in (theirs, others)]
    assert shapes[0] == shapes[1]


def test_resnet18_encoder_leaves_its_stem(tmp_path):
    from torchvision.models import resnet18

    net = shaken(resnet18(weights=None))
    model, report = build("resnet18_unet", checkpoint(tmp_path, net))
    assert "encoder.net.conv1.weight" in report.fresh
    assert parts(report.fresh) == {"encoder", "decoders.mask", "decoders.depth"}
    assert report.unused == ("conv1.weight", "fc.weight", "fc.bias")
    assert "64 x 3 x 7 x 7" in str(report)
    state, encoder = net.state_dict(), model.encoder.net.state_dict()
    assert all(encoder[key].equal(state[key]) for key in encoder if key != "conv1.weight")
    assert model.normalise.mean.tolist() == [pytest.approx(IMAGENET_MEAN)] * 2


@pytest.mark.parametrize("year", [2017, 2026])  # torchvision's published file still has the older spelling
@torch.no_grad()
def test_densenet_encoder(tmp_path, year):
    from torchvision.models import densenet169

    net = shaken(densenet169(weights=None))

    def spelled(state):
        inside = re.compile(r"(denselayer\d+\.)(norm|conv)([12])")
        return {inside.sub(r"\1\2.\3" if year == 2017 else r"\g<0>", key): state[key] for key in state}

    model, report = build("densedepth", checkpoint(tmp_path, net, spelled))
    assert report.inflated == ("encoder.net.features.conv0.weight",)
    assert parts(report.fresh) == {"decoders.mask", "decoders.depth"}
    assert parts(report.unused) == {"classifier"}
    x = imagenet(pair()[1]).double()  # numbers up to 18 after 169 layers: float32 would leave its tolerance no room
    bottom = model.double().encoder(x, x)[-1]
    assert_equal(bottom, net.double().features(x).relu())


# Around the names


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {f"module._orig_mod.{key}": value for key, value in state.items()},
        lambda state: {"epoch": 3, "state_dict": state},
        lambda state: {"model": {f"_orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {"model_state_dict": state, "optimizer": {"state": {}, "param_groups": []}},
    ],
)
def test_prefixes_and_wrappers_are_taken_off(tmp_path, official, wrap):
    net, _ = official
    _, report = build("u2netp", checkpoint(tmp_path, net, wrap), tasks=("mask",), in_ch=3)
    assert is_whole(report)


def test_files_without_batch_counters_are_whole(tmp_path, official):
    def old(state):
        return {key: value for key, value in state.items() if "num_batches" not in key}

    _, report = build("u2netp", checkpoint(tmp_path, official[0], old), tasks=("mask",), in_ch=3)
    assert is_whole(report)


def test_half_precision_files_fill_float32_networks(tmp_path, official):
    def half(state):
        return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}

    model, report = build("u2netp", checkpoint(tmp_path, official[0], half))
    assert len(report.inflated) == 1
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_safetensors_of_others(tmp_path, official):
    from safetensors.torch import save_file

    save_file(official[0].state_dict(), tmp_path / "u2netp.safetensors", {"format": "pt"})
    _, report = build("u2netp", tmp_path / "u2netp.safetensors", tasks=("mask",), in_ch=3)
    assert report.naming == "official U2-Net"
    assert is_whole(report)


def test_every_naming_knows_its_own_files_and_what_to_build_for_them():
    small = u2net.SMALL
    makers = {
        "Single Network, two-task U2-Net": (u2net.single_network, "u2netp"),
        "official U2-Net": (lambda: u2net.official(small), "u2netp(tasks=mask, in_ch=3)"),
        "U-Net with transposed convolutions": (lambda: unet.UNet(3, 4, bilinear=False), "unet(in_ch=3, depth=4)"),
        "Mask-and-Depth-Prediction, U-Net": (unet.founding, "unet"),
        "classic U-Net": (lambda: unet.UNet(1, 3), "unet(tasks=mask, in_ch=1)"),
        "MaskDepthGenerator": (resnet18_unet.MaskDepthGenerator, "resnet18_unet"),
        "Mask & Depth Prediction, two streams": (two_stream.TwoStream, "two_stream"),
        "Depth Estimation and Segmentation, ResUNet": (resunet.ResUNet, "resunet"),
        "DenseDepth, PyTorch port": (densedepth.Port, "densedepth(tasks=depth, in_ch=3, port=True)"),
    }
    for title, (make, spec) in makers.items():
        with torch.device("meta"):
            state = make().state_dict()
            naming = foreign.recognise(state)
            assert naming.title == title
            assert naming.likely(state) == Spec.parse(spec)
            zoo.build(naming.likely(state))
    encoders = {"ResNet-18 encoder", "DenseNet encoder", "ResNet of another depth than 18"}
    families = {f"smp's {title}" for title, _ in tables.SMP_FAMILIES.values()}  # test_smp.py has those
    assert {naming.title for naming in foreign.NAMINGS} == makers.keys() | encoders | families


# Files that do not fit


def test_another_size_of_network_is_named(official):
    text = refused("u2net", official[1], tasks=("mask",), in_ch=3)
    assert "zoo.build('u2netp(tasks=mask, in_ch=3)'" in text
    assert "stage1.rebnconv1.conv_s1.weight is 16 x 64 x 3 x 3 and the network's 32 x 64 x 3 x 3" in text
    assert "more" in text


def test_another_depth_of_unet_is_named(tmp_path):
    path = checkpoint(tmp_path, unet.UNet(3, 4))
    assert "zoo.build('unet(tasks=mask, depth=4, in_ch=3)'" in refused("unet", path, tasks=("mask",), in_ch=3)


def test_another_architecture_is_named(official):
    text = refused("unet", official[1], in_ch=3)
    assert "looks like official U2-Net, not like unet" in text
    assert "u2netp(tasks=mask, in_ch=3)" in text


def test_more_classes_do_not_fit(tmp_path):
    path = checkpoint(tmp_path, unet.UNet(3, 3, classes=2))
    assert "outc.conv.weight is 2 x 64 x 1 x 1" in refused("unet", path, in_ch=3)


def test_transposed_convolutions_are_refused(tmp_path):
    path = checkpoint(tmp_path, unet.UNet(3, 3, bilinear=False))
    assert "bilinear=True" in refused("unet", path, tasks=("mask",), in_ch=3)


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_deeper_resnets_are_refused(tmp_path, name):
    import torchvision

    with torch.device("meta"):
        net = getattr(torchvision.models, name)(weights=None)
    path = checkpoint(tmp_path, net, lambda state: dict.fromkeys(state, torch.zeros(1)))
    assert "only ResNet-18" in refused("resnet18_unet", path)


def test_an_encoder_file_for_another_network_says_where_it_goes(tmp_path):
    from torchvision.models import resnet18

    path = checkpoint(tmp_path, resnet18(weights=None))
    assert "encoder_weights=FILE" in refused("unet", path)


def test_two_channel_images_have_no_rule(official):
    assert "3, 1, or more than 3 channels" in refused("u2netp", official[1], in_ch=4)


def test_unknown_names_are_quoted(tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    text = refused("unet", checkpoint(tmp_path, net))
    assert "0.weight, 0.bias" in text
    assert "zoo.wrap" in text
