"""Losses on how much two areas overlap: true positives, false positives and false negatives of each image."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from registry import ABOVE_0
from zoo.losses.catalog import LossCard, Truth, register

UNIT = (0.0, 1.0)
COUNTS = "tp = sum(p t), fp = sum(p (1 - t)), fn = sum((1 - p) t)"

Smooth = Annotated[float, "pixels added above and below the fraction; with none, an empty mask would be 0 / 0", ABOVE_0]


@register(
    "dice",
    LossCard(
        summary="one minus the Dice score: twice the overlap over the sum of both areas",
        group="overlap",
        range=UNIT,
        formula=f"1 - (2 tp + smooth) / (2 tp + fp + fn + smooth), {COUNTS};"
        " squared: 1 - (2 sum(p t) + smooth) / (sum(p^2) + sum(t^2) + smooth)",
        soft_targets=False,
        paper="Milletari et al. 2016, arXiv:1606.04797 (squared)",
        notes=(
            "on targets between 0 and 1, as depth has them, the plain form is least at some map of zeros and ones,"
            " not at the target",
            "squared=true is sum((p - t)^2) / (sum(p^2) + sum(t^2) + smooth): 0 at any target, and more elsewhere",
        ),
    ),
)
def dice(
    logits: Tensor,
    truth: Truth,
    *,
    squared: Annotated[bool, "squares in the denominator"] = False,
    smooth: Smooth = 1.0,
) -> Tensor:
    if squared:
        p, t = logits.sigmoid(), truth.target
        return _sum((p - t).square(), truth) / (_sum(p.square() + t.square(), truth) + smooth)
    tp, fp, fn = _counts(logits, truth)
    return (fp + fn) / (2 * tp + fp + fn + smooth)


@register(
    "jaccard",
    LossCard(
        summary="one minus the intersection over the union",
        group="overlap",
        tasks=("mask",),
        range=UNIT,
        formula=f"1 - (tp + smooth) / (tp + fp + fn + smooth), {COUNTS}",
        soft_targets=False,
        paper="Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22",
    ),
    aliases=("iou",),
)
def jaccard(logits: Tensor, truth: Truth, *, smooth: Smooth = 1.0) -> Tensor:
    tp, fp, fn = _counts(logits, truth)
    return (fp + fn) / (tp + fp + fn + smooth)


@register(
    "tversky",
    LossCard(
        summary="overlap with separate weights for what is too much and what is missing",
        group="overlap",
        tasks=("mask",),
        range=UNIT,
        formula=f"1 - (tp + smooth) / (tp + alpha fp + beta fn + smooth), {COUNTS}",
        soft_targets=False,
        paper="Salehi et al. 2017, arXiv:1706.05721",
        notes=("alpha = beta = 0.5 is dice with half the smooth; alpha = beta = 1 is jaccard",),
    ),
)
def tversky(
    logits: Tensor,
    truth: Truth,
    *,
    alpha: Annotated[float, "weight of false positives; with 0, a full mask would cost nothing", ABOVE_0] = 0.3,
    beta: Annotated[float, "weight of false negatives; with 0, an empty mask would cost nothing", ABOVE_0] = 0.7,
    smooth: Smooth = 1.0,
) -> Tensor:
    tp, fp, fn = _counts(logits, truth)
    wrong = alpha * fp + beta * fn
    return wrong / (tp + wrong + smooth)


@register(
    "lovasz",
    LossCard(
        summary="the convex extension of the intersection over union, over each image's sorted errors",
        group="overlap",
        tasks=("mask",),
        formula="sum of the sorted errors, each times what it adds to 1 - IoU; error = max(0, 1 - z (2 t - 1)) for"
        " hinge, |p - t| for sigmoid, z the logit",
        soft_targets=False,
        paper="Berman et al. 2018, arXiv:1705.08790",
        notes=(
            "a target between 0 and 1 counts as object from 0.5 on",
            "on an empty mask only the worst pixel counts",
        ),
    ),
)
def lovasz(
    logits: Tensor,
    truth: Truth,
    *,
    errors: Annotated[Literal["hinge", "sigmoid"], "hinge, on the logits; sigmoid, on probabilities"] = "hinge",
) -> Tensor:
    valid = truth.valid > 0
    label = (truth.target >= 0.5) & valid
    t = label.to(logits.dtype)
    error = 1 - logits * (2 * t - 1) if errors == "hinge" else (logits.sigmoid() - t).abs()
    error = error.masked_fill(~valid, -1.0)  # sorts behind every error that counts
    error, order = error.flatten(1).sort(dim=1, descending=True)
    weights = _lovasz_weights(label.flatten(1).gather(1, order), logits.dtype)
    return (F.relu(error) * weights).sum(1)


def _lovasz_weights(label: Tensor, dtype: torch.dtype) -> Tensor:
    """How much 1 - IoU grows with each further wrong pixel, (b, n) bools -> (b, n); algorithm 1 of the paper.

    Counted in whole numbers: exact beyond 2^24 pixels, and in the same order of sums on every run of a GPU.
    """
    area = label.sum(1, keepdim=True)
    intersection, union = area - label.cumsum(1), area + (~label).cumsum(1)
    loss = 1 - intersection.to(dtype) / union.to(dtype)
    return torch.cat([loss[:, :1], loss.diff(dim=1)], 1)


def _counts(logits: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    """Valid true positives, false positives and false negatives, (b,) each."""
    p, q, t = logits.sigmoid(), (-logits).sigmoid(), truth.target
    return _sum(p * t, truth), _sum(p * (1 - t), truth), _sum(q * t, truth)


def _sum(values: Tensor, truth: Truth) -> Tensor:
    return (values * truth.valid).flatten(1).sum(1)
