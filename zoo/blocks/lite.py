"""EfficientNet-Lite0, cut off at any stride: depthwise convolutions, ReLU6, no attention. Names are timm's."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.blocks.pretrained import load_encoder
from zoo.model import PairModel
from zoo.precision import no_autocast
from zoo.weights import IMAGENET_MEAN, IMAGENET_STD, statistics

NAME = "tf_efficientnet_lite0"
EPS = 1e-3  # of the norms, as those weights were trained
# kernel, stride, widening, channels, how many
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4))
ENDS = (0, 1, 2, 4, 5)  # the last stage of strides 2, 4, 8, 16, 32


class Lite(nn.Module):
    """An image (b, c, h, w) -> features at the first few of the strides 2, 4, 8, 16, 32."""

    def __init__(self, strides: int, in_ch: int):
        super().__init__()
        self.ends = ENDS[:strides]
        self.channels = [STAGES[end][3] for end in self.ends]
        self.conv_stem, self.bn1 = convolution(3, in_ch, 32, stride=2)
        self.blocks = nn.ModuleList()
        a = 32
        for kernel, stride, wider, b, count in STAGES[: self.ends[-1] + 1]:
            first = Block(kernel, a, b, wider, stride)
            self.blocks.append(nn.Sequential(first, *(Block(kernel, b, b, wider) for _ in range(count - 1))))
            a = b

    def forward(self, x: Tensor) -> list[Tensor]:
        x = x.contiguous(memory_format=torch.channels_last)  # in which a CPU takes half the time
        x = F.relu6(self.bn1(self.conv_stem(x)))
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return [found[end] for end in self.ends]


class Block(nn.Module):
    """Widen, look around channel by channel, narrow; around it a shortcut where the shape stays."""

    def __init__(self, kernel: int, a: int, b: int, wider: int, stride: int = 1):
        super().__init__()
        wide = a * wider
        self.widens, self.stays = wider > 1, a == b and stride == 1
        if self.widens:
            self.conv_pw, self.bn1 = convolution(1, a, wide)
            self.conv_dw, self.bn2 = convolution(kernel, wide, wide, stride=stride, groups=wide)
            self.conv_pwl, self.bn3 = convolution(1, wide, b)
        else:
            self.conv_dw, self.bn1 = convolution(kernel, wide, wide, stride=stride, groups=wide)
            self.conv_pw, self.bn2 = convolution(1, wide, b)

    def forward(self, x: Tensor) -> Tensor:
        if not self.widens:
            return self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(x)))))
        y = F.relu6(self.bn1(self.conv_pw(x)))
        y = self.bn3(self.conv_pwl(F.relu6(self.bn2(self.conv_dw(y)))))
        return x + y if self.stays else y


def convolution(k: int, a: int, b: int, *, stride: int = 1, groups: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution and its norm."""
    kind = nn.Conv2d if groups == 1 else Depthwise
    return kind(a, b, k, stride=stride, padding=k // 2, groups=groups, bias=False), nn.BatchNorm2d(b, eps=EPS)


class Depthwise(nn.Conv2d):
    """On a CPU in float32 always: the gradients of strided and of 5 x 5 ones take ten times as long in bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with no_autocast(x.device):
                return super().forward(x.float())
        return super().forward(x)


def pretrain(encoder: Lite, weights: str | None, model: PairModel) -> None:
    """Take an encoder's weights, and set the model's normalisation to what they saw."""
    if weights is not None:
        load_encoder(encoder, NAME, weights)
        model.normalise.set(*statistics(model.face.image_ch, IMAGENET_MEAN, IMAGENET_STD))
