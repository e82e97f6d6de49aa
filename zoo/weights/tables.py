"""Module names of other people's networks and what the same modules are called here, theirs -> ours."""

from collections.abc import Mapping
from itertools import product

Table = dict[str, str]


def rows(theirs: str, ours: str, *parts: Mapping[str, str]) -> Table:
    """A row for every choice of one item each: {0} is its key in their name and its value in ours, and so on.

    >>> rows("up{0}.conv{1}", "stages.{0}.{1}", {"1": "0"}, {"A": "first", "B": "second"})
    {'up1.convA': 'stages.0.first', 'up1.convB': 'stages.0.second'}
    """
    return {
        theirs.format(*(key for key, _ in chosen)): ours.format(*(value for _, value in chosen))
        for chosen in product(*(part.items() for part in parts))
    }


def numbered(count: int) -> Table:
    """They count from 1, and we from 0."""
    return {str(i + 1): str(i) for i in range(count)}


def same(*names: str) -> Table:
    return {name: name for name in names}


TASKS = same("mask", "depth")
CONV_NORM = {"0": "conv", "1": "norm"}

# U2-Net: stages 1 to 6, 5d to 1d; inside each, rebnconvin, rebnconv1 .. rebnconvL, rebnconv(L-1)d .. rebnconv1d

U2_LEVELS = (7, 6, 5, 4, 4, 4)


def _u2_stage(theirs: str, ours: str, levels: int) -> Table:
    units = {"in": "enter", str(levels): "bottom"}
    units |= rows("{0}", "down.{0}", numbered(levels - 1))
    units |= {f"{level}d": f"up.{levels - 1 - level}" for level in range(1, levels)}
    return rows(theirs + ".rebnconv{0}.{1}_s1", ours + ".{0}.{1}", units, {"conv": "conv", "bn": "norm"})


def u2_encoder() -> Table:
    """The encoder, the same in every file of U2-Net's kind."""
    stages = (_u2_stage(f"stage{i + 1}", f"encoder.net.stages.{i}", n) for i, n in enumerate(U2_LEVELS))
    return dict(row for stage in stages for row in stage.items())


def u2_decoder(prefix: str, fuse: str, task: str) -> Table:
    """One decoder with its six sides and their fusion."""
    ours = f"decoders.{task}"
    stages = (_u2_stage(f"{prefix}stage{i + 1}d", f"{ours}.stages.{i}", n) for i, n in enumerate(U2_LEVELS[:5]))
    table = {fuse: f"{ours}.fuse"} | {f"{prefix}side{i + 1}": f"{ours}.sides.{i}" for i in range(6)}
    return table | dict(row for stage in stages for row in stage.items())


# U-Net: inc, down1 .., up1 .., outc; the founding system's second decoder ends in _Depth

DOUBLE = {"0": "0.conv", "1": "0.norm", "3": "1.conv", "4": "1.norm"}


def unet(tasks: Mapping[str, str]) -> Table:
    """A U-Net of either depth with a decoder per task; tasks: what their names end in -> the task."""
    return (
        rows("inc.double_conv.{0}", "encoder.net.stages.0.{0}", DOUBLE)
        | rows("down{0}.maxpool_conv.1.double_conv.{1}", "encoder.net.stages.{0}.{1}", same(*"1234"), DOUBLE)
        | rows("up{0}{1}.conv.double_conv.{2}", "decoders.{1}.stages.{0}.{2}", numbered(4), tasks, DOUBLE)
        | rows("outc{0}.conv", "decoders.{0}.out", tasks)
    )


# an encoder, and per task Decoder_TASK with last_conv_TASK

RESNET = same("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
RESNET18_UNET = (
    rows("Encoder_backbone.{0}", "encoder.net.{0}", RESNET)
    | rows("Decoder_{0}.{1}", "decoders.{0}.enter.{1}", TASKS, {"conv": "conv", "bn": "norm"})
    | rows(
        "Decoder_{0}.up{1}.{2}",
        "decoders.{0}.up.{1}.{2}",
        TASKS,
        numbered(4),
        {"conv1": "main.0.conv", "bn1": "main.0.norm", "conv1_2": "main.1", "bn1_2": "main.2"}
        | {"conv2": "shortcut.0", "bn2": "shortcut.1"},
    )
    | rows("last_conv_{0}", "decoders.{0}.out", TASKS)
)

# stems, streams and heads

TWO_STREAM = (
    rows("{0}_preplayer.{1}", "stem_{0}.{1}", {"image": "fg_bg", "bg": "bg"}, CONV_NORM)
    | rows("resnetlayer{0}.conv{1}.{2}", "composite.{0}.main.{1}.{2}", numbered(2), numbered(2), CONV_NORM)
    | rows("resnetlayer{0}.{1}", "composite.{0}.{1}", numbered(2), {"conv3.0": "main.2", "conv3.1": "main.3"})
    | rows("resnetlayer{0}.conv4", "composite.{0}.shortcut", numbered(2))
    | rows("seqlayer1.conv{0}.{1}", "background.{0}.{1}", numbered(2), CONV_NORM)
    | rows("seqlayer2.conv{0}.{1}", "background.{0}.{1}", {"1": "2", "2": "3"}, CONV_NORM)
    | rows("{0}headlayer.conv{1}.{2}", "heads.{0}.{1}.{2}", TASKS, numbered(2), CONV_NORM)
    | rows("{0}headlayer.conv3.0", "heads.{0}.2", TASKS)
)

# d_ is the depth decoder, s_ the mask decoder, which listens to it

_RESIDUAL = {"double_conv.double_conv": "main", "proj_layer": "shortcut"}
RESUNET = (
    {"init_conv": "encoder.net.stem", "bridge.double_conv": "encoder.net.bridge"}
    | rows("res_down{0}.{1}", "encoder.net.down.{0}.{1}", numbered(4), _RESIDUAL)
    | rows(
        "{0}_res_up{1}.{2}",
        "decoders.{0}.stages.{1}.{2}",
        {"d": "depth", "s": "mask"},
        {"4": "0", "3": "1", "2": "2", "1": "3"},
        rows("{0}", "block.{0}", _RESIDUAL) | {"pre_conv": "widen", "skip_conv": "skip", "dense_conv": "cross"},
    )
    | rows("{0}_output", "decoders.{0}.out", {"depth": "depth", "segment": "mask"})
)

# torchvision's DenseNet inside, and the one decoder, for depth

DENSEDEPTH = (
    {"encoder.original_model.features": "encoder.net.features"}
    | {"decoder.conv2": "decoders.depth.enter", "decoder.conv3": "decoders.depth.out"}
    | rows("decoder.up{0}.conv{1}", "decoders.depth.up.{0}.{1}", numbered(4), {"A": "first", "B": "second"})
)

# smp: each family, its class there, and a tensor of its decoder that tells it from those below

SMP_FAMILIES = {
    "manet": ("MAnet", "decoder.blocks.0.hl_conv.0.0.weight"),
    "encoder_unet": ("Unet", "decoder.blocks.0.conv1.0.weight"),
    "unetplusplus": ("UnetPlusPlus", "decoder.blocks.x_0_0.conv1.0.weight"),
    "linknet": ("Linknet", "decoder.blocks.0.block.0.0.weight"),
    "fpn": ("FPN", "decoder.p2.skip_conv.weight"),
    "pspnet": ("PSPNet", "decoder.psp.blocks.0.pool.1.0.weight"),
    "pan": ("PAN", "decoder.fpa.branch1.1.conv.weight"),
    "deeplabv3": ("DeepLabV3", "decoder.aspp.convs.0.0.weight"),
    "deeplabv3plus": ("DeepLabV3Plus", "decoder.aspp.0.convs.0.0.weight"),
    "upernet": ("UPerNet", "decoder.feature_norms.0.weight"),
    "segformer": ("Segformer", "decoder.fuse_stage.0.weight"),
    "dpt": ("DPT", "decoder.fusion_blocks.0.project.weight"),
}
SMP = {
    "encoder": "encoder.net.encoder",
    "decoder": "decoders.TASK.decoder",
    "segmentation_head": "decoders.TASK.head",
}
