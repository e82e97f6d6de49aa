"""What a tile, which sees edges, adds to a look at the whole, which knows where things are and how far.

The mask is the tile's where the look at the whole is unsure, as far as the two agree on the large. The depth is that
of the whole, with the tile's detail on it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.contract import Task

NEAR = 2  # pixels of the look at the whole, to each side, within which an edge may really lie
SURE = 0.02  # probabilities from here to 1 less it are unsure
AGREES, CONTRADICTS = 0.15, 0.35  # difference of the two on the large: up to it the tile counts fully; not at all
LARGE = 2  # pixels of the look at the whole over which the two are compared
HIGHEST = 12.0  # of a logit; beyond, a probability is 0 or 1 in every file
MOST_DETAIL = 0.5  # times the tile's own; more made the depth worse than the whole's on scenes of the val split


class Before(NamedTuple):
    """The look at the whole (1, h, w): logits of each task, float16, and whether the mask is unsure nearby."""

    maps: dict[Task, Tensor]
    unsure: Tensor | None


def before(maps: dict[Task, Tensor]) -> Before:
    known = {task: logits.clamp(-HIGHEST, HIGHEST).half() for task, logits in maps.items()}
    if "mask" not in maps:
        return Before(known, None)
    p = maps["mask"].sigmoid()
    unsure = ((p > SURE) & (p < 1 - SURE)).float()
    edges = F.max_pool2d(p, 3, 1, 1) + F.max_pool2d(-p, 3, 1, 1) > 0.5  # sure on both sides, and nothing between
    unsure = torch.maximum(unsure, edges.float())
    return Before(known, F.max_pool2d(unsure, 2 * NEAR + 1, 1, NEAR) > 0)


def enlarged(small: Tensor, size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Some rows and columns of a map (1, h, w) that is resized to a size, bilinear, float32."""
    for axis, side, (first, last) in ((-2, size[0], rows), (-1, size[1], columns)):
        given = small.shape[axis]
        at = ((torch.arange(first, last) + 0.5) * (given / side) - 0.5).clamp(0, given - 1)
        low = at.long()
        part = at - low
        part = part[:, None] if axis == -2 else part
        below, above = (small.index_select(axis, index).float() for index in (low, (low + 1).clamp(max=given - 1)))
        small = below + (above - below) * part
    return small


def fused(task: Task, tile: Tensor, whole: Tensor, unsure: Tensor | None, times: float) -> Tensor:
    """Values (1, h, w) in [0, 1], of logits of a tile and of the whole there. times: how much larger the tile is."""
    tile = tile.clamp(-HIGHEST, HIGHEST)
    if task == "depth":
        return _detailed(tile, whole, times).sigmoid()
    p, q = tile.sigmoid(), whole.sigmoid()
    apart = _large(p - q, times).abs()
    counts = ((CONTRADICTS - apart) / (CONTRADICTS - AGREES)).clamp(0, 1)
    return q + (p - q) * (counts if unsure is None else counts * unsure)


def _detailed(tile: Tensor, whole: Tensor, times: float) -> Tensor:
    """The whole's depth with what the tile has in detail, as far as the two rise and fall together."""
    smooth = _large(tile, times)
    a, b = (x - x.mean() for x in (smooth, whole))
    alike = (a * b).sum() / (a * a).sum().clamp(min=1e-6)
    return whole + alike.clamp(0, MOST_DETAIL) * (tile - smooth)


def _large(values: Tensor, times: float) -> Tensor:
    """Without what is smaller than some pixels of the look at the whole."""
    cell = max(1, min(round(LARGE * times), *values.shape[-2:]))
    coarse = F.avg_pool2d(values[None], cell, ceil_mode=True, count_include_pad=False)
    centred = coarse.shape[-2] * cell, coarse.shape[-1] * cell  # the last cells may reach beyond the tile
    smooth = F.interpolate(coarse, centred, mode="bilinear", align_corners=False)[0]
    return smooth[..., : values.shape[-2], : values.shape[-1]]
