"""Pre-activation residual U-Net whose mask decoder listens to every stage of the depth decoder."""

import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import conv
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder, stem_channels
from zoo.contract import Interface

DEPTH = ((512, 256, 512), (256, 128, 256), (128, 64, 128), (64, 16, 64))  # in, out, skip
MASK = ((512, 64, 512), (64, 64, 256), (64, 32, 128), (32, 16, 64))
CROSS = tuple(out for _, out, _ in DEPTH)  # widths of the depth stages, as the mask decoder hears them


@register(
    "resunet",
    Card(
        summary="pre-activation ResUNet, depth stages feed the mask",
        group="founding",
        origin="Depth Estimation and Segmentation",
        paper="Zhang et al. 2018, arXiv:1711.10684",
        published={
            "resunet": Published(15_855_712, 43.368),
            "resunet(tasks=mask)": Published(11_460_240),
        },
        notes=("with tasks=mask there is no depth decoder, so the connections from it are missing, too",),
    ),
)
class ResUNet(FusedModel):
    def __init__(self, face: Interface, *, fusion: Fusion = "concat"):
        super().__init__(face, fusion, stride=16)
        self.encoder = PairEncoder(face, fusion, Encoder(stem_channels(face, fusion)))
        cross = CROSS if "depth" in face.tasks else (0, 0, 0, 0)
        decoders = {"mask": lambda: Decoder(MASK, cross), "depth": lambda: Decoder(DEPTH, (0, 0, 0, 0))}
        self.decoders = nn.ModuleDict({task: decoders[task]() for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        features = self.encoder(bg, fg_bg)
        outputs: dict[str, Tensor] = {}
        stages: list[Tensor] = []
        for task in reversed(self.face.tasks):  # depth first: the mask decoder listens to its stages
            if task == "depth" or task in self.computed:
                outputs[task], stages = self.decoders[task](features, stages)
        return outputs


class Encoder(nn.Module):
    """(b, c, h, w) -> skips of 64, 128, 256, 512 channels at strides 1, 2, 4, 8, and the bridge, 512 at stride 16."""

    channels = (64, 128, 256, 512, 512)

    def __init__(self, in_ch: int):
        super().__init__()
        self.stem = conv(5, in_ch, 32)
        self.down = nn.ModuleList(Residual(a, b) for a, b in ((32, 64), (64, 128), (128, 256), (256, 512)))
        self.bridge = preactivated(512, 512)

    def forward(self, x: Tensor) -> list[Tensor]:
        skips, x = [], self.stem(x)
        for block in self.down:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        return [*skips, self.bridge(x)]


class Decoder(nn.Module):
    """Features, finest first, and what to listen to -> (b, 1, h, w) and its own stages, coarsest first."""

    def __init__(self, widths: tuple[tuple[int, int, int], ...], cross: tuple[int, ...]):
        super().__init__()
        self.stages = nn.ModuleList(Up(*stage, c) for stage, c in zip(widths, cross, strict=True))
        self.out = conv(1, 16, 1)

    def forward(self, features: list[Tensor], cross: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        *skips, x = features
        stages = []
        for i, (stage, skip) in enumerate(zip(self.stages, reversed(skips), strict=True)):
            x = stage(x, skip, cross[i] if cross else None)
            stages.append(x)
        return self.out(x), stages


class Up(nn.Module):
    """Widen, shuffle to twice the size, add the skip and what is heard, then a residual block."""

    def __init__(self, a: int, b: int, skip: int, cross: int):
        super().__init__()
        self.widen = conv(1, a, 4 * a)
        self.skip = conv(1, skip, a)
        self.cross = conv(1, cross, a) if cross else None
        self.block = Residual(a, b)

    def forward(self, x: Tensor, skip: Tensor, heard: Tensor | None) -> Tensor:
        x = F.pixel_shuffle(self.widen(x), 2) + self.skip(skip)  # (b, 4a, h, w) -> (b, a, 2h, 2w)
        if self.cross is not None:
            x = x + self.cross(heard)
        return self.block(x)


class Residual(nn.Module):
    """Pre-activated double convolution beside a normalised 1 x 1 shortcut."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.main = preactivated(a, b)
        self.shortcut = nn.Sequential(conv(1, a, b), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.shortcut(x)


def preactivated(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(a), nn.ReLU(inplace=True), conv(3, a, b), nn.BatchNorm2d(b), nn.ReLU(inplace=True), conv(3, b, b)
    )
