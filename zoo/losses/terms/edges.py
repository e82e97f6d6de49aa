"""Losses on slopes: how a map rises and falls, not how high it is.

A slope is true where every pixel it is made of is valid; the others are not counted.
"""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from registry import ABOVE_0, FROM_0, FROM_1
from zoo.losses.catalog import LossCard, Truth, mean, register
from zoo.losses.terms.alignment import aligned


@register(
    "gradient",
    LossCard(
        summary="mean absolute error of the Sobel slopes",
        group="structure",
        range=(0, 1),
        formula="mean(|sobel(p) - sobel(t)|), over both directions",
        origin="the L1 of kornia.filters.spatial_gradient of both maps",
        invariant_to=("shift",),
        notes=("It ignores a constant offset of the map: add l1 or another loss that does not.",),
    ),
)
def gradient(logits: Tensor, truth: Truth) -> Tensor:
    slopes = torch.cat(sobel(_residual(logits.sigmoid(), truth)), 1)  # the difference of slopes is that of the maps
    return mean(slopes.abs(), _whole(truth.valid))


@register(
    "gradient_matching",
    LossCard(
        summary="absolute differences of neighbouring errors, over a pyramid of scales",
        tasks=("depth",),
        group="structure",
        formula="sum over scales k of mean(|dx r| + |dy r|), r = p - t at every 2^k-th pixel",
        paper="Ranftl et al. 2022, Towards robust monocular depth estimation (MiDaS); Li and Snavely 2018, MegaDepth",
        invariant_to=("shift",),
        notes=("MiDaS weighs it by 0.5 beside scale_and_shift, with align=true.",),
    ),
)
def gradient_matching(
    logits: Tensor,
    truth: Truth,
    *,
    scales: Annotated[int, "of the pyramid, each half the one before", FROM_1] = 4,
    align: Annotated[bool, "fit p to t by scale and shift first, as MiDaS does"] = False,
) -> Tensor:
    p = logits.sigmoid()
    error, valid = _residual(aligned(p, truth) if align else p, truth), truth.valid
    loss = logits.new_zeros(len(logits))
    for scale in range(scales):
        if 2**scale >= max(logits.shape[-2:]):  # a single pixel is left, which has no neighbours: the sum is complete
            break
        across, down = (error.diff(dim=dim).abs() * _pairs(valid, dim) for dim in (-1, -2))
        rises = across.flatten(1).sum(1) + down.flatten(1).sum(1)
        loss = loss + rises / valid.flatten(1).sum(1).clamp(min=1)
        error, valid = error[..., ::2, ::2], valid[..., ::2, ::2]
    return loss


@register(
    "normals",
    LossCard(
        summary="angle between the surface normals of prediction and target",
        tasks=("depth",),
        group="structure",
        range=(0, 2),
        formula="mean(1 - cos(n(p), n(t))), n(z) = unit (-dz/dx, -dz/dy, 1), the picture's longer side being 1",
        paper="Hu et al. 2019, Revisiting single image depth estimation",
        invariant_to=("shift",),
        notes=("Relative depth is taken as height, so these are normals of that relief, not of the scene in metres.",),
    ),
)
def normals(
    logits: Tensor, truth: Truth, *, steepness: Annotated[float, "height of depth 1 in longer sides", ABOVE_0] = 1.0
) -> Tensor:
    height = steepness * max(logits.shape[-2:])
    known = truth.valid > 0
    apart = _normal(torch.where(known, logits.sigmoid(), 0) * height) - _normal(
        torch.where(known, truth.target, 0) * height
    )
    return mean((apart**2).sum(1, keepdim=True) / 2, _whole(truth.valid))  # 1 - cos = |difference|^2 / 2, exactly


@register(
    "smoothness",
    LossCard(
        summary="slopes of the depth where the picture has none",
        tasks=("depth",),
        group="structure",
        range=(0, 2),
        formula="mean(|dx p| exp(-edges |dx image|)) + mean(|dy p| exp(-edges |dy image|))",
        paper="Godard et al. 2017, Unsupervised monocular depth estimation with left-right consistency",
        origin="kornia.losses.inverse_depth_smoothness_loss",
        least_at_target=False,
        floor=None,
        invariant_to=("shift",),
        notes=("A regulariser: it ignores the target, and a flat map is its minimum.",),
    ),
)
def smoothness(
    logits: Tensor, truth: Truth, *, edges: Annotated[float, "how much an edge of the picture excuses", FROM_0] = 1.0
) -> Tensor:
    known = truth.valid > 0
    p, image = torch.where(known, logits.sigmoid(), 0), torch.where(known, truth.image, 0)
    loss = logits.new_zeros(len(logits))
    for dim in (-1, -2):
        excuse = (-edges * image.diff(dim=dim).abs().mean(1, keepdim=True)).exp()
        loss = loss + mean(p.diff(dim=dim).abs() * excuse, _pairs(truth.valid, dim))
    return loss


def sobel(x: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes per pixel across and down, (b, c, h, w) each; the border is replicated."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    across, down = x[..., 2:] - x[..., :-2], x[..., 2:, :] - x[..., :-2, :]
    dx = (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 8
    dy = (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 8
    return dx, dy


def _residual(p: Tensor, truth: Truth) -> Tensor:
    return torch.where(truth.valid > 0, p - truth.target, 0)


def _normal(z: Tensor) -> Tensor:
    """(b, 1, h, w) -> (b, 3, h, w)."""
    dx, dy = sobel(z)
    return torch.cat([-dx, -dy, torch.ones_like(z)], 1) / (dx**2 + dy**2 + 1).sqrt()


def _whole(valid: Tensor) -> Tensor:
    """1 where all nine pixels of a 3 x 3 window are valid; (b, 1, h, w)."""
    return -F.max_pool2d(-valid, 3, stride=1, padding=1)


def _pairs(valid: Tensor, dim: int) -> Tensor:
    """1 where a pixel and the next are valid."""
    n = valid.shape[dim] - 1
    return valid.narrow(dim, 1, n) * valid.narrow(dim, 0, n)
