"""Resizing. `aligned` is bilinear with the corners' centres kept (align_corners=True), as several originals have it."""

import torch
import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, like: Tensor, *, aligned: bool) -> Tensor:
    """(b, c, h, w) -> (b, c, H, W), the height and width of `like`."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=aligned)


def double(x: Tensor, like: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, c, H, W): twice the size, aligned, then zeros around it up to the size of `like`.

    Where a size was halved with a remainder the missing row or column is at the bottom or right.
    """
    h, w = 2 * x.shape[-2], 2 * x.shape[-1]
    x = F.interpolate(x, size=(h, w), mode="bilinear", align_corners=True)
    below, right = like.shape[-2] - h, like.shape[-1] - w  # 0 or 1: nothing goes to the top and left of half of it
    if not torch.compiler.is_exporting() and below == 0 and right == 0:
        return x  # an export pads always, by nothing where nothing is missing: one graph for every size
    return F.pad(x, (0, right, 0, below))
