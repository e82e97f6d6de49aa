"""Moving maps by a matrix, from the old pixel to the new one, so that pixels, labels and validity stay together.

Beyond the picture the maps are mirrored: pixels and labels agree there too, and valid is 0.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.contract import Sample


def turning(degrees: Tensor, h: int, w: int, scale: Tensor | None = None) -> Tensor:
    """(b, 3, 3): turns about the picture's centre, and enlarges by a scale (b,)."""
    from kornia.geometry.transform import get_rotation_matrix2d

    centre = degrees.new_tensor([[(w - 1) / 2, (h - 1) / 2]]).expand(len(degrees), 2)
    sizes = torch.ones_like(centre) if scale is None else scale[:, None].expand_as(centre)
    return square(get_rotation_matrix2d(centre, degrees, sizes))


def square(matrix: Tensor) -> Tensor:
    """(b, 3, 3) of (b, 2, 3), so that two can be multiplied."""
    last = torch.eye(3, dtype=matrix.dtype, device=matrix.device)[2:]  # made there: a copy would wait for the device
    return torch.cat([matrix, last.expand(len(matrix), 1, 3)], 1)


def move(image: Tensor, matrix: Tensor, mode: str = "bilinear", beyond: str = "reflection") -> Tensor:
    """(b, c, h, w) moved by (b, 3, 3)."""
    from kornia.geometry.transform import warp_affine

    h, w = image.shape[-2:]
    return warp_affine(image, matrix[:, :2], (h, w), mode, beyond, align_corners=True)


def displaced(images: Tensor, away: Tensor) -> Tensor:
    """images (b, c, h, w) read at places off by away (b, 2, h, w), in pixels right and down."""
    h, w = images.shape[-2:]
    x = (torch.arange(w, device=images.device) + 0.5 + away[:, 0]) * (2 / w) - 1
    y = (torch.arange(h, device=images.device)[:, None] + 0.5 + away[:, 1]) * (2 / h) - 1
    return F.grid_sample(images, torch.stack([x, y], -1), padding_mode="border", align_corners=False)


def each(function: Callable[..., Tensor], *batches: Sample) -> Sample:
    """A function of a map, or of the same map of several batches, for all five maps."""
    tensors = (function(*maps) for maps in zip(*(batch[:5] for batch in batches), strict=True))
    changed: dict[str, Any] = dict(zip(Sample._fields, tensors, strict=False))  # meta stays
    return batches[0]._replace(**changed)


def move_all(batch: Sample, matrix: Tensor) -> Sample:
    """Every map moved alike: depth and binary masks take the nearest pixel, so that no value is invented."""
    binary = ((batch.mask == 0) | (batch.mask == 1)).flatten(1).all(1)[:, None, None, None]
    smooth = move(torch.cat([batch.bg, batch.fg_bg, batch.mask], 1), matrix)
    bg, fg_bg, soft = torch.split(smooth, [batch.bg.shape[1], batch.fg_bg.shape[1], 1], 1)
    hard, depth = move(torch.cat([batch.mask, batch.depth], 1), matrix, "nearest").chunk(2, 1)
    valid = move(batch.valid, matrix, beyond="zeros") > 1 - 1e-3  # all four neighbours that a pixel is mixed from
    moved = Sample(bg, fg_bg, torch.where(binary, hard, soft), depth, valid.to(batch.valid), batch.meta)
    still = (matrix == torch.eye(3, dtype=matrix.dtype, device=matrix.device)).flatten(1).all(1)[:, None, None, None]
    return each(lambda new, old: torch.where(still, old, new), moved, batch)
