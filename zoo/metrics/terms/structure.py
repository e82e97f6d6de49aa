"""Structural similarity of depth maps (SSIM)."""

import torch
from torch import Tensor

from zoo.losses.blur import gaussian, slide
from zoo.metrics.catalog import Metric, MetricCard, image_mean, register
from zoo.metrics.maps import Maps, total

WINDOW, SIGMA = 11, 1.5  # pixels, as published
C1, C2 = 0.01**2, 0.03**2  # for values in [0, 1]


@register(
    "depth_ssim",
    MetricCard(
        summary="structural similarity",
        task="depth",
        range=(-1, 1),
        formula="mean of (2 m_p m_t + C1)(2 s_pt + C2) / ((m_p^2 + m_t^2 + C1)(s_p^2 + s_t^2 + C2)), Gaussian windows"
        " of 11 pixels, sigma 1.5, C1 = 0.01^2, C2 = 0.03^2",
        pooled="mean of the images",
        empty="none where no window is wholly inside the picture and valid",
        paper="Wang et al., 2004, Image Quality Assessment: From Error Visibility to Structural Similarity",
        notes=(
            "windows inside the picture, as published; some libraries count windows over a mirrored border too",
            "in pictures with a side under 11 pixels the window is the largest odd number that fits",
        ),
    ),
)
class SSIM(Metric):
    def sums(self, maps: Maps) -> Tensor:
        p, t = maps.p, maps.target
        size = min(WINDOW, *(side - (side + 1) % 2 for side in p.shape[1:]))
        taps, maps_of_both = gaussian(SIGMA, size // 2), torch.stack([p, t, p * p + t * t, p * t])
        blurred = slide(slide(maps_of_both, taps, -2), taps, -1)
        mean_p, mean_t, squares, product = blurred  # (b, h - size + 1, w - size + 1) each
        both, means = mean_p * mean_t, mean_p.square() + mean_t.square()
        likeness = (2 * both + C1) * (2 * (product - both) + C2) / ((means + C1) * (squares - means + C2))
        whole = ~any_inside(~maps.valid, size)
        count = total(whole)
        return image_mean(total(likeness * whole) / count.clamp(min=1), count > 0)


def any_inside(mask: Tensor, size: int) -> Tensor:
    """Windows with a pixel of the mask in them: (b, h, w) -> (b, h - size + 1, w - size + 1) bool."""
    for _ in range(2):
        length = 1
        while length < size:
            step = min(length, size - length)
            mask, length = mask[:, :-step] | mask[:, step:], length + step
        mask = mask.transpose(-1, -2)
    return mask
