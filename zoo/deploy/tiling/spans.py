"""Where tiles lie along a side, and the weights with which they are blended.

A tile's border, MARGIN pixels wide, counts nothing: there the network saw padding. Beside it the weight rises over
RAMP pixels while that of the tile before falls. Two answers that contradict each other, 0 and 1, so differ by 1 / RAMP
from pixel to pixel and no more: a seam stays below 0.01 whatever the tiles say.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

MARGIN, RAMP = 32, 128  # pixels
OVERLAP = 2 * MARGIN + RAMP
STEP = 32  # pixels that tiles begin at multiples of: a network that halves five times then sees what it sees untiled
SMALLEST_TILE = 384  # pixels; below, there is little beside the overlap


class Span(NamedTuple):
    """A tile's pixels from start to end along a side; its weight rises at `rise` and falls at `fall`, where they are
    not None."""

    start: int
    end: int
    rise: int | None
    fall: int | None

    @property
    def kept(self) -> tuple[int, int]:
        """First and last, not included, of the pixels that it has a weight for."""
        return self.start if self.rise is None else self.rise, self.end if self.fall is None else self.fall + RAMP

    def weight(self) -> Tensor:
        """(n,) of the pixels that are kept."""
        first, last = self.kept
        pixel = torch.arange(first, last) + 0.5
        weight = torch.ones_like(pixel) if self.rise is None else ((pixel - self.rise) / RAMP).clamp(0, 1)
        return weight if self.fall is None else weight - ((pixel - self.fall) / RAMP).clamp(0, 1)


def spans(length: int, side: int) -> list[Span]:
    """Tiles of `side` pixels, a multiple of STEP, over a length; their weights sum to 1 at every pixel.

    >>> [tuple(span) for span in spans(900, 512)]
    [(0, 512, None, 352), (320, 832, 352, 672), (384, 900, 672, None)]
    """
    stride = (side - OVERLAP) // STEP * STEP
    if length < side + STEP:
        return [Span(0, length, None, None)]
    count = -(-(length - side) // stride) + 1
    rises = [None, *(i * stride + MARGIN for i in range(1, count)), None]
    found = [Span(i * stride, i * stride + side, rises[i], rises[i + 1]) for i in range(count)]
    start = (length - side) // STEP * STEP  # the last one has as much around it as the others
    return [*found[:-1], Span(start, length, rises[-2], None)]


def sizes(photo: Sequence[int], coarse: Sequence[int], most: float = 4.0) -> list[tuple[int, int]]:
    """From the look at the whole to the photo's own size (h, w), each at most so many times as long as the one before.

    >>> sizes((2160, 3840), (224, 224)), sizes((200, 240), (224, 224))
    ([(224, 224), (602, 1071), (2160, 3840)], [(224, 224)])
    """
    (h, w), (coarse_h, coarse_w) = photo, coarse
    times = (h * w / (coarse_h * coarse_w)) ** 0.5
    if times <= 1:
        return [(coarse_h, coarse_w)]
    count = 1
    while most**count < times:
        count += 1
    between = [times ** (i / count - 1) for i in range(1, count)]
    return [(coarse_h, coarse_w), *((round(h * part), round(w * part)) for part in between), (h, w)]
