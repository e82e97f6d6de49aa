"""What one frame passes to the next: the place of the plate, the mask, and the empty scene as it looks now.

All of it is kept at the size at which the network works, so it takes the same memory after an hour as at the beginning.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.blocks.registration import Registered, Registration, registration, warp
from zoo.blocks.window import around
from zoo.contract import Prediction
from zoo.deploy.answer import answer
from zoo.deploy.memory import place_of
from zoo.deploy.tiling.plates import Part, knowing, registered_part

SAME = 0.02  # of [0, 1]: how far a pixel's colour moves by noise alone
KEPT = 0.8  # of the mask before, where the photo did not change
FREE = 0.1  # probability below which nothing stands
LEARNT = 0.05  # of a frame, that goes into the plate
NEAR = 9  # pixels around an object that the plate does not learn from


@dataclass
class Flicker:
    """The mean change of the mask, from frame to frame, where the photo did not change."""

    total: float = 0.0
    pixels: float = 0.0

    def add(self, mask: Tensor, before: Tensor, still: Tensor) -> None:
        self.total += float(((mask - before).abs() * still).sum())
        self.pixels += float(still.sum())

    @property
    def mean(self) -> float:
        return self.total / max(self.pixels, 1.0)


@dataclass
class Before:
    """Of the frame before: its picture (1, c, h, w), both masks (1, 1, h, w), and how the plate lay in it."""

    photo: Tensor
    raw: Tensor
    mask: Tensor
    motion: Tensor


class Following:
    """A network that follows one scene. plate: (c, h, w) in [0, 1] at the network's size; None: it takes none."""

    def __init__(self, model: nn.Module, plate: Tensor | None, *, precision: str, smooth: bool, update: bool):
        self.model, self.plate, self.precision = model, plate, precision
        self.smooth, self.update = smooth, update
        self.before: Before | None = None
        self.raw, self.smoothed = Flicker(), Flicker()

    @torch.no_grad()
    def __call__(self, photo: Tensor) -> Prediction:
        """Probabilities and depths (1, h, w) of the next frame (c, h, w) in [0, 1], on the CPU."""
        found = None if self.plate is None else registration(self.plate[None], photo[None])
        logits = self._logits(photo, found)
        mask, depth = (None if x is None else x.sigmoid().cpu() for x in logits)
        if mask is None:
            return Prediction(None, depth)
        still = torch.eye(3)[None] if found is None else found.motion
        steady = self._steadied(photo[None], mask[None], still)
        if self.update and self.plate is not None and found is not None:
            self.plate = updated(self.plate, photo, steady, found)
        return Prediction(steady[0], depth)

    def _logits(self, photo: Tensor, found: Registration | None) -> Prediction:
        if found is None or self.plate is None:
            return answer(self.model, [photo], self.precision)
        h, w = photo.shape[-2:]
        known: Registered = registered_part(self.plate, found, Part(0, h, 0, w))
        with knowing(known, place_of(self.model).device):
            return answer(self.model, [known.plate[0], photo], self.precision)

    def _steadied(self, photo: Tensor, mask: Tensor, motion: Tensor) -> Tensor:
        """The mask (1, 1, h, w), which keeps to that before where the photo did not change."""
        steady = mask
        if self.before is not None and self.before.photo.shape == photo.shape:
            between = torch.linalg.solve_ex(self.before.motion, motion)[0]  # from positions here to those before
            (was, valid), (raw, _), (old, _) = (
                warp(x, between) for x in (self.before.photo, self.before.raw, self.before.mask)
            )
            change = around(photo - was, 1).abs().mean(1, keepdim=True)  # noise has no mean
            same = valid * torch.exp(-((change / SAME) ** 2))
            if self.smooth:
                steady = mask + KEPT * same * (old - mask)
            still = valid * (change < SAME)
            self.raw.add(mask, raw, still)
            self.smoothed.add(steady, old, still)
        self.before = Before(photo, mask, steady, motion)
        return steady


def updated(plate: Tensor, photo: Tensor, mask: Tensor, found: Registration) -> Tensor:
    """The plate (c, h, w), a little more like the photo where nothing stands in it, in the light that it has."""
    back = torch.linalg.inv_ex(found.motion)[0]
    stands = F.max_pool2d(mask, 2 * NEAR + 1, 1, NEAR)
    unlit = (photo[None] - found.offset) / found.gain.clamp(min=0.1)
    scene, valid = warp(unlit, back)
    taken, _ = warp((stands > FREE).to(mask.dtype), back)
    rate = LEARNT * valid * (taken == 0)
    return (plate + rate[0] * (scene[0] - plate)).clamp(0, 1)
