"""Convolution blocks. `conv(k, a, b)` is a k x k convolution a -> b of stride 1 that keeps the size."""

from torch import Tensor, nn


def conv(k: int, a: int, b: int, *, bias: bool = False, dilation: int = 1, groups: int = 1) -> nn.Conv2d:
    """(b, a, h, w) -> (b, b, h, w)."""
    return nn.Conv2d(a, b, k, padding=k // 2 * dilation, dilation=dilation, groups=groups, bias=bias)


class ConvBNReLU(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, k: int, a: int, b: int, *, bias: bool = False, dilation: int = 1):
        super().__init__()
        self.conv = conv(k, a, b, bias=bias, dilation=dilation)
        self.norm = nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.conv(x)))


class SeparableBNReLU(nn.Module):
    """Depthwise 3 x 3, pointwise a -> b, batch norm, ReLU."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.depthwise = conv(3, a, a, groups=a)
        self.pointwise = conv(1, a, b)
        self.norm = nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.pointwise(self.depthwise(x))))


def double_conv(a: int, middle: int, b: int) -> nn.Sequential:
    """Two 3 x 3 convolutions with bias, each with batch norm and ReLU."""
    return nn.Sequential(ConvBNReLU(3, a, middle, bias=True), ConvBNReLU(3, middle, b, bias=True))
