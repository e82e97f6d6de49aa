"""Pixels that may see a thing, in lines of sixteen: what is known of the thing is looked up once for each line."""

from dataclasses import dataclass

import torch
from torch import Tensor

LINE = 16


@dataclass
class Lines:
    """n lines of pixels, sorted by thing; a pixel may come twice in the lines of one thing."""

    at: Tensor  # (n, LINE) places in the flattened (b, h, w)
    thing: Tensor  # (n,)
    scene: Tensor  # (n,)
    anew: Tensor  # (n, LINE) booleans: not there before

    def picked(self, which: Tensor) -> "Lines":
        """Some of the lines, by number."""
        return Lines(*(each.index_select(0, which) for each in vars(self).values()))

    def places(self, channel: int, pixels: int) -> Tensor:
        """Where a channel of theirs stands in the flattened (b, 3, h, w) of so many pixels each, (n * LINE,)."""
        return (self.at + ((2 * self.scene + channel) * pixels)[:, None]).view(-1)

    @classmethod
    def around(cls, corners: Tensor, scene: Tensor, size: tuple[int, int]) -> "Lines":
        """All pixels of the box around each thing's corners, columns and rows (2, t, k); scene (t,), -1: not there."""
        h, w = size
        first, end = (corners.amin(2).floor() - 1).clamp(min=0), (corners.amax(2).ceil() + 2).clamp(min=0)
        left, right = (each[0].clamp(max=w).long() for each in (first, end))
        top, bottom = (each[1].clamp(max=h).long() for each in (first, end))
        across = (right - left + LINE - 1) // LINE
        thing, number = _numbered(across * (bottom - top) * (scene >= 0))
        left, top, across, scene = torch.stack([left, top, across, scene]).index_select(1, thing)
        down = number // across
        x = (left + (number - down * across) * LINE)[:, None] + torch.arange(LINE, device=corners.device)
        at = (((scene * h + top + down) * w)[:, None] + x).sub_((x - (w - 1)).clamp_(min=0))
        return cls(at, thing, scene, x < w)

    @classmethod
    def of(cls, seen: Tensor, scene: Tensor) -> "Lines":
        """The pixels (t, h, w) that see each thing; scene (t,)."""
        pixels = seen[:1].numel()
        flat = seen.view(-1).nonzero()[:, 0]
        ends = torch.searchsorted(flat, torch.arange(len(seen) + 1, device=seen.device) * pixels)
        thing, number = _numbered((ends.diff() + LINE - 1) // LINE)
        start, end, scene = torch.stack([ends[:-1], ends[1:], scene]).index_select(1, thing)
        place = (start + number * LINE)[:, None] + torch.arange(LINE, device=seen.device)
        at = flat.take(torch.minimum(place, end[:, None] - 1)) + ((scene - thing) * pixels)[:, None]
        return cls(at, thing, scene, place < end[:, None])


def _numbered(count: Tensor) -> tuple[Tensor, Tensor]:
    """For each of count (t,) lines of every thing: its thing, and its number among that thing's lines."""
    thing = torch.arange(len(count), device=count.device).repeat_interleave(count)
    number = torch.arange(len(thing), device=count.device) - (count.cumsum(0) - count).index_select(0, thing)
    return thing, number
