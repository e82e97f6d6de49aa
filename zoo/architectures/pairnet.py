"""PairNet, made for this task: cues of the pair at full resolution; on the way down, features of both images."""

from itertools import pairwise
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card
from zoo.architectures import register
from zoo.blocks import cues
from zoo.blocks.conv import ConvBNReLU, conv
from zoo.blocks.fusion import COMPARED, FusedModel, compared
from zoo.blocks.upsample import resize
from zoo.contract import Interface

Scale = Literal["nano", "small", "base"]
CUES = "aligned+tolerant+signed"
# widths at strides 1 to 32, widths of the images' own features at strides 2 to 16, blocks at strides 8 to 32
SCALES: dict[Scale, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "nano": ((8, 12, 20, 28, 36, 44), (8, 12, 16, 24), (1, 1, 1)),
    "small": ((16, 24, 40, 56, 72, 88), (8, 16, 32, 48), (1, 2, 2)),
    "base": ((24, 48, 80, 128, 176, 224), (16, 32, 64, 96), (2, 2, 3)),
}


@register("pairnet", Card(summary="ours: cues at full resolution, features compared at every scale", group="own"))
class PairNet(FusedModel):
    def __init__(
        self,
        face: Interface,
        *,
        scale: Annotated[Scale, "fewer than 0.3, 1.5 or 8 million parameters"] = "small",
    ):
        super().__init__(face, CUES if face.plate else "concat", stride=32)
        widths, own, blocks = SCALES[scale]
        known = face.in_ch + cues.channels(self.additions, face.image_ch)
        self.images = Images(face.image_ch, own, is_pair=bool(face.plate))
        self.fine = nn.Sequential(ConvBNReLU(3, known, widths[0]), ConvBNReLU(3, widths[0], widths[0]))
        heard = (*self.images.channels, 0)  # at stride 32 the images are not looked at alone
        blocks = (1, 1, *blocks)
        self.down = nn.ModuleList(
            Down(a, b, extra, n) for (a, b), extra, n in zip(pairwise(widths), heard, blocks, strict=True)
        )
        self.whole = conv(1, widths[-1], widths[-1], bias=True)
        self.up = nn.ModuleList(Up(b, a) for a, b in pairwise(widths))
        self.heads = nn.ModuleDict({task: conv(3, widths[0], 1, bias=True) for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        heard = self.images(bg, fg_bg)
        x = self.fine(fg_bg if bg is None else torch.cat([fg_bg, bg], 1))
        skips = [x]
        for down, features in zip(self.down, [*heard, None], strict=True):
            x = down(x, features)
            skips.append(x)
        x = x + self.whole(x.mean((2, 3), keepdim=True))
        for up, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        return {task: self.heads[task](x) for task in self.computed}


class Images(nn.Module):
    """One encoder for both images: (b, c, h, w) each -> at strides 2 to 16, what the pair's features tell."""

    def __init__(self, in_ch: int, widths: tuple[int, ...], *, is_pair: bool):
        super().__init__()
        self.in_ch = in_ch
        self.stages = nn.ModuleList(
            nn.Sequential(Halve(a, b), ConvBNReLU(3, b, b)) for a, b in pairwise((in_ch, *widths))
        )
        near = (0, *[COMPARED] * (len(widths) - 1))  # at stride 2 a window is too small to say anything
        self.channels = tuple(4 * c + n for c, n in zip(widths, near, strict=True)) if is_pair else widths

    def forward(self, bg: Tensor | None, fg_bg: Tensor) -> list[Tensor]:
        if bg is None:
            return self._features(fg_bg)
        return [of_pair(f, near=i > 0) for i, f in enumerate(self._features(torch.cat([fg_bg, bg[:, : self.in_ch]])))]

    def _features(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


def of_pair(both: Tensor, *, near: bool) -> Tensor:
    """(2b, c, h, w), fg_bg's half first -> both, what grew and what shrank, and what is alike nearby."""
    f, f_bg = both.chunk(2)
    parts = [f, f_bg, (f - f_bg).relu(), (f_bg - f).relu()]
    return torch.cat([*parts, compared(f, f_bg)] if near else parts, 1)


class Halve(nn.Module):
    """A 3 x 3 convolution of stride 2, batch norm, ReLU."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(b)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


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
