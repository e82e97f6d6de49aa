"""Scene layouts: ground, walls, ceiling, boxes and cylinders, and which of them a split may see.

A layout is written as tables, one row per solid, so that all scenes of a batch are traced together whatever they hold.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw

LAYOUTS = {
    "train": ("street", "room", "yard", "field"),
    "val": ("corner",),
    "test": ("hall", "alley"),
}
KINDS = ("street", "room", "yard", "field", "corner", "hall", "alley")
WALLS, BOXES, CYLINDERS = 3, 4, 4
GROUND, CEILING, WALL, BOX, CYLINDER, SKY = 0, 1, 2, 2 + WALLS, 2 + WALLS + BOXES, 2 + WALLS + BOXES + CYLINDERS
SURFACES = SKY + 1
FAR = 60.0  # metres; beyond, everything is sky


@dataclass
class Layout:
    """Tables of solids; one with no size is not there."""

    kind: Tensor  # (b,) index into KINDS
    ceiling: Tensor  # (b,) metres, infinite where there is sky
    walls: Tensor  # (b, WALLS, 3) angle of the normal, radians about the vertical, 0 faces the camera; metres from the
    # camera along the normal, infinite: none; height
    boxes: Tensor  # (b, BOXES, 6) centre x, z; half sizes x, y, z; turn, radians
    cylinders: Tensor  # (b, CYLINDERS, 4) centre x, z; radius; height
    depth_range: Tensor  # (b, 2) metres in which objects may stand
    half_width: Tensor  # (b,) metres to each side in which objects may stand

    @classmethod
    def draw(cls, draw: Draw, split: str) -> "Layout":
        kind = draw.choice([KINDS.index(name) for name in LAYOUTS[split]])
        is_any = partial(_is_any, kind)
        roofed = is_any("room", "hall")
        ceiling = torch.where(roofed, draw.uniform(2.6, 4.2), torch.inf)
        back = draw.uniform(6, 14) * torch.where(is_any("alley", "hall"), 1.7, 1.0)
        side = torch.where(is_any("street"), draw.uniform(3.5, 6), draw.uniform(2.4, 4))
        side = torch.where(is_any("alley"), draw.uniform(1.6, 2.4), side)
        walls = _walls(draw, is_any, back, side)
        height = torch.where(roofed[:, None], 10.0, draw.uniform(1.6, 7, WALLS))
        height = torch.where(is_any("street", "alley")[:, None], height + 3, height)
        boxes, cylinders = _boxes(draw, is_any, side), _cylinders(draw, is_any, side)
        turn = draw.uniform(-0.8, 0.8, BOXES)
        tall = torch.where(roofed[:, None], 10.0, draw.uniform(0.6, 5, CYLINDERS))
        return cls(
            kind=kind,
            ceiling=ceiling,
            walls=torch.cat([walls, height[..., None]], 2),
            boxes=torch.cat([boxes, turn[..., None]], 2),
            cylinders=torch.cat([cylinders, tall[..., None]], 2),
            depth_range=torch.stack([torch.full_like(back, 2.2), (back * 0.6).clamp(3.6, 6)], 1),
            half_width=side * 0.62,
        )


def _is_any(kind: Tensor, *names: str) -> Tensor:
    """Which scenes are of some kinds, (b,) booleans."""
    return torch.isin(kind, torch.tensor([KINDS.index(name) for name in names], device=kind.device))


def _walls(draw: Draw, is_any: "partial[Tensor]", back: Tensor, side: Tensor) -> Tensor:
    """Angles and distances of the walls, (b, WALLS, 2): at the back (or in a corner), right and left."""
    lean, oblique, quarter = draw.uniform(-0.12, 0.12), draw.uniform(0.6, 0.95), torch.pi / 2
    corner, has_back = is_any("corner"), is_any("room", "yard", "hall", "corner")
    has_sides = is_any("street", "room", "alley", "hall")
    angle = [
        torch.where(corner, oblique, lean),
        torch.where(corner, oblique - quarter, quarter + lean / 2),
        lean / 2 - quarter,
    ]
    away = [
        torch.where(has_back, torch.where(corner, back * 0.7, back), torch.inf),
        torch.where(has_sides, side, torch.where(corner, back * 0.7, torch.inf)),
        torch.where(has_sides, side * draw.uniform(0.8, 1.3), torch.inf),
    ]
    return torch.stack([torch.stack(angle, 1), torch.stack(away, 1)], 2)


def _boxes(draw: Draw, is_any: "partial[Tensor]", side: Tensor) -> Tensor:
    """Where boxes stand and half their sizes, (b, BOXES, 5)."""
    there = draw.uniform(0, 1, BOXES) < torch.where(is_any("field", "yard", "street"), 0.75, 0.5)[:, None]
    half = [draw.uniform(0.2, 1.1, BOXES), draw.uniform(0.15, 1.2, BOXES), draw.uniform(0.2, 0.9, BOXES)]
    centre = [draw.uniform(-1, 1, BOXES) * side.clamp(max=5)[:, None] * 1.1, draw.uniform(4.5, 13, BOXES)]
    return torch.stack([*centre, *(size * there for size in half)], 2)


def _cylinders(draw: Draw, is_any: "partial[Tensor]", side: Tensor) -> Tensor:
    """Where cylinders stand and their radii, (b, CYLINDERS, 3); a hall's stand in two rows."""
    pillars = is_any("hall")[:, None]
    there = (draw.uniform(0, 1, CYLINDERS) < torch.where(is_any("field"), 0.8, 0.35)[:, None]) | pillars
    radius = draw.uniform(0.06, 0.3, CYLINDERS)
    rows = torch.tensor([[-1.0, 5.0], [1.0, 5.0], [-1.0, 9.0], [1.0, 9.0]], device=draw.device)
    rows = rows * torch.stack([side * 0.75, torch.ones_like(side)], 1)[:, None]
    free = [draw.uniform(-1, 1, CYLINDERS) * side.clamp(max=5)[:, None], draw.uniform(4, 14, CYLINDERS)]
    centre = torch.where(pillars[..., None], rows, torch.stack(free, 2))
    return torch.cat([centre, (radius * there)[..., None]], 2)
