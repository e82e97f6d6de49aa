"""Whose names a file uses, and what they are called here. A naming is a table of modules, theirs to ours."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from registry import Spec, Value
from zoo.contract import Task
from zoo.weights import tables

State = Mapping[str, Tensor]
SINGLE = "TASK"  # in a name of ours: the task that a file with one output serves
U2_STEM = "stage1.rebnconvin.conv_s1.weight"
ATTRIBUTES = ("", "model.", "net.")  # in which modules of Lightning keep their network
OLD_DENSENET = re.compile(
    r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)"
)  # torchvision's files of 2017: norm.1 for norm1


@dataclass(frozen=True)
class Naming:
    """One system's names.

    present, absent: tensors that tell its files from all others.
    modules: their module -> ours, at any depth: what follows is the same in both.
    stems: our first layers, which may have to be widened.
    inputs: how its images were normalised: as ImageNet's, not at all, or in a way the file does not carry.
    raw: tasks trained on the head's number itself, without a sigmoid.
    ignored: parts that the original never uses.
    encoder_only: such a file holds an encoder and a classifier.
    is_family: the encoder may be any, so its first layer has no one name, and all parts of the file must have a place.
    likely: the spec that a file of these names was most likely made with.
    refusal: why such files are not taken.
    advice: what the owner of a network, given its spec, must know.
    """

    title: str
    networks: tuple[str, ...]
    present: tuple[str, ...]
    modules: Mapping[str, str]
    likely: Callable[[State], Spec]
    stems: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    inputs: Literal["imagenet", "plain", "unknown"] = "unknown"
    raw: tuple[Task, ...] = ()
    ignored: tuple[str, ...] = ()
    encoder_only: bool = False
    is_family: bool = False
    refusal: str = ""
    advice: Callable[[Spec], str] = lambda spec: ""

    def fits(self, state: State) -> bool:
        return all(key in state for key in self.present) and not any(key in state for key in self.absent)

    def ours(self, key: str, task: str) -> str | None:
        """Our name of their tensor, or None where the table has no place for it."""
        key = OLD_DENSENET.sub(r"\1", key)
        module, rest = key, ""
        while module:
            module, _, last = module.rpartition(".")
            rest = f".{last}{rest}"
            if module in self.modules:
                return self.modules[module].replace(SINGLE, task) + rest
        return None


def recognise(state: State) -> Naming | None:
    """The naming that a file's names follow."""
    return next((naming for naming in NAMINGS if naming.fits(state)), None)


def opened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names as they were in the network itself: a module of Lightning puts an attribute of its own before them."""
    for prefix in ATTRIBUTES:
        inner = {key.removeprefix(prefix): value for key, value in state.items()}
        if recognise(inner):
            return inner
    return state


def _spec(name: str, in_ch: int, **options: Value) -> Spec:
    """A spec with what differs from the default written out."""
    return Spec(name, options if in_ch == 6 else options | {"in_ch": in_ch})


def _width(state: State, key: str, axis: int = 1) -> int:
    return state[key].shape[axis] if key in state and state[key].dim() > axis else 0


def _u2net(state: State, **options: Value) -> Spec:
    small = _width(state, "stage1.rebnconv1.conv_s1.weight", 0) == 16
    return _spec("u2netp" if small else "u2net", _width(state, U2_STEM), **options)


def _unet(state: State, **options: Value) -> Spec:
    deep: dict[str, Value] = {"depth": 4} if any(key.startswith("down4.") for key in state) else {}
    return _spec("unet", _width(state, "inc.double_conv.0.weight"), **options, **deep)


def _resunet_advice(spec: Spec) -> str:
    alone = spec.options["tasks"] == ("mask",)
    return "its mask decoder used the depth decoder, which tasks=mask leaves out; train it further" * alone


def _densedepth_advice(spec: Spec) -> str:
    said = "its depth is a raw number, largest depth over depth, so train on to get logits"
    if not spec.options["port"]:
        said += "; the port leaves out each stage's first LeakyReLU: build with port=True to compute what it computes"
    return said


def _smp(state: State, name: str) -> Spec:
    stem = next((value for key, value in state.items() if key.startswith("encoder.") and value.dim() == 4), None)
    head = [value for key, value in state.items() if key.startswith("segmentation_head.")]
    channels: dict[str, Value] = {"decoders": "shared"} if head and len(head[-1]) == 2 else {"tasks": "mask"}
    return _spec(name, 6 if stem is None else stem.shape[1], **channels)


DENSE_STEM = "encoder.net.features.conv0.weight"

NAMINGS = (
    Naming(
        "Single Network, two-task U2-Net",
        ("u2netp", "u2net"),
        (U2_STEM, "depth_stage1d.rebnconvin.conv_s1.weight"),
        tables.u2_encoder()
        | tables.u2_decoder("depth_", "depth_out", "depth")
        | tables.u2_decoder("seg_", "seg_out", "mask"),
        _u2net,
        stems=("encoder.net.stages.0.enter.conv.weight",),
    ),
    Naming(
        "official U2-Net",
        ("u2netp", "u2net"),
        (U2_STEM, "stage1d.rebnconvin.conv_s1.weight"),
        tables.u2_encoder() | tables.u2_decoder("", "outconv", SINGLE),
        partial(_u2net, tasks="mask"),
        stems=("encoder.net.stages.0.enter.conv.weight",),
        inputs="imagenet",
    ),
    Naming(
        "U-Net with transposed convolutions",
        (),
        ("inc.double_conv.0.weight", "up1.up.weight"),
        {},
        _unet,
        refusal="its decoder learns how to upsample (bilinear=False); `unet` resizes bilinearly, so only files trained"
        " with bilinear=True fit",
    ),
    Naming(
        "Mask-and-Depth-Prediction, U-Net",
        ("unet",),
        ("inc.double_conv.0.weight", "outc_Depth.conv.weight"),
        tables.unet({"": "mask", "_Depth": "depth"}),
        _unet,
        stems=("encoder.net.stages.0.0.conv.weight",),
        raw=("depth",),
    ),
    Naming(
        "classic U-Net",
        ("unet",),
        ("inc.double_conv.0.weight", "outc.conv.weight"),
        tables.unet({"": SINGLE}),
        partial(_unet, tasks="mask"),
        stems=("encoder.net.stages.0.0.conv.weight",),
    ),
    Naming(
        "MaskDepthGenerator",
        ("resnet18_unet",),
        ("Encoder_backbone.conv1.weight", "Decoder_mask.conv.weight"),
        tables.RESNET18_UNET,
        lambda state: _spec("resnet18_unet", _width(state, "Encoder_backbone.conv1.weight")),
        stems=("encoder.net.conv1.weight",),
        raw=("mask", "depth"),
    ),
    Naming(
        "Mask & Depth Prediction, two streams",
        ("two_stream",),
        ("image_preplayer.0.weight", "bg_preplayer.0.weight"),
        tables.TWO_STREAM,
        lambda state: _spec("two_stream", 2 * _width(state, "image_preplayer.0.weight")),
        stems=("stem_fg_bg.conv.weight", "stem_bg.conv.weight"),
        ignored=("midconv_layer.",),  # the published code never calls it
    ),
    Naming(
        "Depth Estimation and Segmentation, ResUNet",
        ("resunet",),
        ("init_conv.weight", "res_down1.proj_layer.0.weight"),
        tables.RESUNET,
        lambda state: _spec("resunet", _width(state, "init_conv.weight")),
        stems=("encoder.net.stem.weight",),
        raw=("mask", "depth"),
        advice=_resunet_advice,
    ),
    Naming(
        "DenseDepth, PyTorch port",
        ("densedepth",),
        ("encoder.original_model.features.conv0.weight", "decoder.up1.convA.weight"),
        tables.DENSEDEPTH,
        lambda state: _spec(
            "densedepth", _width(state, "encoder.original_model.features.conv0.weight"), tasks="depth", port=True
        ),
        stems=(DENSE_STEM,),
        inputs="plain",  # the port feeds images in [0, 1]
        ignored=("encoder.original_model.classifier.",),
        advice=_densedepth_advice,
    ),
    Naming(
        "ResNet of another depth than 18",
        (),
        ("conv1.weight", "layer1.0.conv1.weight", "layer1.2.conv1.weight"),
        {},
        lambda state: Spec("resnet18_unet"),
        refusal="only ResNet-18's encoder is loaded so; give others as encoder= and encoder_weights=",
    ),
    Naming(
        "ResNet-18 encoder",
        ("resnet18_unet",),
        ("conv1.weight", "layer1.0.conv1.weight", "layer4.1.conv2.weight"),
        tables.rows("{0}", "encoder.net.{0}", tables.RESNET),
        lambda state: Spec("resnet18_unet"),
        absent=("layer1.0.conv3.weight",),
        stems=("encoder.net.conv1.weight",),
        inputs="imagenet",
        encoder_only=True,
    ),
    Naming(
        "DenseNet encoder",
        ("densedepth",),
        ("features.conv0.weight", "features.norm5.weight"),
        {"features": "encoder.net.features"},
        lambda state: Spec("densedepth"),
        stems=(DENSE_STEM,),
        inputs="imagenet",
        encoder_only=True,
    ),
    *(
        Naming(f"smp's {title}", (name,), (key,), tables.SMP, partial(_smp, name=name), is_family=True)
        for name, (title, key) in tables.SMP_FAMILIES.items()
    ),
)
