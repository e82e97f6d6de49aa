"""U2-Net: a U-Net whose every stage is a small U-Net, with six side outputs and their fusion; a decoder per task."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import ConvBNReLU, conv
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder, stem_channels
from zoo.blocks.upsample import resize
from zoo.contract import Interface

Widths = tuple[int, int]  # middle and output width of a stage
LEVELS = (7, 6, 5, 4, 0, 0)  # levels of each encoder stage, finest first; 0: the dilated one that does not pool
PAPER = "Qin et al. 2020, arXiv:2005.09007"
LICENCE = "MIT; the authors' weights: Apache-2.0"


class Nested(FusedModel):
    """What u2net and u2netp share; `encoder` and `decoder` are the widths of the stages, finest first."""

    def __init__(self, face: Interface, fusion: str, encoder: Sequence[Widths], decoder: Sequence[Widths]):
        super().__init__(face, fusion, stride=32, pad_to=1)
        self.min_export_size = 2 * self.stride
        self.encoder = PairEncoder(face, fusion, Encoder(stem_channels(face, fusion), encoder))
        self.decoders = nn.ModuleDict({task: Decoder(self.encoder.channels, decoder) for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        return self.all_logits(bg, fg_bg)[0]

    def all_logits(self, bg: Tensor | None, fg_bg: Tensor) -> list[dict[str, Tensor]]:
        """The fused output, then side 1 (finest) to side 6."""
        features = self.encoder(bg, fg_bg)
        outputs = {task: self.decoders[task](features) for task in self.computed}
        return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]


@register(
    "u2net",
    Card(
        summary="U2-Net, nested U with six side outputs",
        group="founding",
        origin="U2-Net; two tasks by the rule of Single Network",
        paper=PAPER,
        licence=LICENCE,
        published={
            "u2net(tasks=mask, in_ch=3)": Published(44_009_869, 57.426),
            "u2net(tasks=mask)": Published(44_011_597, 57.600),
            "u2net": Published(62_344_538, 88.899),
        },
    ),
)
class U2Net(Nested):
    def __init__(self, face: Interface, *, fusion: Fusion = "concat"):
        encoder = ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512))
        decoder = ((16, 64), (32, 64), (64, 128), (128, 256), (256, 512))
        super().__init__(face, fusion, encoder, decoder)


@register(
    "u2netp",
    Card(
        summary="the small U2-Net with a decoder per task",
        group="founding",
        origin="Single Network: mask and dense depth",
        paper=PAPER,
        licence=LICENCE,
        published={
            "u2netp": Published(1_769_306, 33.477),
            "u2netp(tasks=mask, in_ch=3)": Published(1_131_181, 19.361),
        },
    ),
)
class U2NetP(Nested):
    def __init__(self, face: Interface, *, fusion: Fusion = "concat"):
        super().__init__(face, fusion, encoder=((16, 64),) * 6, decoder=((16, 64),) * 5)


class Encoder(nn.Module):
    """(b, c, h, w) -> six features at strides 1, 2, 4, 8, 16, 32."""

    def __init__(self, in_ch: int, widths: Sequence[Widths]):
        super().__init__()
        self.channels = tuple(out for _, out in widths)
        inputs = (in_ch, *self.channels)
        self.stages = nn.ModuleList(rsu(n, a, *w) for n, a, w in zip(LEVELS, inputs, widths, strict=False))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stages[0](x)]
        for stage in self.stages[1:]:
            features.append(stage(pool(features[-1])))
        return features


class Decoder(nn.Module):
    """Six features, finest first -> seven maps (b, 1, h, w): fused, side 1 (finest) to side 6."""

    def __init__(self, skips: Sequence[int], widths: Sequence[Widths]):
        super().__init__()
        outs = [out for _, out in widths] + [skips[-1]]  # of each stage; the bottom feature comes as it is
        inputs = [skip + below for skip, below in zip(skips, outs[1:], strict=False)]
        self.stages = nn.ModuleList(rsu(n, a, *w) for n, a, w in zip(LEVELS, inputs, widths, strict=False))
        self.sides = nn.ModuleList(conv(3, out, 1, bias=True) for out in outs)
        self.fuse = conv(1, len(outs), 1, bias=True)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        *skips, x = features
        outs = [x]
        for stage, skip in zip(reversed(self.stages), reversed(skips), strict=True):
            x = stage(torch.cat([resize(x, skip, aligned=False), skip], 1))
            outs.insert(0, x)
        sides = [side(out) for side, out in zip(self.sides, outs, strict=True)]
        sides[1:] = [resize(side, sides[0], aligned=False) for side in sides[1:]]
        return [self.fuse(torch.cat(sides, 1)), *sides]


def pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, ceil_mode=True)


def rsu(levels: int, a: int, middle: int, b: int) -> nn.Module:
    return RSU(levels, a, middle, b) if levels else DilatedRSU(a, middle, b)


class RSU(nn.Module):
    """Residual U-block: a U of some levels, added to its own input; the lowest level is dilated, not pooled."""

    def __init__(self, levels: int, a: int, middle: int, b: int):
        super().__init__()
        m = middle
        self.enter = unit(a, b)
        self.down = nn.ModuleList([unit(b, m), *(unit(m, m) for _ in range(levels - 2))])
        self.bottom = unit(m, m, dilation=2)
        self.up = nn.ModuleList([*(unit(2 * m, m) for _ in range(levels - 2)), unit(2 * m, b)])

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        skips = [self.down[0](entered)]
        for level in self.down[1:]:
            skips.append(level(pool(skips[-1])))
        x = self.bottom(skips[-1])
        for i, (level, skip) in enumerate(zip(self.up, reversed(skips), strict=True)):
            if i > 0:  # the bottom has its skip's size already
                x = resize(x, skip, aligned=False)
            x = level(torch.cat([x, skip], 1))
        return x + entered


class DilatedRSU(nn.Module):
    """The RSU of the coarsest stages: it dilates where the others pool."""

    def __init__(self, a: int, middle: int, b: int):
        super().__init__()
        m = middle
        self.enter = unit(a, b)
        self.down = nn.ModuleList([unit(b, m), unit(m, m, dilation=2), unit(m, m, dilation=4)])
        self.bottom = unit(m, m, dilation=8)
        self.up = nn.ModuleList([unit(2 * m, m, dilation=4), unit(2 * m, m, dilation=2), unit(2 * m, b)])

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        skips = [self.down[0](entered)]
        for level in self.down[1:]:
            skips.append(level(skips[-1]))
        x = self.bottom(skips[-1])
        for level, skip in zip(self.up, reversed(skips), strict=True):
            x = level(torch.cat([x, skip], 1))
        return x + entered


def unit(a: int, b: int, *, dilation: int = 1) -> ConvBNReLU:
    return ConvBNReLU(3, a, b, bias=True, dilation=dilation)
