"""A Gaussian window slid over maps, quick on a CPU in both directions.

PyTorch's convolution of one-channel maps is slow to differentiate on a CPU. A sum of shifted copies reads each map
once per tap, costs the same forwards and backwards, and is plain float arithmetic on every device: no TF32, which
would swallow the small differences of large moments that a variance is.
"""

from math import exp
from typing import Any

import torch
from torch import Tensor

Taps = tuple[float, ...]


def gaussian(sigma: float, radius: int) -> Taps:
    """The 2 * radius + 1 taps of a Gaussian, which add up to 1."""
    bell = [exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1)]
    return tuple(tap / sum(bell) for tap in bell)


def blur(x: Tensor, taps: Taps) -> Tensor:
    """(b, c, h, w) -> (b, c, h, w): the window on every pixel, the border reflected; any size of window and map.

    A map too small to be reflected so far is met by the middle taps alone, whose sum is below 1.
    """
    return _Blur.apply(x, taps)


class _Blur(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Taps) -> Tensor:
        ctx.taps = taps
        return _along(_along(x, taps, -2), taps, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _back_along(_back_along(grads[0], ctx.taps, -1), ctx.taps, -2), None


def slide(x: Tensor, taps: Taps, dim: int) -> Tensor:
    """The window along one side, at the places where all of it lies inside; one side by the other is both."""
    n = x.shape[dim] - len(taps) + 1
    out = x.narrow(dim, 0, n) * taps[0]
    for k in range(1, len(taps)):
        out.add_(x.narrow(dim, k, n), alpha=taps[k])
    return out


def _along(x: Tensor, taps: Taps, dim: int) -> Tensor:
    n, taps, r = _fitting(x, taps, dim)
    before, after = x.narrow(dim, 1, r).flip(dim), x.narrow(dim, n - 1 - r, r).flip(dim)
    return slide(torch.cat([before, x, after], dim), taps, dim)


def _back_along(grad: Tensor, taps: Taps, dim: int) -> Tensor:
    """The transpose of `_along`: every tap hands back what it took, and the reflected border is folded in again."""
    n, taps, r = _fitting(grad, taps, dim)
    shape = list(grad.shape)
    shape[dim] = n + 2 * r
    wide = grad.new_zeros(shape)
    for k, tap in enumerate(taps):
        wide.narrow(dim, k, n).add_(grad, alpha=tap)
    out = wide.narrow(dim, r, n).clone()
    out.narrow(dim, 1, r).add_(wide.narrow(dim, 0, r).flip(dim))
    out.narrow(dim, n - 1 - r, r).add_(wide.narrow(dim, n + r, r).flip(dim))
    return out


def _fitting(x: Tensor, taps: Taps, dim: int) -> tuple[int, Taps, int]:
    """The side's length, the taps that reach no further than one reflection, and their radius."""
    n, radius = x.shape[dim], len(taps) // 2
    r = min(radius, n - 1)
    return n, taps[radius - r : radius + r + 1], r
