"""A full-resolution CNN with skips: two stems, one trunk, two heads, no pooling anywhere."""

import torch
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import ConvBNReLU, SeparableBNReLU, conv
from zoo.contract import Interface
from zoo.model import PairModel


@register(
    "plain_cnn",
    Card(
        summary="full-resolution CNN with skips, two stems",
        group="founding",
        origin="Mask-and-Depth-Prediction, first attempt",
        published={"plain_cnn": Published(857_088, 85.715)},
        notes=("everything at full resolution: few weights, many operations, a small receptive field",),
    ),
)
class PlainCNN(PairModel):
    def __init__(self, face: Interface):
        super().__init__(face)
        self.stem_bg = stem(face.image_ch)
        self.stem_fg_bg = stem(face.image_ch)
        self.trunk = nn.Sequential(ConvBNReLU(1, 128, 64), ConvBNReLU(3, 64, 64), ConvBNReLU(3, 64, 128))
        heads = {"mask": MaskHead, "depth": DepthHead}
        self.heads = nn.ModuleDict({task: heads[task]() for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        first = self.stem_bg(fg_bg if bg is None else bg)  # without a plate both stems see fg_bg
        c = torch.cat([first, self.stem_fg_bg(fg_bg)], 1)  # (b, 128, h, w)
        a = c + self.trunk(c)
        return {task: self.heads[task](a, c) for task in self.computed}


def stem(image_ch: int) -> nn.Sequential:
    return nn.Sequential(ConvBNReLU(3, image_ch, 32), SeparableBNReLU(32, 64))


class MaskHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(ConvBNReLU(1, 128, 128), ConvBNReLU(3, 128, 256))
        self.out = conv(3, 256, 1)

    def forward(self, a: Tensor, c: Tensor) -> Tensor:
        return self.out(self.features(a))


class DepthHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(ConvBNReLU(1, 128, 128), ConvBNReLU(3, 128, 256))
        self.mix = SeparableBNReLU(256 + 128, 256)
        self.out = conv(3, 256, 1)

    def forward(self, a: Tensor, c: Tensor) -> Tensor:
        return self.out(self.mix(torch.cat([self.features(a), c], 1)))  # (b, 384, h, w) -> (b, 1, h, w)
