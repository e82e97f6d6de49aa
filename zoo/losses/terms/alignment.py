"""Depth up to an unknown scale and shift: prediction and target are aligned first, per image, over valid pixels."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from registry import BELOW_1
from zoo.losses.catalog import LossCard, Truth, mean, register

FLAT = 1e-8  # a variance: a map that varies less than 1e-4 counts as flat: its scale goes to 0
THIN = 1e-4  # a mean absolute deviation: likewise
ABOVE = 2.0  # beyond every value in [0, 1], so that invalid pixels are sorted to the end


@register(
    "scale_and_shift",
    LossCard(
        summary="error that is left after the best scale and shift of each image",
        tasks=("depth",),
        group="structure",
        formula="mean((s p + b - t)^2) / 2 with the best s, b; align=median: mean(|n(p) - n(t)|) / 2 without the"
        " largest fifth, n(z) = (z - median) / mean |z - median|",
        paper="Ranftl et al. 2022, Towards robust monocular depth estimation (MiDaS): L_ssimse and L_ssitrim",
        invariant_to=("shift", "scale", "scale_and_shift"),
        notes=(
            "Least squares takes a negative s too, so a map with near and far exchanged costs nothing: name it beside"
            " a loss that knows the direction, or take align=median, whose scale is positive.",
            "A flat prediction counts as the target's mean (or median), with finite gradients.",
        ),
    ),
)
def scale_and_shift(
    logits: Tensor,
    truth: Truth,
    *,
    align: Annotated[Literal["least_squares", "median"], "how scale and shift are found"] = "least_squares",
    trim: Annotated[float, "share of the largest errors that median leaves out", BELOW_1] = 0.2,
) -> Tensor:
    p, t = logits.sigmoid(), torch.where(truth.valid > 0, truth.target, 0)
    if align == "least_squares":
        return mean((aligned(p, truth) - t) ** 2, truth.valid) / 2
    error = (_normalised(p, truth.valid) - _normalised(t, truth.valid)).abs()
    return _trimmed_mean(error, truth.valid, trim) / 2


def aligned(p: Tensor, truth: Truth) -> Tensor:
    """s p + b with the least squared error to the target, (b, 1, h, w); a flat p becomes the target's mean."""
    p, t = (torch.where(truth.valid > 0, x, 0) for x in (p, truth.target))
    p_mean, t_mean = (_column(mean(x, truth.valid)) for x in (p, t))
    variance = _column(mean((p - p_mean) ** 2, truth.valid))
    covariance = _column(mean((p - p_mean) * (t - t_mean), truth.valid))
    return (p - p_mean) * (covariance / variance.clamp(min=FLAT)) + t_mean


def _normalised(x: Tensor, valid: Tensor) -> Tensor:
    """(x - median) / mean absolute deviation, (b, 1, h, w), for values in [0, 1]; 0 for a flat map."""
    away = torch.where(valid > 0, x - _median(x, valid), 0)
    return away / _column(mean(away.abs(), valid)).clamp(min=THIN)


def _median(x: Tensor, valid: Tensor) -> Tensor:
    """The lower median of each image's valid pixels, (b, 1, 1, 1)."""
    ordered = torch.where(valid > 0, x, ABOVE).flatten(1).sort(1).values
    middle = (valid.flatten(1).sum(1).long() - 1).clamp(min=0) // 2
    return _column(ordered.gather(1, middle[:, None])[:, 0])


def _trimmed_mean(values: Tensor, valid: Tensor, trim: float) -> Tensor:
    """The sum of each image's valid values without the largest, over the number of all of them; (b,)."""
    count = valid.flatten(1).sum(1)
    ordered = torch.where(valid > 0, values, torch.inf).flatten(1).sort(1).values
    kept = torch.arange(ordered.shape[1], device=values.device) < (count * (1 - trim)).floor()[:, None]
    return torch.where(kept, ordered, 0).sum(1) / count.clamp(min=1)


def _column(x: Tensor) -> Tensor:
    return x[:, None, None, None]
