"""DenseDepth: DenseNet-169 features, four bilinear up stages with skips, a whole decoder per task."""

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import conv
from zoo.blocks.encoders import EncoderName, EncoderWeights, Stem, features, pairing
from zoo.blocks.fusion import FusedModel, Fusion, PairEncoder
from zoo.blocks.pretrained import load_encoder
from zoo.blocks.prune import drop_unused
from zoo.blocks.upsample import resize
from zoo.contract import Interface


@register(
    "densedepth",
    Card(
        summary="DenseNet-169 encoder, plain bilinear decoder",
        group="founding",
        origin="DenseDepth",
        paper="Alhashim and Wonka 2018, arXiv:1812.11941",
        licence="MIT; the authors' code and weights: GPL-3.0",
        published={
            "densedepth(tasks=depth, in_ch=3)": Published(42_657_689, 40.074),
            "densedepth": Published(72_840_306, 73.668),
        },
        notes=("the published output is half size; ours ends with a bilinear resize to full size",),
    ),
    aliases=("dense_depth",),
)
class DenseDepth(FusedModel):
    def __init__(
        self,
        face: Interface,
        *,
        encoder: EncoderName = "densenet169",
        encoder_weights: EncoderWeights = None,
        fusion: Fusion = "concat",
        port: Annotated[bool, "leave out each stage's first LeakyReLU, as the authors' PyTorch port does"] = False,
    ):
        own = encoder == "densenet169"
        super().__init__(face, fusion, stride=32, pad_to=1 if own else None, smallest=64)
        stem = Stem(face, fusion, encoder_weights)
        with pairing("densedepth", encoder):
            net = DenseNet169(stem) if own else features(encoder, stem)
            self.encoder = PairEncoder(face, fusion, net)
            self.decoders = nn.ModuleDict({task: Decoder(self.encoder.channels, port) for task in face.tasks})
            stem.normalise(self)
            if not own:
                drop_unused(self)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        maps = self.encoder(bg, fg_bg)
        return {task: resize(self.decoders[task](maps), fg_bg, aligned=False) for task in self.computed}


class DenseNet169(nn.Module):
    """(b, c, h, w) -> stem, pool, transitions 1 and 2, and the final norm's ReLU, at strides 2, 4, 8, 16, 32."""

    channels = (64, 64, 128, 256, 1664)

    def __init__(self, stem: Stem):
        super().__init__()
        from timm import create_model

        stock = create_model("densenet169", num_classes=0, in_chans=3 if stem.weights else stem.in_ch)
        if stem.weights:
            load_encoder(stock, "densenet169", stem.weights)
            stem.learn_statistics(stock)
            stem.inflate(stock)
        self.features = stock.features

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for name, layer in self.features.named_children():
            x = layer(x)
            if name in ("norm0", "pool0", "transition1", "transition2", "norm5"):  # norm0 and norm5 end with a ReLU
                maps.append(x)
        return maps


class Decoder(nn.Module):
    """Features, finest first -> (b, 1, h, w) of the finest feature's size; each stage halves the width."""

    def __init__(self, channels: Sequence[int], port: bool):
        super().__init__()
        bottom, skips = channels[-1], channels[-2::-1]
        self.enter = conv(1, bottom, bottom, bias=True)
        self.up = nn.ModuleList(
            Up(bottom // 2**i + skip, bottom // 2 ** (i + 1), first_leaky=not port) for i, skip in enumerate(skips)
        )
        self.out = conv(3, bottom // 2 ** len(skips), 1, bias=True)

    def forward(self, maps: list[Tensor]) -> Tensor:
        *skips, x = maps
        x = self.enter(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(torch.cat([resize(x, skip, aligned=True), skip], 1))
        return self.out(x)


class Up(nn.Module):
    """Two 3 x 3 convolutions, each with LeakyReLU 0.2."""

    def __init__(self, a: int, b: int, *, first_leaky: bool):
        super().__init__()
        self.first = conv(3, a, b, bias=True)
        self.second = conv(3, b, b, bias=True)
        self.first_leaky = first_leaky

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.first_leaky:
            x = F.leaky_relu(x, 0.2, inplace=True)
        return F.leaky_relu(self.second(x), 0.2, inplace=True)
