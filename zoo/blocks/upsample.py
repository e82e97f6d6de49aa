"""Resizing. `aligned` is bilinear with the corners' centres kept (align_corners=True), as several originals have it."""

from typing import Any

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


def shrink(x: Tensor, like: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, c, H, W), the size of `like`: bilinear, without aliasing where it becomes smaller.

    Products with two matrices, which every export knows.
    """
    rows, columns = (triangles(x.shape[axis], like.shape[axis], x) for axis in (-2, -1))
    return rows @ x @ columns.T


def triangles(given: int, wanted: int, like: Tensor) -> Tensor:
    """(wanted, given): what each new pixel of a side takes of each given one."""
    step: Any = given / wanted  # a number; while it is exported a symbol, or by torch's older exporter a tensor
    centres = (torch.arange(wanted, device=like.device, dtype=like.dtype) + 0.5) * step - 0.5
    away = (torch.arange(given, device=like.device, dtype=like.dtype) - centres[:, None]).abs()
    reach = step.clamp(min=1) if isinstance(step, Tensor) else torch.sym_max(step, 1.0)
    weight = (1 - away / reach).clamp(min=0)
    return weight / weight.sum(1, keepdim=True)
