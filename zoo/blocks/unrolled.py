"""The steps of `registration` in as few operations as they can be: exports unroll them, and each operation there costs
time to export, to load and to run. What does not change between steps is a constant of the level.

A step takes about 45 operations and 7 for each unknown, where the one that is called has some 150 and 10.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MATRICES: tuple[dict[int, int], ...] = (  # of each unknown what it adds to no motion, by place in a flat matrix
    *({2: 1}, {5: 1}, {1: -1, 3: 1}, {0: 1, 4: 1}, {0: 1, 4: -1}, {1: 1, 3: 1}, {6: 1}, {7: 1}),
)


class Level(NamedTuple):
    """What is known before the first step on squares of n pixels; p counts positions, u unknowns of the motion.

    places (p, 3): each position, and 1. right, down (n, n): products with them are slopes. by_x, by_y (u, p): where
    each unknown moves each position. one (u, 9): the matrix of each unknown. ridge (u + 2, u + 2).
    still (3, 3): no motion.
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
    still: Tensor


def level(plate: Tensor, photo: Tensor, unknowns: int, ridge: float) -> Level:
    """plate, photo (b, 1, n, n). All else is numbers, not operations of the export."""
    n = plate.shape[-1]
    right = (np.eye(n, k=-1) - np.eye(n, k=1)) * (n / 4)  # a pixel is 2 / n wide
    right[0, 0], right[-1, -1] = -n / 4, n / 4  # the border is repeated
    side = (np.arange(n) + 0.5) * (2 / n) - 1
    x, y = np.tile(side, n), np.repeat(side, n)
    by_x, by_y = np.stack([np.stack(each) for each in moves(x, y)[:unknowns]], 1)
    one = np.zeros((unknowns, 9))
    for number, entries in enumerate(MATRICES[:unknowns]):
        one[number, list(entries)] = list(entries.values())
    squares = ridge * n * n * np.eye(unknowns + 2)
    places = np.stack([x, y, np.ones(n * n)], 1)
    known = (places, right, right.T, by_x, by_y, one, squares, np.eye(3))
    return Level(plate, photo.flatten(2), *(_constant(each, plate) for each in known))


def moves(x: Any, y: Any) -> tuple[tuple[Any, Any], ...]:
    """Where each unknown of `registration.matrices` moves positions, right and down; arrays or tensors of one shape."""
    one, nothing = x * 0 + 1, x * 0
    return (one, nothing), (nothing, one), (-y, x), (x, y), (x, -y), (y, x), (-x * x, -x * y), (-x * y, -y * y)


def _constant(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.tensor(values.tolist(), dtype=like.dtype, device=like.device)


def step(known: Level, motion: Tensor, light: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """As `registration._step`, with light as (b, 2, 1). Splits, since a slice is ten operations to an exporter."""
    unknowns, n = len(known.one), known.plate.shape[-1]
    where, below = (known.places @ motion.transpose(1, 2)).split_with_sizes([2, 1], 2)  # (b, p, 2), (b, p, 1)
    at = where / below
    valid = (at.abs().amax(2) <= 1).to(at.dtype).unsqueeze(1)
    grid = at.view(-1, n, n, 2)
    moved = F.grid_sample(known.plate, grid, mode="bilinear", padding_mode="border", align_corners=False)
    seen, (gain, offset) = moved.flatten(2), light.split_with_sizes([1, 1], 1)  # (b, 1, p), (b, 1, 1) each
    residual = known.photo - (gain * seen + offset)
    slope_x, slope_y = (gain * slope.flatten(2) for slope in (moved @ known.right, known.down @ moved))
    by_motion = slope_x * known.by_x + slope_y * known.by_y  # (b, u, p)
    jacobian = torch.cat([by_motion, seen, torch.ones_like(seen)], 1)  # (b, u + 2, p)
    closeness = 1 + (residual / scale).square()
    weighed = jacobian * (valid / closeness.square())
    change = solved(weighed @ jacobian.transpose(1, 2) + known.ridge, weighed @ residual.transpose(1, 2))
    by_unknown, by_light = change.split_with_sizes([unknowns, 2], 1)
    by = known.one.T @ by_unknown  # (b, 9, 1)
    motion = motion @ (by.view(-1, 3, 3) + known.still)
    corner = motion.split_with_sizes([2, 1], 1)[1].split_with_sizes([2, 1], 2)[1]
    return motion / corner, light + by_light


_wanted = threading.local()


@contextmanager
def solving_whole() -> Iterator[None]:
    """Within, and in this thread, an export has equations as one operation, which whoever writes the file must know."""
    _wanted.whole = True
    try:
        yield
    finally:
        _wanted.whole = False


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution x (b, n, 1) of matrix (b, n, n) @ x = right (b, n, 1), where the matrix is positive definite."""
    if getattr(_wanted, "whole", False):
        return torch.linalg.solve_ex(matrix, right)[0]
    return eliminated(torch.cat([matrix, right], 2))


def eliminated(rows: Tensor) -> Tensor:
    """(b, n, n + 1), a positive definite matrix and a right side -> the solution (b, n, 1), by Gauss and Jordan, who
    need no pivoting there."""
    n = rows.shape[1]
    own = torch.eye(n, dtype=rows.dtype, device=rows.device)
    for i in range(n):
        row = rows[:, i : i + 1]
        rows = rows - (rows[:, :, i : i + 1] - own[:, i : i + 1]) * (row / row[:, :, i : i + 1])
    return rows[..., n:]
