"""The boundary loss: an error costs as much as it lies far from the true outline."""

import math

import torch
from torch import Tensor

from zoo.losses.catalog import LossCard, Truth, mean, register


@register(
    "boundary",
    LossCard(
        summary="errors weighted by their distance to the true outline",
        group="overlap",
        tasks=("mask",),
        range=(0.0, 1.0),
        formula="mean(|p - t| d / diagonal), d = distance in pixels to the nearest pixel of the other kind",
        paper="Kervadec et al. 2019, arXiv:1812.07032",
        notes=(
            "the paper's mean(d p), d negative inside, with a constant added that makes it 0 at the target",
            "object is where t >= 0.5; without an outline (an empty or a full mask) d is the image's diagonal",
            "use it together with bce or dice: near the outline it has hardly any weight",
        ),
    ),
)
def boundary(logits: Tensor, truth: Truth) -> Tensor:
    error = (logits.sigmoid() - truth.target).abs()
    return mean(error * _distance_across(truth), truth.valid)


@torch.no_grad()
def _distance_across(truth: Truth) -> Tensor:
    """How far the nearest valid pixel of the other kind is, in diagonals: (b, 1, h, w), up to 1."""
    inside = truth.target >= 0.5
    valid = truth.valid > 0
    h, w = inside.shape[-2:]
    to_object, to_rest = (distance(kind & valid, truth.target.dtype) for kind in (inside, ~inside))
    return (torch.where(inside, to_rest, to_object) / math.hypot(h, w)).clamp(max=1)


def distance(seeds: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Euclidean distance in pixels to the nearest seed, (..., h, w) of bools; infinite where there is none.

    Exact and separable (Felzenszwalb and Huttenlocher 2012): along the rows by running maxima, then over the columns
    by trying every offset, so that a GPU never waits for the host.
    """
    h, w = seeds.shape[-2:]
    x = torch.arange(w, device=seeds.device, dtype=dtype)
    last = torch.where(seeds, x, -math.inf).cummax(-1).values
    following = torch.where(seeds, x, math.inf).flip(-1).cummin(-1).values.flip(-1)
    in_row = torch.minimum(x - last, following - x).square()
    best = in_row.clone()
    for offset in range(1, h):
        farther = in_row + offset**2
        torch.minimum(best[..., offset:, :], farther[..., :-offset, :], out=best[..., offset:, :])
        torch.minimum(best[..., :-offset, :], farther[..., offset:, :], out=best[..., :-offset, :])
    return best.sqrt()
