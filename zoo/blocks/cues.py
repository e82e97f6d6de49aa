"""Cues of a pair that are computed, not learned: further channels beside the two images.

aligned    the plate registered first; where it has no pixels, and how badly the photo is explained
tolerant   the least difference to any plate pixel a little away, at three strides: bears parallax and leaves
signed     what became brighter and what darker, the ratio to the plate, the difference of slopes: bears light

Two equal images give 0 in every channel.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.blocks.registration import register_plate, shrunk
from zoo.blocks.upsample import resize
from zoo.blocks.window import around, shifts
from zoo.precision import no_autocast

STRIDES = (2, 4, 8)
REACH = 2  # pixels of a stride, to each side
DARK = 0.05  # added before a ratio is taken, of images in [0, 1]
SPREAD = 0.03  # added to the local deviation of colours


def with_cues(names: tuple[str, ...], bg: Tensor, fg_bg: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The plate, registered if it is asked for, and the cues' channels, (b, k, h, w) each."""
    found: list[Tensor] = []
    with no_autocast(bg.device):  # normal equations need all the digits
        plate, photo = bg.detach().float(), fg_bg.detach().float()
        if "aligned" in names:
            plate, valid, confidence = register_plate(plate, photo)
            found.append(torch.cat([1 - valid, 1 - confidence], 1))
        found += [CUES[name][0](plate, photo) for name in names if name in CUES]
    return plate.to(bg.dtype), [cue.to(bg.dtype) for cue in found]


def channels(names: tuple[str, ...], image_ch: int) -> int:
    """Of all cues together."""
    return sum(CUES[name][1](image_ch) if name in CUES else 2 for name in names)


def tolerant(plate: Tensor, photo: Tensor) -> Tensor:
    """(b, 2 * strides, h, w): at each stride the least difference of colours, and of locally normalised ones."""
    maps = []
    for stride in STRIDES:
        p, q = (F.avg_pool2d(image, stride, ceil_mode=True, count_include_pad=False) for image in (plate, photo))
        for a, b in ((p, q), (_normalised(p), _normalised(q))):
            maps.append(resize(least_difference(a, b), photo, aligned=False))
    return torch.cat(maps, 1)


def least_difference(plate: Tensor, photo: Tensor) -> Tensor:
    """(b, 1, h, w): the mean over channels and 3 x 3 pixels of |photo - plate|, at the shift where it is least."""
    rows = [around((photo[:, :, None] - row).abs().mean(1), 1).amin(1, keepdim=True) for row in shifts(plate, REACH)]
    return torch.cat(rows, 1).amin(1, keepdim=True)


def _normalised(image: Tensor) -> Tensor:
    """Colours less their mean around each pixel, over their deviation there: the light is gone."""
    mean = around(image, REACH)
    spread = (around(image * image, REACH) - mean * mean).clamp(min=0).mean(1, keepdim=True).sqrt()
    return (image - mean) / (spread + SPREAD) / 4


def signed(plate: Tensor, photo: Tensor) -> Tensor:
    """(b, 3 c + 1, h, w): brighter, darker, log ratio without what is common to the whole photo, slopes."""
    change = photo - plate
    ratio = ((photo.clamp(min=0) + DARK) / (plate.clamp(min=0) + DARK)).log()
    common = shrunk(ratio).flatten(2).mean(2)[..., None, None]
    return torch.cat([change.relu(), (-change).relu(), ratio - common, _slopes(photo) - _slopes(plate)], 1)


def _slopes(image: Tensor) -> Tensor:
    """(b, 1, h, w): how much the image changes to the right and down."""
    wide = F.pad(image, (0, 1, 0, 1), mode="replicate")
    here = wide[..., :-1, :-1]
    return ((wide[..., :-1, 1:] - here).abs() + (wide[..., 1:, :-1] - here).abs()).mean(1, keepdim=True)


CUES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[int], int]]] = {
    "tolerant": (tolerant, lambda _: 2 * len(STRIDES)),
    "signed": (signed, lambda image_ch: 3 * image_ch + 1),
}
