"""The place: a room or open land, what its ground and walls are made of, its colours and its sky."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.wild import bank
from zoo.data.wild.layouts import INDOOR, KINDS, LAYOUTS, NONE, RANGES

SURFACES = 6
GROUND, LEFT, RIGHT, BACK, CEILING, SKY = range(SURFACES)


@dataclass
class World:
    """One for each scene, (b,) unless said."""

    kind: Tensor
    indoor: Tensor  # booleans
    ceiling: Tensor  # metres
    side: Tensor  # (b, 2) metres to the left and right
    back: Tensor
    wall: Tensor  # height of walls
    pitch: Tensor  # of the camera
    eye: Tensor  # its height
    yaw: Tensor
    palette: Tensor  # (b, 6, 3)
    sky: Tensor  # (b, 3) blue by day
    clouds: Tensor
    wet: Tensor  # how much of a mirror the ground is

    @classmethod
    def draw(cls, draw: Draw, split: str) -> "World":
        kind = draw.choice([KINDS.index(name) for name in LAYOUTS[split]])
        ranges = torch.tensor([RANGES[name] for name in KINDS], device=draw.device)[kind]  # (b, 7, 2)
        at = torch.lerp(ranges[..., 0], ranges[..., 1], draw.uniform(0, 1, ranges.shape[1]))
        ceiling, side, back, wall, pitch, eye, yaw = at.unbind(1)
        sides = side[:, None] * torch.stack([torch.ones_like(side), draw.uniform(0.6, 1.2)], 1)
        blue = torch.stack([draw.uniform(0.12, 0.4), draw.uniform(0.3, 0.55), draw.uniform(0.6, 1.0)], 1)
        return cls(
            kind=kind,
            indoor=torch.isin(kind, torch.tensor([KINDS.index(name) for name in INDOOR], device=kind.device)),
            ceiling=ceiling,
            side=sides.clamp(max=NONE),
            back=back,
            wall=wall,
            pitch=pitch,
            eye=eye,
            yaw=yaw,
            palette=natural(draw, 6),
            sky=blue,
            clouds=draw.uniform(0, 1),
            wet=torch.where(draw.chance(0.1), draw.uniform(0.2, 1.0), 0.0),
        )

    def __getitem__(self, rows: Tensor) -> "World":
        return World(**{name: value[rows] for name, value in vars(self).items()})


def columns(tile: Tensor, scale: Tensor, turn: Tensor, off: Tensor, colours: list[Tensor], extra: Tensor) -> Tensor:
    """Materials as columns (15, n) of numbers; all (..., k): tile, scale and turn of the texture, where it begins, two

    colours (..., 3), and extra: gloss, stains, metal.
    """
    texture = torch.stack([tile.float(), scale * torch.cos(turn), scale * torch.sin(turn), scale], -1)
    table = torch.cat([texture, off, *colours, extra], -1)
    return table.reshape(-1, table.shape[-1]).T.contiguous()


def natural(draw: Draw, *shape: int, vivid: float = 0.25) -> Tensor:
    """Colours as the world has them, (b, *shape, 3), linear light: browns, greens, greys, a few that shine."""
    kind, spread = draw.uniform(0, 1, *shape), draw.normal(*shape)
    hue = torch.where(
        kind < 0.55, 0.085 + 0.03 * spread, torch.where(kind < 0.75, 0.25 + 0.05 * spread, 0.58 + 0.05 * spread)
    )
    hue = torch.where(kind > 0.9, draw.uniform(0, 1, *shape), hue)
    saturation = draw.uniform(0, 1, *shape) ** 1.4 * 0.8
    saturation = torch.where(draw.chance(vivid, *shape), 0.6 + 0.38 * saturation, saturation)
    value = torch.exp(draw.uniform(math.log(0.04), math.log(0.85), *shape))
    wheel = ((hue[..., None] + torch.tensor([0.0, 2 / 3, 1 / 3], device=hue.device)) % 1 * 6 - 3).abs() - 1
    return value[..., None] * (1 + saturation[..., None] * (wheel.clamp(0, 1) - 1))


def near(draw: Draw, palette: Tensor, *shape: int) -> Tensor:
    """Colours of the palette (b, k, 3), a little off it, (b, *shape, 3)."""
    which = draw.choice(tuple(range(palette.shape[1])), math.prod(shape))
    found = palette.gather(1, which[..., None].expand(-1, -1, 3)).view(-1, *shape, 3)
    return (found * torch.exp(0.125 * draw.normal(*shape, 3))).clamp(0.02, 0.95)


def surfaces(draw: Draw, split: str, world: World) -> Tensor:
    """What ground, walls and ceilings are made of: SURFACES columns for each world."""
    n, indoor, palette = SURFACES, world.indoor, world.palette
    ground, wall = draw.choice(bank.kinds(split, bank.GROUND)), draw.choice(bank.kinds(split, bank.WALL), 3)
    wall[:, 1] = torch.where(draw.chance(0.7), wall[:, 0], wall[:, 1])
    wall = torch.where(draw.chance(0.4)[:, None] & ~indoor[:, None], bank.PANES, wall)
    ground, wall = (torch.where(draw.chance(0.12, *each.shape[1:]), bank.CROWN, each) for each in (ground, wall))
    above = torch.full_like(ground, bank.STAIN)
    tile = torch.stack([ground, *wall.unbind(1), above, torch.full_like(ground, bank.CLOUDS)], 1)
    wide = torch.where(indoor[:, None], draw.uniform(1.2, 3.5, n), draw.uniform(2.0, 7.0, n))
    wide = torch.where(tile == bank.PANES, draw.uniform(8, 14, n), wide)
    first = near(draw, palette, n)
    second = torch.lerp(first, near(draw, palette, n), draw.uniform(0.25, 1.0, n)[..., None])
    painted = _painted(draw, indoor)
    first, second = (torch.lerp(each, _bright(each), painted) for each in (first, second))
    grassy = (draw.chance(0.45) & ~indoor)[:, None]
    green = torch.stack([draw.uniform(0.06, 0.22), draw.uniform(0.12, 0.26), draw.uniform(0.02, 0.08)], 1)
    first[:, 0] = torch.where(grassy, green, first[:, 0])
    second[:, 0] = torch.where(grassy, torch.lerp(green, second[:, 0], 0.35), second[:, 0])
    gloss = draw.uniform(0, 1, n) ** 4 * 0.5
    extra = torch.stack([gloss, draw.uniform(0.15, 0.8, n), torch.zeros_like(gloss)], -1)
    is_hedge = (tile == bank.CROWN)[..., None]
    first, second = (torch.where(is_hedge, tone * green[:, None], each) for tone, each in ((0.8, first), (2.2, second)))
    turn = torch.where(draw.chance(0.3, n), math.pi / 2, 0.0) * (tile != bank.PANES)
    return columns(tile, 1 / wide, turn, draw.uniform(0, 1, n, 2), [first, second], extra)


def _bright(colours: Tensor) -> Tensor:
    return colours / colours.amax(2, keepdim=True) * 0.8


def _painted(draw: Draw, indoor: Tensor) -> Tensor:
    """How bright walls and ceilings are painted, (b, SURFACES, 1): most rooms' are."""
    walls, ceiling = draw.uniform(0.4, 0.9, 2).unbind(1)
    nothing = torch.zeros_like(walls)
    some = torch.stack([nothing, walls, walls, walls, ceiling, nothing], 1)
    return (some * (indoor & draw.chance(0.6))[:, None])[..., None]
