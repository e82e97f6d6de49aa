"""The steps of `registration` in as few operations as they can be: exports unroll them, and each operation there costs
time to export, to load and to run. What does not change between steps is a constant of the level.

A step takes about 50 operations and 7 for each unknown, where the one that is called has some 150 and 10.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Level(NamedTuple):
    """What is known before the first step on squares of n pixels; p counts positions, u unknowns of the motion.

    places (p, 3): each position, and 1. right, down (n, n): products with them are slopes. by_x, by_y (u, p): where
    each unknown moves each position. one (u, 9): the matrix of each unknown. ridge (u + 2, u + 3).
    """

    plate: Tensor
    photo: Tensor  # (b, 1, p)
    places: Tensor
    right: Tensor
    down: Tensor
    by_x: Tensor
    by_y: Tensor
    one: Tensor
    ridge: Tensor


def level(plate: Tensor, photo: Tensor, fields: Tensor, one: Tensor, ridge: float) -> Level:
    """plate, photo (b, 1, n, n); fields (u, 2, n, n); one (u, 3, 3), less those of no motion."""
    n, unknowns = plate.shape[-1], len(fields)
    index = torch.arange(n)
    right = torch.zeros(n, n)
    right[(index + 1).clamp(max=n - 1), index] += n / 4  # a pixel is 2 / n wide
    right[(index - 1).clamp(min=0), index] -= n / 4
    side = (index + 0.5) * (2 / n) - 1
    places = torch.stack([side.repeat(n), side.repeat_interleave(n), torch.ones(n * n)], 1)
    squares = F.pad(ridge * n * n * torch.eye(unknowns + 2), (0, 1))
    right, places, squares = (each.to(plate.device, plate.dtype) for each in (right, places, squares))
    by_x, by_y = fields.flatten(2).unbind(1)
    return Level(plate, photo.flatten(2), places, right, right.T, by_x, by_y, one.flatten(1), squares)


def step(known: Level, motion: Tensor, light: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """As `registration._step`, with light as (b, 2, 1)."""
    unknowns, n = len(known.one), known.plate.shape[-1]
    found = known.places @ motion.transpose(1, 2)  # (b, p, 3)
    at = found[..., :2] / found[..., 2:]
    valid = (at.abs().amax(2) <= 1).to(at.dtype)[:, None]
    grid = at.view(-1, n, n, 2)
    moved = F.grid_sample(known.plate, grid, mode="bilinear", padding_mode="border", align_corners=False)
    seen, gain = moved.flatten(2), light[:, :1]  # (b, 1, p), (b, 1, 1)
    residual = known.photo - (gain * seen + light[:, 1:])
    slope_x, slope_y = (gain * slope.flatten(2) for slope in (moved @ known.right, known.down @ moved))
    by_motion = slope_x * known.by_x + slope_y * known.by_y  # (b, u, p)
    every = torch.cat([by_motion, seen, torch.ones_like(seen), residual], 1)  # (b, u + 3, p)
    closeness = 1 + (residual / scale).square()
    weighed = every[:, :-1] * (valid / closeness.square())
    change = eliminated(weighed @ every.transpose(1, 2) + known.ridge)
    by = known.one.T @ change[:, :unknowns]  # (b, 9, 1)
    motion = motion @ (by.view(-1, 3, 3) + torch.eye(3, dtype=by.dtype, device=by.device))
    return motion / motion[:, 2:, 2:], light + change[:, unknowns:]


def eliminated(rows: Tensor) -> Tensor:
    """(b, n, n + 1), a positive definite matrix and a right side -> the solution (b, n, 1), by Gauss and Jordan, who
    need no pivoting there."""
    n = rows.shape[1]
    own = torch.eye(n, dtype=rows.dtype, device=rows.device)
    for i in range(n):
        row = rows[:, i : i + 1]
        rows = rows - (rows[:, :, i : i + 1] - own[:, i : i + 1]) * (row / row[:, :, i : i + 1])
    return rows[..., n:]
