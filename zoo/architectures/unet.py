"""U-Net with one encoder and a decoder per task; depth 3 as the founding system had it, depth 4 the classic one."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published, require
from zoo.architectures import register
from zoo.blocks.conv import conv, double_conv
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder, stem_channels
from zoo.blocks.upsample import double
from zoo.contract import Interface


@register(
    "unet",
    Card(
        summary="U-Net, one encoder, a decoder per task",
        group="founding",
        origin="Mask-and-Depth-Prediction, final model",
        paper="Ronneberger et al. 2015, arXiv:1505.04597",
        published={
            "unet": Published(6_242_050, 76.197),
            "unet(depth=4, tasks=mask, in_ch=3)": Published(17_267_393, 61.220),
            "unet(depth=4)": Published(25_125_634),
        },
    ),
)
class UNet(FusedModel):
    def __init__(
        self,
        face: Interface,
        *,
        fusion: Fusion = "concat",
        depth: Annotated[Literal[3, 4], "how often the resolution is halved"] = 3,
        width: Annotated[int, "channels at full resolution; they double at each level"] = 64,
    ):
        require(width >= 2 and width % 2 == 0, "width", width, "even numbers from 2 up")
        super().__init__(face, fusion, stride=2**depth, pad_to=1, smallest=2**depth)
        self.min_export_size = 2 * self.stride
        widths = tuple(width * 2**level for level in range(depth))
        self.encoder = PairEncoder(face, fusion, Encoder(stem_channels(face, fusion), widths))
        self.decoders = nn.ModuleDict({task: Decoder(widths) for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        features = self.encoder(bg, fg_bg)
        return {task: self.decoders[task](features) for task in self.computed}


class Encoder(nn.Module):
    """(b, c, h, w) -> len(widths) + 1 features; the bottom one is no wider than the last skip: decoding is bilinear."""

    def __init__(self, in_ch: int, widths: tuple[int, ...]):
        super().__init__()
        self.channels = (*widths, widths[-1])
        inputs = (in_ch, *widths)
        self.stages = nn.ModuleList(double_conv(a, b, b) for a, b in zip(inputs, self.channels, strict=True))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stages[0](x)]
        for stage in self.stages[1:]:
            features.append(stage(F.max_pool2d(features[-1], 2)))
        return features


class Decoder(nn.Module):
    """Features, finest first -> (b, 1, h, w)."""

    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        skips = widths[::-1]
        outs = (*(skip // 2 for skip in skips[:-1]), skips[-1])  # 128, 64, 64 for widths 64, 128, 256
        self.stages = nn.ModuleList(double_conv(2 * skip, skip, out) for skip, out in zip(skips, outs, strict=True))
        self.out = conv(1, outs[-1], 1, bias=True)

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, x = features
        for stage, skip in zip(self.stages, reversed(skips), strict=True):
            x = stage(torch.cat([skip, double(x, skip)], 1))
        return self.out(x)
