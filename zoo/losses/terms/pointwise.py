"""Losses that compare pixel with pixel and average."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from registry import ABOVE_0, BETWEEN, FROM_0, SHARE, Limit
from zoo.losses.catalog import LossCard, Truth, mean, register

UNIT = (0.0, 1.0)
SILOG_EPS = 1e-3


@register(
    "bce",
    LossCard(
        summary="binary cross entropy; for depth, the same with targets between 0 and 1",
        group="pointwise",
        formula="mean(-t log p - (1 - t) log(1 - p))",
        floor=None,
        notes=("at the target it is the target's own entropy: 0 where the target is 0 or 1, log 2 where it is 0.5",),
    ),
)
def bce(logits: Tensor, truth: Truth) -> Tensor:
    return mean(F.binary_cross_entropy_with_logits(logits, truth.target, reduction="none"), truth.valid)


@register(
    "focal",
    LossCard(
        summary="cross entropy with less weight on pixels that are right already",
        group="pointwise",
        tasks=("mask",),
        formula="mean(-alpha t (1 - p)^gamma log p - (1 - alpha) (1 - t) p^gamma log(1 - p))",
        soft_targets=False,
        paper="Lin et al. 2017, arXiv:1708.02002",
        notes=("a target between 0 and 1 counts as that share of object and the rest of background",),
    ),
)
def focal(
    logits: Tensor,
    truth: Truth,
    *,
    gamma: Annotated[float, "how fast the weight falls as a pixel comes right; 0: not at all", FROM_0] = 2.0,
    alpha: Annotated[float | None, "of object pixels, 1 - alpha of the others; None: 1 for both", BETWEEN] = 0.25,
) -> Tensor:
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)  # q = 1 - p, without a difference of near numbers
    on_object = -truth.target * (gamma * log_q).exp() * log_p
    elsewhere = -(1 - truth.target) * (gamma * log_p).exp() * log_q
    first, second = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return mean(first * on_object + second * elsewhere, truth.valid)


@register("l1", LossCard(summary="mean absolute error", group="pointwise", range=UNIT, formula="mean(|p - t|)"))
def l1(logits: Tensor, truth: Truth) -> Tensor:
    return mean(_error(logits, truth), truth.valid)


@register(
    "l2",
    LossCard(summary="mean squared error", group="pointwise", tasks=("depth",), range=UNIT, formula="mean((p - t)^2)"),
)
def l2(logits: Tensor, truth: Truth) -> Tensor:
    return mean(_error(logits, truth).square(), truth.valid)


@register(
    "rmse",
    LossCard(
        summary="root of the mean squared error of each image",
        group="pointwise",
        tasks=("depth",),
        range=UNIT,
        formula="sqrt(mean((p - t)^2))",
        notes=("the gradient at the target itself is 0",),
    ),
)
def rmse(logits: Tensor, truth: Truth) -> Tensor:
    error = (_error(logits, truth) * truth.valid).flatten(1)
    # vector_norm: the derivative of a square root at 0 is infinite, that of a norm is taken as 0
    return torch.linalg.vector_norm(error, dim=1) / truth.valid.flatten(1).sum(1).clamp(min=1).sqrt()


@register(
    "berhu",
    LossCard(
        summary="reverse Huber: absolute for small errors, squared for large ones",
        group="pointwise",
        tasks=("depth",),
        range=(0.0, 2.6),  # at the largest error of 1: (1 + c^2) / (2 c) with c = 0.2
        formula="mean(e where e <= c, else (e^2 + c^2) / (2 c)), e = |p - t|, c = threshold * max(e)",
        differentiable=False,
        paper="Laina et al. 2016, arXiv:1606.00373",
        notes=(
            "no gradient flows through c",
            "c comes from each image's own errors; the paper takes the batch's, so its values change with the batch",
        ),
    ),
)
def berhu(
    logits: Tensor,
    truth: Truth,
    *,
    threshold: Annotated[
        float, "c as a share of the image's largest error", Limit("a share, above 0 and up to 1", lambda c: 0 < c <= 1)
    ] = 0.2,
) -> Tensor:
    error = _error(logits, truth)
    c = threshold * (error * truth.valid).detach().amax((1, 2, 3), keepdim=True)  # (b, 1, 1, 1), 0 where all errors are
    squared = (error.square() + c.square()) / (2 * c.clamp(min=torch.finfo(c.dtype).tiny))
    return mean(torch.where(error <= c, error, squared), truth.valid)


@register(
    "huber",
    LossCard(
        summary="squared for small errors, absolute for large ones",
        group="pointwise",
        tasks=("depth",),
        range=(0.0, 0.095),  # delta (1 - delta / 2)
        formula="mean(e^2 / 2 where e <= delta, else delta (e - delta / 2)), e = |p - t|",
        paper="Huber 1964, doi:10.1214/aoms/1177703732",
        notes=("delta is 0.1, not the usual 1: errors of relative depth never exceed 1, so 1 would be l2 / 2",),
    ),
)
def huber(
    logits: Tensor,
    truth: Truth,
    *,
    delta: Annotated[float, "error at which the square becomes a line", ABOVE_0] = 0.1,
) -> Tensor:
    error = F.huber_loss(logits.sigmoid(), truth.target, reduction="none", delta=delta)
    return mean(error, truth.valid)


@register(
    "log_l1",
    LossCard(
        summary="logarithm of the absolute error: a large error counts less than in proportion",
        group="pointwise",
        tasks=("depth",),
        range=(0.0, math.log(3)),
        formula="mean(log(1 + |p - t| / alpha))",
        paper="Hu et al. 2019, arXiv:1803.08673",
        notes=("the paper's log(|p - t| + alpha) plus the constant -log(alpha), so that it is 0 at the target",),
    ),
)
def log_l1(
    logits: Tensor, truth: Truth, *, alpha: Annotated[float, "the error where its slope halves", ABOVE_0] = 0.5
) -> Tensor:
    return mean((_error(logits, truth) / alpha).log1p(), truth.valid)


@register(
    "silog",
    LossCard(
        summary="squared error of log depth, less a share of what one common factor explains",
        group="pointwise",
        tasks=("depth",),
        range=(0.0, math.log1p(1 / SILOG_EPS) ** 2),
        formula="mean(d^2) - focus mean(d)^2, d = log(p + eps) - log(t + eps)",
        paper="Eigen et al. 2014, arXiv:1406.2283",
        notes=(
            "on relative depth, which may be 0: eps is added to both (a clamp would have no gradient below eps)",
            "the factor it forgives is one of relative depth, not of metres",
            "with focus=1 a common factor costs nothing, as far as eps is small beside the depths",
        ),
    ),
)
def silog(
    logits: Tensor,
    truth: Truth,
    *,
    focus: Annotated[
        float, "lambda: 0 squared log error, 1 its variance; Eigen took 0.5, later work 0.85", SHARE
    ] = 0.5,
    eps: Annotated[float, "added to both depths before the logarithm", ABOVE_0] = SILOG_EPS,
) -> Tensor:
    d = (logits.sigmoid() + eps).log() - (truth.target + eps).log()
    common = mean(d, truth.valid)
    spread = mean((d - common[:, None, None, None]).square(), truth.valid)
    return spread + (1 - focus) * common.square()  # the formula without its difference of near numbers


def _error(logits: Tensor, truth: Truth) -> Tensor:
    return (logits.sigmoid() - truth.target).abs()
