"""Module names of other people's networks and what the same modules are called here, theirs -> ours."""

from collections.abc import Iterator, Mapping

# U2-Net: stages 1 to 6, 5d to 1d; inside each, rebnconvin, rebnconv1 .. rebnconvL, rebnconv(L-1)d .. rebnconv1d

U2_LEVELS = (7, 6, 5, 4, 4, 4)


def _u2_stage(theirs: str, ours: str, levels: int) -> Iterator[tuple[str, str]]:
    units = {"rebnconvin": "enter", f"rebnconv{levels}": "bottom"}
    for level in range(1, levels):
        units[f"rebnconv{level}"] = f"down.{level - 1}"
        units[f"rebnconv{level}d"] = f"up.{levels - 1 - level}"
    for unit, place in units.items():
        yield f"{theirs}.{unit}.conv_s1", f"{ours}.{place}.conv"
        yield f"{theirs}.{unit}.bn_s1", f"{ours}.{place}.norm"


def u2_encoder() -> dict[str, str]:
    """The encoder, the same in every file of U2-Net's kind."""
    stages = enumerate(U2_LEVELS)
    return dict(pair for i, n in stages for pair in _u2_stage(f"stage{i + 1}", f"encoder.net.stages.{i}", n))


def u2_decoder(prefix: str, fuse: str, task: str) -> dict[str, str]:
    """One decoder with its six sides and their fusion."""
    ours = f"decoders.{task}"
    stages = enumerate(U2_LEVELS[:5])
    table = dict(pair for i, n in stages for pair in _u2_stage(f"{prefix}stage{i + 1}d", f"{ours}.stages.{i}", n))
    return table | {f"{prefix}side{i + 1}": f"{ours}.sides.{i}" for i in range(6)} | {fuse: f"{ours}.fuse"}


# U-Net: inc, down1 .., up1 .., outc; the founding system's second decoder ends in _Depth


def _double(theirs: str, ours: str) -> dict[str, str]:
    places = {0: "0.conv", 1: "0.norm", 3: "1.conv", 4: "1.norm"}
    return {f"{theirs}.double_conv.{i}": f"{ours}.{place}" for i, place in places.items()}


def unet(tasks: Mapping[str, str]) -> dict[str, str]:
    """A U-Net of either depth with a decoder per task; tasks: what their names end in -> the task."""
    table = _double("inc", "encoder.net.stages.0")
    for i in range(1, 5):
        table |= _double(f"down{i}.maxpool_conv.1", f"encoder.net.stages.{i}")
    for ending, task in tasks.items():
        table[f"outc{ending}.conv"] = f"decoders.{task}.out"
        for i in range(1, 5):
            table |= _double(f"up{i}{ending}.conv", f"decoders.{task}.stages.{i - 1}")
    return table


def resnet18_unet() -> dict[str, str]:
    """Encoder_backbone, and Decoder_TASK with last_conv_TASK."""
    table = {f"Encoder_backbone.{part}": f"encoder.net.{part}" for part in ("conv1", "bn1")}
    table |= {f"Encoder_backbone.layer{i}": f"encoder.net.layer{i}" for i in (1, 2, 3, 4)}
    places = {"conv1": "main.0.conv", "bn1": "main.0.norm", "conv1_2": "main.1", "bn1_2": "main.2"}
    places |= {"conv2": "shortcut.0", "bn2": "shortcut.1"}
    for task in ("mask", "depth"):
        theirs, ours = f"Decoder_{task}", f"decoders.{task}"
        table |= {f"{theirs}.conv": f"{ours}.enter.conv", f"{theirs}.bn": f"{ours}.enter.norm"}
        table[f"last_conv_{task}"] = f"{ours}.out"
        for i in range(4):
            table |= {f"{theirs}.up{i + 1}.{part}": f"{ours}.up.{i}.{place}" for part, place in places.items()}
    return table


def two_stream() -> dict[str, str]:
    """Stems, streams and heads."""
    table: dict[str, str] = {}
    for theirs, ours in (("image_preplayer", "stem_fg_bg"), ("bg_preplayer", "stem_bg")):
        table |= {f"{theirs}.0": f"{ours}.conv", f"{theirs}.1": f"{ours}.norm"}
    for i in (1, 2):
        theirs, ours = f"resnetlayer{i}", f"composite.{i - 1}"
        for j in (1, 2):
            table |= {f"{theirs}.conv{j}.0": f"{ours}.main.{j - 1}.conv"}
            table |= {f"{theirs}.conv{j}.1": f"{ours}.main.{j - 1}.norm"}
            unit = f"background.{2 * (i - 1) + j - 1}"
            table |= {f"seqlayer{i}.conv{j}.0": f"{unit}.conv", f"seqlayer{i}.conv{j}.1": f"{unit}.norm"}
        table |= {f"{theirs}.conv3.0": f"{ours}.main.2", f"{theirs}.conv3.1": f"{ours}.main.3"}
        table[f"{theirs}.conv4"] = f"{ours}.shortcut"
    for task in ("mask", "depth"):
        theirs, ours = f"{task}headlayer", f"heads.{task}"
        for j in (1, 2):
            table |= {f"{theirs}.conv{j}.0": f"{ours}.{j - 1}.conv", f"{theirs}.conv{j}.1": f"{ours}.{j - 1}.norm"}
        table[f"{theirs}.conv3.0"] = f"{ours}.2"
    return table


def resunet() -> dict[str, str]:
    """d_ is the depth decoder, s_ the mask decoder, which listens to it."""
    table = {"init_conv": "encoder.net.stem", "bridge.double_conv": "encoder.net.bridge"}

    def residual(theirs: str, ours: str) -> dict[str, str]:
        return {f"{theirs}.double_conv.double_conv": f"{ours}.main", f"{theirs}.proj_layer": f"{ours}.shortcut"}

    for i in (1, 2, 3, 4):
        table |= residual(f"res_down{i}", f"encoder.net.down.{i - 1}")
    for letter, output, task in (("d", "depth_output", "depth"), ("s", "segment_output", "mask")):
        table[output] = f"decoders.{task}.out"
        for i in (4, 3, 2, 1):
            theirs, ours = f"{letter}_res_up{i}", f"decoders.{task}.stages.{4 - i}"
            table |= residual(theirs, f"{ours}.block")
            table |= {f"{theirs}.pre_conv": f"{ours}.widen", f"{theirs}.skip_conv": f"{ours}.skip"}
            table[f"{theirs}.dense_conv"] = f"{ours}.cross"
    return table


def densedepth() -> dict[str, str]:
    """torchvision's DenseNet inside, and the one decoder, for depth."""
    table = {"encoder.original_model.features": "encoder.net.features"}
    table |= {"decoder.conv2": "decoders.depth.enter", "decoder.conv3": "decoders.depth.out"}
    for i in (1, 2, 3, 4):
        for theirs, ours in (("convA", "first"), ("convB", "second")):
            table[f"decoder.up{i}.{theirs}"] = f"decoders.depth.up.{i - 1}.{ours}"
    return table
