"""Networks that are small enough to be counted by hand, for the tests of what is said of a network."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contract import Interface
from zoo.model import PairModel


class Mask(PairModel):
    """A mask from a network over the stacked pair, for tests."""

    def __init__(self, net: nn.Module, *, stride: int = 1):
        super().__init__(Interface(tasks=("mask",)), stride=stride)
        self.net = net

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        assert bg is not None
        return {"mask": self.net(torch.cat([bg, fg_bg], 1))}


def conv(k: int, a: int, b: int, **options: int) -> nn.Conv2d:
    return nn.Conv2d(a, b, k, padding=(k - 1) * options.get("dilation", 1) // 2, **options)


class Peek(nn.Module):
    """Reads a view of its input: what reads the input later depends on its maker, not on this."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(1, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x[:, :, ::2])


class Skips(PairModel):
    """A little U with a skip through interpolation and concatenation, an activation in place, and a dead end."""

    def __init__(self) -> None:
        super().__init__(Interface(), stride=2)
        self.first = nn.Sequential(conv(3, 6, 8), nn.BatchNorm2d(8))
        self.low = conv(3, 8, 8)
        self.join = conv(3, 16, 8)
        self.mask = conv(1, 8, 1)
        self.depth = conv(1, 8, 1)
        self.unused = Peek()

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        assert bg is not None
        fine = F.relu(self.first(torch.cat([bg, fg_bg], 1)), inplace=True)
        coarse = self.low(F.max_pool2d(fine, 2))
        self.unused(fine)
        both = self.join(torch.cat([fine, F.interpolate(coarse, scale_factor=2)], 1))
        return {"mask": self.mask(both), "depth": self.depth(coarse.repeat_interleave(2, 2).repeat_interleave(2, 3))}
