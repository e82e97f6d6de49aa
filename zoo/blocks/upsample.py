"""Resizing. `aligned` is bilinear with the corners' centres kept (align_corners=True), as several originals have it."""

import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, like: Tensor, *, aligned: bool) -> Tensor:
    """(b, c, h, w) -> (b, c, H, W), the height and width of `like`."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=aligned)
