"""Classical registration of a plate to a photo: shift, turn, gain and offset, by robust least squares.

Lucas and Kanade's iteration over a small pyramid, on all samples of a batch at once. The object is an outlier to it:
each pixel is weighed by how well it is explained (Geman-McClure), so what has changed does not pull the rest.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = ((4, 0.1), (2, 0.05), (1, 0.02))  # pixels per pixel of the level; the residual that counts a quarter there
STEPS = 5  # iterations per level
SCALE = LEVELS[-1][1]  # images are in [0, 1]
RIDGE = 1e-5  # per pixel: keeps the equations solvable where an image has no texture


def register_plate(bg: Tensor, fg_bg: Tensor) -> Tensor:
    """bg (b, c, h, w) moved and lit as fg_bg sees it, (b, c, h, w)."""
    b = bg.shape[0]
    motion = bg.new_zeros(b, 3)  # shift right and down in pixels, turn in radians, of the original's size
    brighter = middle((fg_bg - bg).mean(1).flatten(1))
    light = torch.stack([bg.new_ones(b), brighter], 1)  # gain, offset
    for factor, scale in LEVELS:
        plate, photo = (F.avg_pool2d(image.mean(1, keepdim=True), factor) for image in (bg, fg_bg))
        for _ in range(STEPS):
            motion, light = _step(plate, photo, motion, light, factor, scale)
    return _relight(_warp(bg, motion, 1), fg_bg, light)


def _step(
    plate: Tensor, photo: Tensor, motion: Tensor, light: Tensor, factor: int, scale: float
) -> tuple[Tensor, Tensor]:
    """One Gauss-Newton step on (shift, turn, gain, offset) at one level; plate and photo are (b, 1, h, w)."""
    moved = _warp(plate, motion, factor)
    gain, offset = light[:, 0, None, None, None], light[:, 1, None, None, None]
    residual = photo - (gain * moved + offset)
    padded = F.pad(moved, (1, 1, 1, 1), mode="replicate")
    slope_x = gain * (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    slope_y = gain * (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    x, y = _positions(plate)
    half = sum(plate.shape[-2:]) / 4  # turns are solved in this unit, so that all unknowns are of one size
    turn = (slope_y * x - slope_x * y) / half
    jacobian = torch.stack([slope_x, slope_y, turn, moved, torch.ones_like(moved)], 1).flatten(2)  # (b, 5, pixels)
    error = residual.flatten(1)
    weight = (1 + (error / scale) ** 2) ** -2
    weighed = jacobian * weight[:, None]
    ridge = RIDGE * jacobian.shape[2] * torch.eye(5, dtype=jacobian.dtype, device=jacobian.device)
    change = solved(weighed @ jacobian.transpose(1, 2) + ridge, weighed @ error[..., None])  # (b, 5)
    return motion - torch.cat([change[:, :2] * factor, change[:, 2:3] / half], 1), light + change[:, 3:]


def middle(values: Tensor) -> Tensor:
    """(b, n) -> (b,): the median, the lower one of two. Exports sort, which takes ten times as long as torch.median."""
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        return values.sort(1).values[:, (values.shape[1] - 1) // 2]
    return values.median(1).values


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution x (b, n) of matrix (b, n, n) @ x = right (b, n, 1), where the matrix is positive definite.

    Gauss-Jordan elimination, which needs no pivoting there; no export knows torch.linalg.solve.
    """
    rows = torch.cat([matrix, right], 2)  # (b, n, n + 1)
    others = 1 - torch.eye(matrix.shape[1], dtype=rows.dtype, device=rows.device)
    for i in range(matrix.shape[1]):
        factors = rows[:, :, i : i + 1] / rows[:, i : i + 1, i : i + 1] * others[:, i : i + 1]
        rows = rows - factors * rows[:, i : i + 1]
    return rows[..., -1] / rows.diagonal(dim1=1, dim2=2)


def _warp(image: Tensor, motion: Tensor, factor: int) -> Tensor:
    """The image shifted and turned about its centre; what comes in at the border is the border repeated."""
    x, y = _positions(image)
    turn = motion[:, 2, None, None, None]
    shift_x, shift_y = motion[:, 0, None, None, None] / factor, motion[:, 1, None, None, None] / factor
    source_x = torch.cos(turn) * x + torch.sin(turn) * y - shift_x
    source_y = torch.cos(turn) * y - torch.sin(turn) * x - shift_y
    h, w = image.shape[-2:]
    grid = torch.stack([source_x * (2 / w), source_y * (2 / h)], -1)[:, 0]  # (b, h, w, 2) in [-1, 1]
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _positions(image: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel centres measured from the middle: x (1, 1, 1, w) and y (1, 1, h, 1)."""
    h, w = image.shape[-2:]
    x = torch.arange(w, device=image.device, dtype=image.dtype) - (w - 1) / 2
    y = torch.arange(h, device=image.device, dtype=image.dtype) - (h - 1) / 2
    return x[None, None, None], y[None, None, :, None]


def _relight(plate: Tensor, photo: Tensor, light: Tensor) -> Tensor:
    """Gain and offset per channel, starting from one for all, fitted where the two agree: weighed least squares."""
    p, q = plate.flatten(2), photo.flatten(2)  # (b, c, pixels)
    fitted = light[:, :1, None] * p + light[:, 1:, None]
    for _ in range(3):
        weight = (1 + ((q - fitted).mean(1, keepdim=True) / SCALE) ** 2) ** -2
        total = weight.sum(2, keepdim=True)
        p0, q0 = ((weight * values).sum(2, keepdim=True) / total for values in (p, q))
        gain = ((weight * (p - p0) * (q - q0)).sum(2, keepdim=True) + RIDGE * total) / (
            (weight * (p - p0) ** 2).sum(2, keepdim=True) + RIDGE * total
        )
        fitted = q0 + gain * (p - p0)
    return fitted.view_as(plate)
