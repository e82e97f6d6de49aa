"""Two streams at full resolution, residual for the composite and plain for the background, and a head per task."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from registry import Card, Published
from zoo.architectures import register
from zoo.blocks.conv import ConvBNReLU, conv
from zoo.contract import Interface
from zoo.model import PairModel


@register(
    "two_stream",
    Card(
        summary="ResNet-style, a stream per image, full resolution",
        group="founding",
        origin="Mask & Depth Prediction",
        published={"two_stream": Published(3_199_552, 320.632)},
        notes=("the published code holds 590,336 more weights in a layer that it never calls",),
    ),
)
class TwoStream(PairModel):
    def __init__(self, face: Interface):
        super().__init__(face)
        self.stem_fg_bg = ConvBNReLU(3, face.image_ch, 32)
        self.stem_bg = ConvBNReLU(3, face.image_ch, 32)
        self.composite = nn.Sequential(Residual(32, 64), Residual(64, 128))
        self.background = nn.Sequential(
            ConvBNReLU(3, 32, 64), ConvBNReLU(3, 64, 64), ConvBNReLU(3, 64, 128), ConvBNReLU(3, 128, 128)
        )
        self.heads = nn.ModuleDict({task: head() for task in face.tasks})

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        composite = self.composite(self.stem_fg_bg(fg_bg))
        background = self.background(self.stem_bg(fg_bg if bg is None else bg))  # no plate: both see fg_bg
        both = torch.cat([composite, background], 1)  # (b, 256, h, w)
        return {task: self.heads[task](both) for task in self.computed}


class Residual(nn.Module):
    """Three 3 x 3 convolutions beside a 3 x 3 shortcut; ReLU after the sum."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.main = nn.Sequential(ConvBNReLU(3, a, b), ConvBNReLU(3, b, b), conv(3, b, b), nn.BatchNorm2d(b))
        self.shortcut = nn.Sequential(conv(3, a, b), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.shortcut(x), inplace=True)


def head() -> nn.Sequential:
    return nn.Sequential(ConvBNReLU(3, 256, 256), ConvBNReLU(3, 256, 256), conv(3, 256, 1))
