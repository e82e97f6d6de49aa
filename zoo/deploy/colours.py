"""A colour map for depth, computed in Oklab so that equal steps of depth look equally far apart.

Near is yellow, then orange, red and violet; far is dark blue. Lightness alone tells the order, so the picture
means the same in grey, in print and to eyes that see few colours.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

STEPS = 256
LIGHTNESS = 0.95, 0.2  # of near and far, where 0 is black and 1 is white
HUE = 105.0, -90.0  # degrees: yellow, through red at 29, to blue at 264
COLOURFUL = 0.17  # chroma at most; less where sRGB has no such colour
TO_LMS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
)
TO_RGB = np.array(  # both matrices: Ottosson, A perceptual color space for image processing, 2020
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def coloured(depth: Tensor) -> Tensor:
    """Depth (1, h, w) in [0, 1], 0 nearest, as a picture, uint8 (3, h, w)."""
    return torch.from_numpy(colours())[(depth[0] * (STEPS - 1)).round().long()].permute(2, 0, 1)


@cache
def colours() -> np.ndarray:
    """uint8 (256, 3), nearest first: each as colourful as sRGB can show at its lightness and hue."""
    along = np.linspace(0, 1, STEPS)
    lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * along
    angle = np.radians(HUE[0] + (HUE[1] - HUE[0]) * along)
    low, high = np.zeros(STEPS), np.full(STEPS, COLOURFUL)
    for _ in range(20):  # halvings: a millionth of the chroma
        middle = (low + high) / 2
        rgb = _linear_rgb(lightness, middle, angle)
        shown = ((rgb >= 0) & (rgb <= 1)).all(1)
        low, high = np.where(shown, middle, low), np.where(shown, high, middle)
    rgb = _linear_rgb(lightness, low, angle).clip(0, 1)
    gamma = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)  # sRGB, IEC 61966-2-1
    return (gamma * 255).round().astype(np.uint8)


def _linear_rgb(lightness: np.ndarray, chroma: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(n, 3) of n colours in Oklab's polar form; outside [0, 1] where sRGB has none."""
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], 1)
    return (lab @ TO_LMS.T) ** 3 @ TO_RGB.T
