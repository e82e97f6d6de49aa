"""Textures, computed once for a split and looked up ever after: tiles that repeat, with what they look like far away.

A tile has three channels: what mixes a material's two colours, how bright it is, and how much of it is glass or glows.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.scenes.draw import Draw

TILE, LEVELS = 128, 5  # texels of a side; sizes of it, each half of the one before
EDGE = TILE + 2  # a texel of the other side goes around, so that tiles repeat without a seam
WIDE = EDGE + TILE // 2 + 2
STAIN, CLOUDS, PANES, CROWN = range(4)  # tiles that every split has
SHARED, VARIANTS = 4, 3
Maps = tuple[Tensor, Tensor, Tensor | None]  # mix 0 to 1, brightness about 1, glow 0 to 1; (TILE, TILE) each


def field(key: int, power: float, across: float = 1.0) -> Tensor:
    """Noise with a spectrum of 1 / f ** power, mean 0, deviation 1; across: how much it is drawn out in y."""
    white = Draw("wild texture", np.array([key])).normal(TILE, TILE)[0].double()
    rate = torch.fft.fftfreq(TILE, 1 / TILE, dtype=torch.float64)
    radius = torch.hypot(rate[None], rate[:, None] * across)
    radius[0, 0] = torch.inf
    found = torch.fft.ifft2(torch.fft.fft2(white) * radius.clamp(min=1) ** -power).real
    return ((found - found.mean()) / found.std()).float()


def cells(key: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Stones: how far each place is from the nearest gap, 0 to 1; a number for its stone; places over its middle, y."""
    draw = Draw("wild cells", np.array([key]))
    points, values = draw.uniform(0, 1, n, 2)[0], draw.uniform(0, 1, n)[0]
    x, y = places()
    bend = 0.02 * field(key + 5, 1.5)
    dx = (x + bend)[..., None] - points[:, 0]
    dy = (y + bend)[..., None] - points[:, 1]
    dx, dy = dx - dx.round(), dy - dy.round()
    two, which = torch.hypot(dx, dy).topk(2, dim=-1, largest=False)
    up = dy.gather(2, which[..., :1])[..., 0] * math.sqrt(n)
    return ((two[..., 1] - two[..., 0]) * math.sqrt(n)).clamp(0, 1), values[which[..., 0]], up


def places() -> tuple[Tensor, Tensor]:
    """x and y of texels, from 0 to 1."""
    at = (torch.arange(TILE) + 0.5) / TILE
    return at[None].expand(TILE, TILE), at[:, None].expand(TILE, TILE)


def unit(values: Tensor, contrast: float = 0.25) -> Tensor:
    return (0.5 + contrast * values).clamp(0, 1)


def pieces(key: int, across: int, rows: int, shifted: float) -> tuple[Tensor, Tensor, Tensor]:
    """Bricks, boards, tiles: how far from the gap in shares of a row; a number for each; how far along it."""
    x, y = places()
    row = torch.floor(y * rows)
    along = x * across + shifted * row
    column = torch.floor(along).remainder(across)
    numbers = Draw("wild pieces", np.array([key])).uniform(0, 1, rows * across)[0]
    fx, fy = along - torch.floor(along), y * rows - row
    gap = torch.minimum(torch.minimum(fx, 1 - fx) * rows / across, torch.minimum(fy, 1 - fy))
    return gap, numbers[(row * across + column).long()], fx


def plaster(key: int) -> Maps:
    return unit(field(key, 1.3), 0.32), 1 + 0.14 * field(key + 1, 0.7), None


def gravel(key: int) -> Maps:
    edge, number, up = cells(key, 150)
    return number, (0.45 + 0.6 * (edge * 2.5).clamp(0, 1)) * (1 - 0.3 * up.clamp(-1, 1)), None


def grass(key: int) -> Maps:
    blades = field(key, 0.6, 0.8)
    return unit(0.6 * field(key + 1, 1.2) + 0.5 * blades), (1 + 0.42 * blades).clamp(0.2, 2.2), None


def bricks(key: int) -> Maps:
    gap, number, _ = pieces(key, 4, 10, 0.5)
    body = (gap * 9 - 0.6).clamp(0, 1)
    rough = 1 + 0.16 * field(key, 0.8)
    return (number * 0.5 * body + (1 - body)).clamp(0, 1), (0.75 + 0.3 * body * (0.6 + 0.6 * number)) * rough, None


def cloth(key: int) -> Maps:
    x, y = places()
    draw = Draw("wild cloth", np.array([key]))
    edges, colours = draw.uniform(0, 1, 9)[0].sort().values, draw.uniform(0, 1, 10)[0]
    bands = colours[torch.bucketize(x.contiguous(), edges)]
    weave = torch.sin(2 * torch.pi * 32 * x) * torch.sin(2 * torch.pi * 32 * y)
    folds = field(key, 2.2, 0.4)
    return bands, (1 + 0.08 * weave + 0.28 * folds).clamp(0.25, 1.9), None


def leaves(key: int) -> Maps:
    edge, number, up = cells(key, 110)
    deep = unit(field(key + 3, 1.0), 0.3)
    return (
        unit(4 * (number - 0.5), 0.3),
        (0.25 + 0.9 * number * (edge * 3).clamp(0.2, 1)) * (0.5 + deep - 0.2 * up),
        None,
    )


def facade(key: int) -> Maps:
    across, rows = (5, 4) if key % 20 else (4, 3)
    x, y = places()
    fx, fy = (x * across).remainder(1), (y * rows).remainder(1)
    draw = Draw("wild facade", np.array([key]))
    wide, high = draw.uniform(0.2, 0.36, 2)[0].tolist()
    inside = torch.maximum((fx - 0.5).abs() / wide, (fy - 0.48).abs() / high)
    glass = (inside < 1).float() * ((fx - 0.5).abs() > 0.02) * ((fy - 0.4).abs() > 0.015)
    lit = draw.chance(0.35, rows * across)[0].float()[((y * rows).floor() * across + (x * across).floor()).long()]
    frame = ((inside > 1) & (inside < 1.2)).float()
    wall = unit(field(key, 1.1), 0.12)
    return (
        (wall + 0.5 * frame).clamp(0, 1),
        (1 + 0.05 * field(key + 1, 0.4)) * (1 - 0.72 * glass),
        glass * (0.3 + 0.7 * lit),
    )


def posters(key: int) -> Maps:
    x, y = places()
    draw = Draw("wild posters", np.array([key]))
    numbers = draw.uniform(0, 1, 16, 6)[0].tolist()
    mix, light = torch.full_like(x, 0.5), 1 + 0.1 * field(key, 1.0)
    for left, top, wide, high, tone, kind in numbers:
        fx, fy = (x - left).remainder(1) / (0.1 + 0.35 * wide), (y - top).remainder(1) / (0.08 + 0.3 * high)
        inside = (fx < 1) & (fy < 1)
        rows = (fy * 6).floor() * 7 + (fx * 12 * (1 + wide)).floor()
        ink = ((rows * 0.618).remainder(1) < 0.55) & ((fy * 6).remainder(1) > 0.45)
        flat = torch.full_like(x, tone)
        mix = torch.where(inside, torch.where(ink, 1 - flat, flat) if kind > 0.5 else flat + 0.2 * (fy - 0.5), mix)
    return mix.clamp(0, 1), light, None


def plaid(key: int) -> Maps:
    x, y = places()
    numbers = Draw("wild plaid", np.array([key])).uniform(0, 1, 8)[0]
    bands = [numbers[(at * 8).long().clamp(0, 7)] for at in (x, y)]
    return 0.5 * (bands[0] + bands[1]), 1 + 0.2 * field(key, 1.6), None


def shingles(key: int) -> Maps:
    gap, number, along = pieces(key, 8, 12, 0.5)
    _, y = places()
    fall = (y * 12).remainder(1)
    return unit(3 * (number - 0.5)), (0.6 + 0.5 * fall) * (gap * 14).clamp(0.5, 1) * (1 - 0.1 * along), None


def bark(key: int) -> Maps:
    ridges = field(key, 0.9, 0.25)
    return unit(ridges + 0.5 * field(key + 1, 1.2)), (1 + 0.3 * ridges).clamp(0.25, 1.8), None


def planks(key: int) -> Maps:
    gap, number, along = pieces(key, 2, 6, 0.37)
    fibre = field(key, 0.9, 0.15).T
    return (
        (0.7 * number + 0.15 * fibre + 0.1).clamp(0, 1),
        (gap * 16).clamp(0.4, 1) * (1 + 0.1 * fibre - 0.1 * along),
        None,
    )


def marble(key: int) -> Maps:
    veins = torch.sin(4 * field(key, 2.0) + 0.5 * field(key + 1, 1.4)).abs()
    return (1 - veins) ** 3, 1 + 0.08 * field(key + 2, 0.9), None


def tiles(key: int) -> Maps:
    gap, number, _ = pieces(key, 6, 6, 0.0)
    x, y = places()
    odd = ((x * 6).floor() + (y * 6).floor()).remainder(2) * (key // 10 % 2)
    return (0.7 * odd + 0.3 * number).clamp(0, 1), (gap * 25).clamp(0.45, 1) * (1 + 0.1 * field(key, 1)), None


Family = Callable[[int], Maps]
GROUND, WALL, THING = 0, 1, 2  # what a family may cover
SPLITS: dict[str, tuple[tuple[Family, tuple[int, ...]], ...]] = {
    "train": (
        (plaster, (GROUND, WALL, THING)),
        (gravel, (GROUND,)),
        (grass, (GROUND,)),
        (bricks, (WALL, GROUND)),
        (cloth, (THING,)),
        (facade, (WALL,)),
        (posters, (THING, WALL)),
    ),
    "val": ((plaid, (THING, GROUND)), (shingles, (WALL, GROUND)), (bark, (THING, GROUND, WALL))),
    "test": ((planks, (GROUND, WALL, THING)), (marble, (THING, WALL, GROUND)), (tiles, (GROUND, WALL))),
}


def _shared() -> list[Maps]:
    """Stains, clouds, the panes of houses and the crowns of trees, which every split has."""
    clouds = ((field(2, 1.5) + 0.4 * field(3, 1.1)) * 0.6 + 0.3).clamp(0, 1)
    return [
        (unit(field(1, 1.2)), 1 + 0.22 * field(4, 1.4), None),
        (clouds, torch.ones_like(clouds), None),
        facade(77),
        leaves(78),
    ]


def kinds(split: str, use: int) -> list[int]:
    """The tiles of a split that may cover something."""
    families = SPLITS[split]
    return [SHARED + i * VARIANTS + k for i, (_, uses) in enumerate(families) if use in uses for k in range(VARIANTS)]


@cache
def atlas(split: str, device: torch.device) -> Tensor:
    """All tiles of a split with all their sizes as one picture, (1, 3, height, WIDE)."""
    made = [
        family(1000 + 10 * (1 + i * VARIANTS + k))
        for i, (family, _) in enumerate(SPLITS[split])
        for k in range(VARIANTS)
    ]
    return torch.cat([_with_levels(maps) for maps in [*_shared(), *made]], 1)[None].to(device)


def _with_levels(maps: Maps) -> Tensor:
    mix, light, glow = maps
    tile = torch.stack([mix, light / light.mean(), torch.zeros_like(mix) if glow is None else glow])
    sheet = torch.zeros(3, EDGE, WIDE)
    left, top = 0, 0
    for level in range(LEVELS):
        around = F.pad(tile[None], (1, 1, 1, 1), mode="circular")[0]
        side = around.shape[-1]
        sheet[:, top : top + side, left : left + side] = around
        left, top = EDGE, 0 if level == 0 else top + side
        tile = F.avg_pool2d(tile, 2)
    return sheet


def look(sheet: Tensor, tile: Tensor | None, u: Tensor, v: Tensor, pixel: Tensor) -> Tensor:
    """The channels (c, ...) of tiles at places u, v where a pixel is so large, all in tiles' sides; no tile: stains."""
    level = torch.log2(pixel * (TILE * 0.8) + 1e-6).round_().clamp_(0, LEVELS - 1)
    side = torch.exp2(math.log2(TILE) - level)
    is_small = level > 0
    x = (u - torch.floor(u)).mul_(side).add_(is_small * EDGE)
    y = (v - torch.floor(v)).mul_(side).add_((level.sub_(side).mul_(2).add_(TILE - 2)).mul_(is_small))
    y = y if tile is None else y.add_(tile, alpha=EDGE)
    grid = torch.stack(
        [x.mul_(2 / WIDE).add_(2 / WIDE - 1), y.mul_(2 / sheet.shape[2]).add_(2 / sheet.shape[2] - 1)], -1
    )
    return F.grid_sample(sheet, grid.view(1, 1, -1, 2), align_corners=False).view(sheet.shape[1], *u.shape)
