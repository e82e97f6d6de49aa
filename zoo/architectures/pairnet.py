"""PairNet, made for this task: cues of the pair at full resolution; on the way down, features of both images."""

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card
from zoo.architectures import register
from zoo.blocks import cues
from zoo.blocks.conv import ConvBNReLU, conv
from zoo.blocks.fusion import COMPARED, FusedModel, compared, halves
from zoo.blocks.lite import Lite, pretrain
from zoo.blocks.upsample import resize
from zoo.contract import Interface

Scale = Literal["nano", "small", "base"]
Weights = Annotated[str | None, "of the encoder; None: random; package: of an installed one; or a local file"]


class Size(NamedTuple):
    """widths: at strides 1 to 32. halved: the encoder looks at images of half the size. stages: how many of it.
    blocks: at strides 8 to 32. cues: as a fusion names them."""

    widths: tuple[int, ...]
    halved: bool
    stages: int
    blocks: tuple[int, ...]
    cues: str


SIZES: dict[Scale, Size] = {
    "nano": Size((8, 12, 20, 28, 36, 44), True, 3, (1, 1, 1), "aligned+signed"),
    "small": Size((16, 24, 32, 48, 64, 80), False, 4, (1, 1, 1), "aligned+tolerant+signed"),
    "base": Size((24, 40, 64, 96, 128, 160), False, 5, (1, 2, 2), "aligned+tolerant+signed"),
}


@register("pairnet", Card(summary="ours: cues at full resolution, features compared at every scale", group="own"))
class PairNet(FusedModel):
    def __init__(
        self,
        face: Interface,
        *,
        scale: Annotated[Scale, "fewer than 0.3, 1.5 or 8 million parameters"] = "small",
        encoder_weights: Weights = None,
    ):
        size = SIZES[scale]
        super().__init__(face, size.cues if face.plate else "concat", stride=32)
        self.halved = size.halved
        self.encoder = Lite(size.stages, face.image_ch)
        heard = [of_pair_channels(c, near=i > 0) if face.plate else c for i, c in enumerate(self.encoder.channels)]
        heard = [0] * size.halved + heard + [0] * (5 - size.halved - size.stages)  # 0: not looked at apart there
        widths = size.widths
        known = face.in_ch + cues.channels(self.additions, face.image_ch)
        self.fine = nn.Sequential(ConvBNReLU(3, known, widths[0]), ConvBNReLU(3, widths[0], widths[0]))
        self.down = nn.ModuleList(
            Down(a, b, extra, n) for (a, b), extra, n in zip(pairwise(widths), heard, (1, 1, *size.blocks), strict=True)
        )
        self.whole = conv(1, widths[-1], widths[-1], bias=True)
        self.up = nn.ModuleList(Up(b, a) for a, b in pairwise(widths))
        self.heads = nn.ModuleDict({task: conv(3, widths[0], 1, bias=True) for task in face.tasks})
        pretrain(self.encoder, encoder_weights, self)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        heard = iter(self._heard(bg, fg_bg))
        x = fg_bg if bg is None else torch.cat([fg_bg, bg], 1)
        x = self.fine(x.contiguous(memory_format=torch.channels_last))
        skips = [x]
        for down in self.down:
            x = down(x, next(heard) if down.join else None)
            skips.append(x)
        x = x + self.whole(x.mean((2, 3), keepdim=True))
        for up, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        return {task: self.heads[task](x) for task in self.computed}

    def _heard(self, bg: Tensor | None, fg_bg: Tensor) -> list[Tensor]:
        """One encoder for both images: at each of its strides, what the pair's features tell."""
        images = fg_bg if bg is None else torch.cat([fg_bg, bg[:, : fg_bg.shape[1]]])
        features = self.encoder(F.avg_pool2d(images, 2) if self.halved else images)
        return features if bg is None else [of_pair(both, near=i > 0) for i, both in enumerate(features)]


def of_pair(both: Tensor, *, near: bool) -> Tensor:
    """(2b, c, h, w), fg_bg's half first -> fg_bg's, what grew and what shrank, and what is alike nearby.

    near: not in the first features, where a window is too small to say anything.
    """
    f, f_bg = halves(both)
    parts = [f, (f - f_bg).relu(), (f_bg - f).relu()]
    return torch.cat([*parts, compared(f, f_bg)] if near else parts, 1)


def of_pair_channels(c: int, *, near: bool) -> int:
    return 3 * c + COMPARED * near


class Down(nn.Module):
    """To half the size; what the images tell there joins, then residual blocks."""

    def __init__(self, a: int, b: int, heard: int, blocks: int):
        super().__init__()
        self.halve = Halve(a, b)
        self.join = ConvBNReLU(1, heard + b, b) if heard else None
        self.blocks = nn.Sequential(*(Block(b) for _ in range(blocks)))

    def forward(self, x: Tensor, heard: Tensor | None) -> Tensor:
        x = self.halve(x)
        if self.join is not None and heard is not None:
            x = self.join(torch.cat([x, heard], 1))
        return self.blocks(x)


class Halve(nn.Module):
    """A 3 x 3 convolution of stride 2, batch norm, ReLU."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(b)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, c: int):
        super().__init__()
        self.first = ConvBNReLU(3, c, c)
        self.second = nn.Sequential(conv(3, c, c), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Up(nn.Module):
    """From the coarser scale to the finer: a -> b channels."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.first, self.second = ConvBNReLU(3, a + b, b), ConvBNReLU(3, b, b)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.second(self.first(torch.cat([resize(x, skip, aligned=False), skip], 1)))
