"""A plate registered on the whole picture, and parts of it as the photo sees them.

What is found does not depend on the size of the images, so it is found on small ones; each part costs what it shows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.blocks.registration import Registered, Registration, positions, registered_as, registration, sources
from zoo.blocks.window import around
from zoo.data.files.images import resize
from zoo.model import unwrapped
from zoo.precision import no_autocast

SIDE = 512  # pixels at most along each side, from which a motion is found: eight for each of the small square's


class Part(NamedTuple):
    """A picture's rows from top to bottom and columns from left to right, the last not included."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, image: Tensor) -> Tensor:
        """(c, h, w) or (b, c, h, w)."""
        return image[..., self.top : self.bottom, self.left : self.right]


def unit(image: Tensor) -> Tensor:
    """Floats in [0, 1]."""
    return image / 255 if image.dtype == torch.uint8 else image


def registers(model: nn.Module) -> bool:
    """Whether the network registers the plate itself."""
    return "aligned" in getattr(unwrapped(model), "additions", ())


def register_whole(plate: Tensor, photo: Tensor) -> Registration:
    """Of two pictures (c, h, w) of any size."""
    size = min(SIDE, plate.shape[-2]), min(SIDE, plate.shape[-1])
    with torch.no_grad(), no_autocast(torch.device("cpu")):
        return registration(*(unit(resize(image, size))[None].float() for image in (plate, photo)))


def registered_part(plate: Tensor, found: Registration, part: Part) -> Registered:
    """A part of the plate (c, h, w) as the photo sees it, (1, c, ...): what registering the whole gives there."""
    h, w = plate.shape[-2:]
    grid, valid, confidence = _seen(found, (h, w), part)
    x, y = ((grid[..., axis] + 1) * (side / 2) - 0.5 for axis, side in ((0, w), (1, h)))
    x, y = x.clamp(0, w - 1), y.clamp(0, h - 1)
    left, top = int(x.min()), int(y.min())
    right, bottom = min(int(x.max()) + 2, w), min(int(y.max()) + 2, h)
    pixels = unit(plate[:, top:bottom, left:right])[None].float()
    here = torch.stack([(x - left + 0.5) * (2 / (right - left)) - 1, (y - top + 0.5) * (2 / (bottom - top)) - 1], -1)
    moved = F.grid_sample(pixels, here, mode="bilinear", padding_mode="border", align_corners=False)
    return Registered(found.gain * moved + found.offset, valid, confidence)


def _seen(found: Registration, size: tuple[int, int], part: Part) -> tuple[Tensor, Tensor, Tensor]:
    """Of a part of a photo of a size: where its pixels are in the plate, which the plate has, and the confidence."""
    every_x, every_y = positions(torch.empty(1).expand(size))
    x, y = every_x[:, part.left : part.right], every_y[part.top : part.bottom]
    grid, valid = sources(found.motion, x, y)
    own = torch.stack([x.expand(len(y), -1), y.expand(-1, x.shape[1])], -1)[None]
    confidence = F.grid_sample(around(found.explained, 2), own, padding_mode="border", align_corners=False)
    return grid, valid, confidence


@contextmanager
def knowing(found: Registered | None, device: torch.device) -> Iterator[None]:
    """Within the block, the network uses this registration of its plate; None: it registers the plate itself."""
    if found is None:
        yield
        return
    with registered_as(Registered(*(value.to(device) for value in found))):
        yield
