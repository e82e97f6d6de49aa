"""Classical registration of a plate to a photo: a homography, gain and offset, by robust least squares.

Both images are shrunk to a small square; there the best of a few shifts and turns is the start for Lucas and Kanade's
iteration, from few unknowns at a coarse level to all of them at the finest. The object is an outlier to it: each pixel
is weighed by how well it is explained (Geman-McClure), so what has changed does not pull the rest. All samples of a
batch are registered at once, and at any size of the images for the same cost.

Positions run from -1 to 1 along both sides; a motion is a matrix (b, 3, 3) from the photo's positions to the plate's.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.blocks import unrolled
from zoo.blocks.upsample import shrink
from zoo.blocks.window import around, is_exporting

GRID = 64  # pixels along the sides of the square
LEVELS = ((4, 2, 4, 0.1), (2, 4, 4, 0.07), (1, 8, 3, 0.04))  # pixels pooled, unknowns, steps, residual of weight 1/4
LIGHT = (0.04, 0.03, 0.02, 0.02)  # residual of weight 1/4, at each step
SCALE = 0.04  # the residual that is half explained; images are in [0, 1]
SHIFT, TURN = 0.1, 0.07  # between the motions that are tried first: 5 % of a side, 4 degrees
NUDGE = 1e-3  # of the photo: what a motion must explain more than none
RIDGE = 1e-3  # per pixel: keeps the equations solvable where an image has no texture
HOLDS = 0.3  # of the photo: a registration that explains less is none


class Registered(NamedTuple):
    """plate (b, c, h, w): moved and lit as the photo sees it; valid (b, 1, h, w): 1 where it has pixels there;
    confidence (b, 1, h, w): from 0 to 1, how well the photo is explained around each pixel."""

    plate: Tensor
    valid: Tensor
    confidence: Tensor


class Registration(NamedTuple):
    """How a plate is to be moved and lit, whatever the size of the images: motion (b, 3, 3), gain and offset
    (b, c, 1, 1), and how well the photo is then explained (b, 1, GRID, GRID)."""

    motion: Tensor
    gain: Tensor
    offset: Tensor
    explained: Tensor


_known = threading.local()


@contextmanager
def registered_as(found: Registered) -> Iterator[None]:
    """Within, and in this thread, `register_plate` takes the plate that it gets for registered, as was found of it.

    For parts of a picture, whose plate was registered on the whole. A compiled network registers it again.
    """
    _known.found = found
    try:
        yield
    finally:
        _known.found = None


def register_plate(bg: Tensor, fg_bg: Tensor) -> Registered:
    """bg (b, c, h, w) as fg_bg sees it. Where no registration holds, the plate as it is, and low confidence."""
    if not torch.compiler.is_compiling() and (known := getattr(_known, "found", None)) is not None:
        return Registered(bg, known.valid, known.confidence)
    found = registration(bg, fg_bg)
    moved, valid = warp(bg, found.motion)
    confidence = F.interpolate(around(found.explained, 2), size=bg.shape[-2:], mode="bilinear")
    return Registered(found.gain * moved + found.offset, valid, confidence)


def registration(bg: Tensor, fg_bg: Tensor) -> Registration:
    """What takes bg (b, c, h, w) to fg_bg; nothing at all where no registration holds."""
    plate, photo = shrunk(bg), shrunk(fg_bg)
    motion, light = _motion(plate.mean(1, keepdim=True), photo.mean(1, keepdim=True))
    still = torch.eye(3, dtype=bg.dtype, device=bg.device).expand_as(motion)
    unlit = torch.cat([torch.ones_like(light[:, :1]), middle((photo - plate).mean(1).flatten(1))[:, None]], 1)
    both = (torch.cat(pair) for pair in ((plate, plate), (photo, photo), (motion, still), (light, unlit)))
    found = [_halves(each) for each in _light(*both)]  # moved, and still, each
    share, share_still = (each.mean((1, 2, 3), keepdim=True) for each in found[0])
    moves = share > share_still + NUDGE  # not a number: it does not
    explained, gain, offset = (torch.where(moves, one, other) for one, other in found)
    holds = explained.mean((1, 2, 3), keepdim=True) >= HOLDS
    return Registration(
        torch.where((moves & holds)[:, 0], motion, still),
        torch.where(holds, gain, torch.ones_like(gain)),
        torch.where(holds, offset, torch.zeros_like(offset)),
        explained,
    )


def _halves(both: Tensor) -> tuple[Tensor, ...]:
    """(2b, ...) -> two of (b, ...). `chunk` would ask for b, which an export leaves open."""
    return both.unflatten(0, (2, -1)).unbind()  # type: ignore[no-untyped-call]


def shrunk(image: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, c, GRID, GRID), without aliasing."""
    return shrink(image, image.new_empty(1, 1, GRID, GRID))


def _motion(plate: Tensor, photo: Tensor) -> tuple[Tensor, Tensor]:
    """Motion (b, 3, 3), and gain and offset (b, 2), of grey squares."""
    motion, light = _start(*(F.avg_pool2d(image, LEVELS[0][0]) for image in (plate, photo)))
    for factor, unknowns, steps, scale in LEVELS:
        coarse = F.avg_pool2d(plate, factor), F.avg_pool2d(photo, factor)
        if is_exporting():
            motion, light = _unrolled(*coarse, motion, light, unknowns, (steps, scale))
            continue
        fields = _fields(coarse[0], unknowns)
        for _ in range(steps):
            motion, light = _step(*coarse, motion, light, fields, scale)
    return motion, light


def _start(plate: Tensor, photo: Tensor) -> tuple[Tensor, Tensor]:
    """The one of 27 shifts and turns that explains most of the photo, and its light."""
    b, _, n, _ = plate.shape
    three = (torch.arange(3, device=plate.device, dtype=plate.dtype) + 1) % 3 - 1  # none first, then to both sides
    x, y, turn = (grid.flatten() for grid in torch.meshgrid(SHIFT * three, SHIFT * three, TURN * three, indexing="ij"))
    nothing = torch.zeros_like(x)
    tried = matrices(torch.stack([x, y, turn, *[nothing] * 5], 1))
    every = tried.expand(b, -1, -1, -1)
    many, photos = (image[:, None].expand(b, len(x), 1, n, n).flatten(0, 1) for image in (plate, photo))
    moved, valid = warp(many, every.flatten(0, 1))
    offset = middle((photos - moved).flatten(1)).view(b, -1)
    residual = (photos - moved).view(b, -1, n * n) - offset[..., None]
    seen = valid.view(b, -1, n * n)
    explained = (seen / (1 + (residual / LEVELS[0][3]) ** 2)).sum(2) / seen.sum(2)
    best = (explained - NUDGE * (torch.arange(len(x), device=x.device) > 0)).argmax(1, keepdim=True)
    brighter = offset.gather(1, best)
    return tried[best[:, 0]], torch.cat([torch.ones_like(brighter), brighter], 1)


def _step(
    plate: Tensor, photo: Tensor, motion: Tensor, light: Tensor, fields: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """One Gauss-Newton step on motion, gain and offset at one level; plate and photo are (b, 1, n, n)."""
    n, unknowns = plate.shape[-1], len(fields)
    moved, valid = warp(plate, motion)
    gain, offset = light[:, 0, None, None, None], light[:, 1, None, None, None]
    residual = photo - (gain * moved + offset)
    padded = F.pad(moved, (1, 1, 1, 1), mode="replicate")
    slope_x = gain * (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) * (n / 4)  # a pixel is 2 / n wide
    slope_y = gain * (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) * (n / 4)
    by_motion = slope_x * fields[:, 0] + slope_y * fields[:, 1]
    jacobian = torch.cat([by_motion, moved, torch.ones_like(moved)], 1).flatten(2)  # (b, unknowns + 2, pixels)
    weight = (valid * (1 + (residual / scale) ** 2) ** -2).flatten(1)
    weighed = jacobian * weight[:, None]
    ridge = RIDGE * n * n * torch.eye(unknowns + 2, dtype=plate.dtype, device=plate.device)
    change = solved(weighed @ jacobian.transpose(1, 2) + ridge, weighed @ residual.flatten(1)[..., None])
    motion = motion @ matrices(F.pad(change[:, :unknowns], (0, 8 - unknowns)))
    return motion / motion[:, 2:, 2:], light + change[:, unknowns:]


def _unrolled(
    plate: Tensor, photo: Tensor, motion: Tensor, light: Tensor, unknowns: int, how: tuple[int, float]
) -> tuple[Tensor, Tensor]:
    """All steps of one level, as exports have them. how: their number, and the scale."""
    known = unrolled.level(plate, photo, unknowns, RIDGE)
    light = light[..., None]
    for _ in range(how[0]):
        motion, light = unrolled.step(known, motion, light, how[1])
    return motion, light[..., 0]


def _fields(like: Tensor, unknowns: int) -> Tensor:
    """(unknowns, 2, n, n): where each unknown of `matrices` moves each position, right and down."""
    x, y = positions(like)
    x, y = (grid.expand(like.shape[-2:]) for grid in (x, y))
    return torch.stack([torch.stack(field) for field in unrolled.moves(x, y)[:unknowns]])


def matrices(unknowns: Tensor) -> Tensor:
    """(n, 8) -> (n, 3, 3): shift right and down, turn, zoom, stretch, shear, and two of perspective."""
    x, y, turn, zoom, stretch, shear, over_x, over_y = unknowns.unbind(1)
    rows = [1 + zoom + stretch, shear - turn, x, turn + shear, 1 + zoom - stretch, y, over_x, over_y]
    return torch.stack([*rows, torch.ones_like(x)], 1).view(-1, 3, 3)


def warp(image: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """The image as it is seen after a motion, its border repeated, and where (b, 1, h, w) it is not the border."""
    grid, valid = sources(motion, *positions(image))
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False), valid


def sources(motion: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where the plate's pixels for the photo's positions x (1, w) and y (h, 1) are, (b, h, w, 2), and whether
    (b, 1, h, w) it has them."""
    a, b, c, d, e, f, g, h, i = motion.flatten(1)[..., None, None].unbind(1)  # (b, 1, 1) each
    below = g * x + h * y + i
    source_x, source_y = (a * x + b * y + c) / below, (d * x + e * y + f) / below
    valid = ((source_x.abs() <= 1) & (source_y.abs() <= 1)).to(x.dtype)
    return torch.stack([source_x, source_y], -1), valid[:, None]


def positions(image: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel centres from -1 to 1: x (1, w) and y (h, 1)."""
    h, w = image.shape[-2:]
    x, y = (torch.arange(side, device=image.device, dtype=image.dtype) for side in (w, h))
    return ((x + 0.5) * (2 / w) - 1)[None], ((y + 0.5) * (2 / h) - 1)[:, None]


def _light(plate: Tensor, photo: Tensor, motion: Tensor, light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How well each pixel is explained (b, 1, n, n), and gain and offset (b, c, 1, 1) of each channel there.

    They start from one for all channels and are fitted where the two agree: weighed least squares.
    """
    moved, valid = warp(plate, motion)
    fitted = light[:, :1, None, None] * moved + light[:, 1:, None, None]
    gain = offset = fitted
    for scale in LIGHT:
        weight = valid * (1 + ((photo - fitted).mean(1, keepdim=True) / scale) ** 2) ** -2
        total = weight.sum((2, 3), keepdim=True) + RIDGE
        p, q = ((weight * image).sum((2, 3), keepdim=True) / total for image in (moved, photo))
        gain = ((weight * (moved - p) * (photo - q)).sum((2, 3), keepdim=True) + RIDGE * total) / (
            (weight * (moved - p) ** 2).sum((2, 3), keepdim=True) + RIDGE * total
        )
        offset = q - gain * p
        fitted = gain * moved + offset
    return valid / (1 + ((photo - fitted).mean(1, keepdim=True) / SCALE) ** 2), gain, offset


def middle(values: Tensor) -> Tensor:
    """(b, n) -> (b,): the median, the lower one of two. Exports sort, which takes ten times as long as torch.median."""
    if is_exporting():
        return values.sort(1).values[:, (values.shape[1] - 1) // 2]
    return values.median(1).values


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution x (b, n) of matrix (b, n, n) @ x = right (b, n, 1), where the matrix is positive definite."""
    return torch.linalg.solve_ex(matrix, right)[0][..., 0]
