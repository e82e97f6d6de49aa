"""Where a cut-out stands in a picture, and the picture with it."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SEEN = 8  # alpha, of 255, from which a pixel counts as the object's; lossy alpha channels have fainter specks
SOLID = 128  # alpha from which a pixel of a binary mask is object


@dataclass(frozen=True)
class Placement:
    """The box of the object in pixels of the picture, all of it inside; and whether it is mirrored."""

    x: int
    y: int
    w: int
    h: int
    flip: bool


def place(
    key: tuple[int, int],
    cutout: tuple[int, int],
    picture: tuple[int, int],
    *,
    share: tuple[float, float],
    ground: float,
    flip: bool,
) -> Placement:
    """A random placement, the same for the same key.

    key: seed and number of the sample. cutout, picture: h, w.
    share: the least and the greatest height of the object, of the picture's; one that gets too wide is made smaller.
    ground: the highest place of its foot, of the picture's height from the top.
    """
    size, across, down = np.random.default_rng(key).random(3).tolist()
    scale = picture[0] * (share[0] + (share[1] - share[0]) * size) / cutout[0]
    scale = min(scale, picture[1] / cutout[1])
    h, w = (min(max(1, round(side * scale)), most) for side, most in zip(cutout, picture, strict=True))
    highest = min(max(h, round(ground * picture[0])), picture[0])
    foot = highest + int(down * (picture[0] - highest + 1))
    return Placement(int(across * (picture[1] - w + 1)), foot - h, w, h, flip)


def cover(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of an image (c, h, w) at another size, as much of it as has that size's proportions."""
    h, w = image.shape[-2:]
    scale = min(h / size[0], w / size[1])
    high, wide = (min(max(1, round(side * scale)), most) for side, most in zip(size, (h, w), strict=True))
    top, left = (h - high) // 2, (w - wide) // 2
    return resize(image[:, top : top + high, left : left + wide], size)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image (c, h, w) as floats at another size, without aliasing."""
    return F.interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0]


def premultiply(cutout: Tensor) -> Tensor:
    """A cut-out (4, h, w) uint8 as floats in [0, 1], colours times alpha: what is not seen cannot bleed in."""
    values = cutout.float() / 255
    return torch.cat([values[:3] * values[3:], values[3:]])


def box(cutout: Tensor) -> tuple[int, int, int, int] | None:
    """Top, left, bottom and right of what is seen of a cut-out (4, h, w) uint8; None if nothing of it is solid."""
    alpha = cutout[3]
    if int(alpha.max()) < SOLID:
        return None
    rows, columns = (torch.nonzero((alpha >= SEEN).any(axis)).flatten() for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def paste(bg: Tensor, cutout: Tensor, placement: Placement) -> tuple[Tensor, Tensor]:
    """The picture with the object in it, and the object's alpha.

    bg (3, h, w) in [0, 1], cutout (4, ., .) premultiplied -> fg_bg (3, h, w) and alpha (1, h, w), both in [0, 1]
    """
    scaled = resize(cutout, (placement.h, placement.w)).clamp(0, 1)
    if placement.flip:
        scaled = scaled.flip(-1)
    rows = slice(placement.y, placement.y + placement.h)
    columns = slice(placement.x, placement.x + placement.w)
    fg_bg, alpha = bg.clone(), torch.zeros_like(bg[:1])
    fg_bg[:, rows, columns] = (bg[:, rows, columns] * (1 - scaled[3:]) + scaled[:3]).clamp(0, 1)
    alpha[:, rows, columns] = scaled[3:]
    return fg_bg, alpha
