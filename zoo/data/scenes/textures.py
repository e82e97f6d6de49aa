"""Procedural textures: families of patterns over a surface, mixed from three colours.

Every family maps a place (x, y in periods of the pattern, with the size of a pixel there) to a number in [0, 1], which
mixes two of the surface's colours; fine noise mixes in the third. Patterns fade to their mean where a pixel is larger
than they are, so that distance does not turn them into glitter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import AT_X, AT_Y, OF_SEED, Draw, lattice, scattered


@dataclass
class Materials:
    """One row per surface, (b, n) each; colours (b, n, 3)."""

    family: Tensor
    scale: Tensor  # periods per metre
    turn: Tensor  # radians
    seed: Tensor  # int32
    first: Tensor
    second: Tensor
    third: Tensor
    fine: Tensor  # how much of the third colour, at most

    @classmethod
    def draw(cls, draw: Draw, split: str, n: int, palette: Tensor, vary: float = 1.0) -> "Materials":
        """Colours come from the scene's palette (b, k, 3), a little off it; vary: how far a surface's own differ."""

        def colour() -> Tensor:
            picked = palette.gather(1, draw.choice(tuple(range(palette.shape[1])), n)[..., None].expand(-1, -1, 3))
            return (picked + 0.05 * draw.normal(n, 3)).clamp(0.02, 0.98)

        first = colour()
        return cls(
            family=draw.choice([FAMILIES.index(pattern) for pattern in SPLITS[split]], n),
            scale=torch.exp(draw.uniform(-0.5, 1.5, n)),
            turn=draw.uniform(-0.4, 0.4, n) + torch.where(draw.chance(0.3, n), torch.pi / 2, 0.0),
            seed=(draw.uniform(0, 1, n) * 2**30).int(),
            first=first,
            second=torch.lerp(first, colour(), draw.uniform(0.2, 1, n)[..., None] * vary),
            third=torch.lerp(first, colour(), 0.6 * vary) * draw.uniform(1 - 0.5 * vary, 1.1, n)[..., None],
            fine=draw.uniform(0.1, 0.7, n),
        )

    @classmethod
    def joined(cls, parts: "Sequence[Materials]") -> "Materials":
        """Of more scenes, one after the other."""
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})

    def dress(self, row: int, by: "Materials", source: tuple[Tensor, Tensor], where: Tensor) -> None:
        """Give one row, where told (b,), the look that other materials have at `source`: scene and row, (b,) each."""
        for name, other in vars(by).items():
            own = getattr(self, name)
            own[:, row] = torch.where(where.view(-1, *[1] * (own.dim() - 2)), other[source], own[:, row])


def paint(
    materials: Materials, row: Tensor, u: Tensor, v: Tensor, pixel: Tensor, families: "tuple[Pattern, ...]"
) -> Tensor:
    """Colours (3, n, ...) of places u, v in metres on surfaces, where a pixel has a size; (n, ...) each.

    row: of the table of all scenes' surfaces, (n, ...), or (n, 1) where the places of a line are on one surface.
    """
    scale, turn, fine, seed, family = (
        each.flatten()[None]
        for each in (materials.scale, materials.turn, materials.fine, materials.seed, materials.family.int())
    )
    cos, sin, scale, fine = taken(torch.cat([torch.cos(turn) * scale, torch.sin(turn) * scale, scale, fine]), row)
    seed, family = taken(torch.cat([seed, family]), row)
    x, y, size = (u * cos).sub_(v * sin), (u * sin).add_(v * cos), pixel * scale
    grain = noise(x * 3.1, y * 3.1, seed + 7, size * 3.1)
    mix = torch.full_like(x, 0.5)
    for pattern in families:
        here = (family.view(-1) == FAMILIES.index(pattern)).nonzero()[:, 0]
        found = pattern(*(each.index_select(0, here) for each in (x, y, seed, size, grain)))
        mix.scatter_(0, here.view(-1, *[1] * (mix.dim() - 1)).expand_as(found), found)
    first, second, third = (
        taken(each.flatten(0, 1).T.contiguous(), row) for each in (materials.first, materials.second, materials.third)
    )
    return torch.lerp(torch.lerp(first, second, mix), third, grain.mul_(fine))


def taken(table: Tensor, row: Tensor) -> Tensor:
    """table (c, n), rows (...) -> (c, ...)."""
    return table.index_select(1, row.view(-1)).view(len(table), *row.shape)


def noise(x: Tensor, y: Tensor, seed: Tensor, size: Tensor) -> Tensor:
    """Value noise with a period of 1, in [0, 1]; 0.5 where a pixel is larger than the period."""
    fx, fy = torch.floor(x), torch.floor(y)
    corner = fx.int().mul_(AT_X) + fy.int().mul_(AT_Y) + seed * OF_SEED  # the others follow by adding
    tx, ty = x - fx, y - fy
    tx, ty = (each * each * (3 - 2 * each) for each in (tx, ty))
    low = torch.lerp(scattered(corner.clone()), scattered(corner + AT_X), tx)
    corner.add_(AT_Y)
    high = torch.lerp(scattered(corner.clone()), scattered(corner.add_(AT_X)), tx)
    seen = (1.5 - 1.5 * size).clamp_(0, 1)
    return torch.lerp(low, high, ty).sub_(0.5).mul_(seen).add_(0.5)


def step(edge: Tensor, size: Tensor) -> Tensor:
    """0 below, 1 above, as soft as a pixel is large."""
    return (edge / (size + 0.06) + 0.5).clamp(0, 1)


def fade(pattern: Tensor, mean: float, size: Tensor) -> Tensor:
    """The pattern, or its mean where a pixel is larger than half a period."""
    return mean + (pattern - mean) * (2 - 4 * size).clamp(0, 1)


def clouds(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    broad = noise(x * 0.37, y * 0.37, seed, size * 0.37)
    return ((0.65 * broad + 0.35 * grain - 0.5) * 1.8 + 0.5).clamp(0, 1)


def plain(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    return 0.15 + 0.25 * noise(x * 0.2, y * 0.2, seed, size * 0.2)


def stripes(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    share = 0.2 + 0.3 * (seed % 97).float() / 97
    return fade(step(share - (x - torch.floor(x) - 0.5).abs(), size), 0.7, size)


def bricks(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    row = torch.floor(y * 2)
    along = x + 0.5 * (row - 2 * torch.floor(row / 2))
    column = torch.floor(along)
    edge = torch.minimum(0.5 - (along - column - 0.5).abs(), (0.5 - (y * 2 - row - 0.5).abs()) / 2) - 0.05
    each = 0.55 + 0.45 * lattice(column.int(), row.int(), seed)
    return fade(step(edge, size) * each, 0.65, size)


def foliage(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    leaves = noise(x * 5.3, y * 4.1, seed + 3, size * 5.3)
    return ((0.5 * leaves + 0.5 * grain - 0.5) * 3.2 + 0.5).clamp(0, 1)


def spots(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    fx, fy = torch.floor(x), torch.floor(y)
    radius = 0.15 + 0.28 * lattice(fx.int(), fy.int(), seed)
    away = ((x - fx - 0.5) ** 2 + (y - fy - 0.5) ** 2).sqrt()
    return fade(step(radius - away, size), 0.27, size)


def waves(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    bend = noise(x * 0.8, y * 0.8, seed, size * 0.8)
    return fade(0.5 + 0.5 * torch.sin(2 * torch.pi * (x + 1.2 * bend)), 0.5, size)


def planks(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    board = torch.floor(x * 2)
    gap = 0.5 - (x * 2 - board - 0.5).abs() - 0.04
    number = board.int()
    fibre = noise(x * 12, y * 0.9, seed + number, size * 4)
    wood = 0.45 + 0.35 * lattice(number, number * 0, seed) + 0.2 * fibre
    return fade(step(gap, 2 * size) * wood, 0.6, size)


def checks(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    columns, rows = (2 * step((value - torch.floor(value) - 0.5).abs() - 0.25, size) - 1 for value in (x, y))
    return fade(0.5 + 0.5 * columns * rows, 0.5, size)


def marble(x: Tensor, y: Tensor, seed: Tensor, size: Tensor, grain: Tensor) -> Tensor:
    bend = noise(x * 0.9, y * 0.9, seed, size * 0.9) + 0.5 * grain
    return (1 - torch.sin(torch.pi * (x * 0.6 + y * 0.3 + 2.2 * bend)).abs()) ** 3


Pattern = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
SPLITS: dict[str, tuple[Pattern, ...]] = {
    "train": (clouds, plain, stripes, bricks, foliage),
    "val": (spots, waves),
    "test": (planks, checks, marble),
}
FAMILIES = [*SPLITS["train"], *SPLITS["val"], *SPLITS["test"]]
