"""Structural similarity, with one Gaussian window or several.

The moments of a window are weighted means over its valid pixels, so what stands at the others changes nothing, and
with all valid the map is kornia's own (tests compare them, border included).
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from zoo.losses.blur import Taps, blur, gaussian
from zoo.losses.catalog import LossCard, Truth, mean, register

C1, C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for values in [0, 1]
SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)  # Zhao et al. 2017
WIDEST = 16  # pixels: the radius of the widest window, 2 * SIGMAS[-1]
NO_WEIGHT = 1e-6  # a window with less valid weight than this lies around an invalid pixel, which is not counted


@register(
    "ssim",
    LossCard(
        summary="structural dissimilarity under a sliding Gaussian window (sigma 1.5)",
        group="structure",
        range=(0, 1),
        formula="mean((1 - ssim(p, t)) / 2)",
        paper="Wang et al. 2004, Image quality assessment: from error visibility to structural similarity",
        origin="kornia.losses.ssim_loss gives the same map",
        notes=("Moments are taken over a window's valid pixels; only windows around a valid pixel are counted.",),
    ),
)
def ssim(
    logits: Tensor, truth: Truth, *, window: Annotated[Literal[3, 5, 7, 9, 11], "taps a side; sigma stays 1.5"] = 11
) -> Tensor:
    maps = _maps(logits, truth)
    luminance, structure = _similar(*_moments(maps, gaussian(1.5, window // 2)))
    return mean(((1 - luminance * structure) / 2).clamp(0, 1), truth.valid)


@register(
    "ms_ssim",
    LossCard(
        summary="structural dissimilarity under five Gaussian windows at full resolution (sigma 0.5 to 8)",
        group="structure",
        range=(0, 2),
        formula="mean(1 - luminance_8(p, t) * product of structure_s(p, t) over s = 0.5, 1, 2, 4, 8)",
        paper="Zhao et al. 2017, Loss functions for image restoration with neural networks",
        origin="kornia.losses.MS_SSIMLoss with alpha=1, compensation=1, away from its zero border",
        notes=(
            "kornia's default is 200 * (0.025 * this + 0.975 * blurred L1), about 60 on noise; add l1 by name instead.",
            "No pyramid, so any size will do; the border is reflected, as in ssim.",
            "Far from the target the product of six factors has little slope: name it beside l1 or ssim.",
        ),
    ),
)
def ms_ssim(logits: Tensor, truth: Truth) -> Tensor:
    maps = _maps(logits, truth)
    similarity = torch.ones_like(logits)
    for sigma in SIGMAS:
        radius = min(WIDEST, int(5 * sigma))  # pixels; beyond 5 sigma the taps are below a float's rounding
        luminance, structure = _similar(*_moments(maps, gaussian(sigma, radius)))
        similarity = similarity * structure
    return mean(1 - luminance * similarity, truth.valid)  # the luminance of the widest window


def _maps(logits: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
    """What is blurred: (p, p^2 + t^2, p t) with a gradient and (t, valid) without; 0 at invalid pixels."""
    known = truth.valid > 0
    p = torch.where(known, logits.sigmoid(), 0)
    t = torch.where(known, truth.target, 0)
    return torch.cat([p, p * p + t * t, p * t], 1), torch.cat([t, truth.valid], 1)


def _moments(maps: tuple[Tensor, Tensor], taps: Taps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The windows' weighted means of p, t, p^2 + t^2 and p t, (b, 1, h, w) each."""
    t, weight = blur(maps[1], taps).chunk(2, 1)
    share = 1 / weight.clamp(min=NO_WEIGHT)
    p, squares, product = (blur(maps[0], taps) * share).chunk(3, 1)
    return p, t * share, squares, product


def _similar(p: Tensor, t: Tensor, squares: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
    """The two factors of SSIM, (b, 1, h, w) each: likeness of the means, and of contrast and structure."""
    means = p * p + t * t
    both = p * t
    return (2 * both + C1) / (means + C1), (2 * (product - both) + C2) / (squares - means + C2)
