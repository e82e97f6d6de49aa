"""Textures that are computed, for objects where there are no other photos to cut them from."""

import numpy as np
import torch

from zoo.data.collage.library import Library
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.textures import SPLITS, Materials, paint

COUNT, SIDE = 64, 128
METRES = 2.0  # from side to side, in which a pattern repeats 1 to 9 times
COLOURS = 6  # of each texture's palette


@torch.no_grad()
def painted(split: str) -> Library:
    """Surfaces of the families of patterns that belong to a split, in any colours."""
    draw = Draw(f"collage textures {split}", np.arange(COUNT))
    materials = Materials.draw(draw, split, 1, draw.uniform(0.02, 0.98, COLOURS, 3))
    at = (torch.arange(SIDE) + 0.5) * (METRES / SIDE)
    u, v = at.expand(COUNT, SIDE, SIDE), at[:, None].expand(COUNT, SIDE, SIDE)
    u, v = u.flatten(1), v.flatten(1)  # one surface each
    colours = paint(materials, torch.arange(COUNT)[:, None], u, v, torch.full_like(u, METRES / SIDE), SPLITS[split])
    pixels = (colours.view(3, COUNT, SIDE, SIDE).clamp(0, 1) * 255).round().to(torch.uint8)
    photos = pixels.transpose(0, 1).contiguous()
    return Library(tuple(f"{split} {number}" for number in range(COUNT)), photos, torch.ones(COUNT))
