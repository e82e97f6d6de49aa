"""The things in a world: those that stand there for good and those that come and go; where, and made of what."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.wild import bank, parts
from zoo.data.wild.layouts import AWAY, HEIGHTS, KINDS, PROP, STOCK, VOID
from zoo.data.wild.parts import BUSH, HILL, HOUSE, POLE, SCENERY, SLOTS, TREE, Parts
from zoo.data.wild.world import World, columns, natural, near

THINGS = 9  # that stand around in a world; the last two out of sight, for their shadows
WOOD = 1  # slot of a tree's trunk
SMALLEST, LARGEST = 0.02, 1.5  # an object's height, in heights of the picture


@dataclass
class Placed:
    """Where n things stand, and what they are."""

    draw: Draw
    world: Tensor  # (n,) row
    code: Tensor  # (n,)
    x: Tensor
    y: Tensor
    z: Tensor
    height: Tensor
    turn: Tensor
    lean: Tensor


@dataclass
class Things:
    """n things standing in worlds."""

    world: Tensor  # (n,) the row of its world
    parts: Parts
    x: Tensor
    y: Tensor
    z: Tensor
    height: Tensor
    turn: Tensor  # about the vertical
    lean: Tensor  # in the picture
    materials: Tensor  # n * SLOTS columns
    sways: Tensor  # (n,) booleans: leaves move and have ragged edges


def around(draw: Draw, world: World) -> Placed:
    """What stands around in each world, for good: b * THINGS things."""
    b, device = len(draw), draw.device
    stock = torch.tensor([STOCK[name] for name in KINDS], device=device)[world.kind]
    code = stock.gather(1, draw.choice(tuple(range(stock.shape[1])), THINGS))
    outside = torch.arange(THINGS, device=device) >= THINGS - 2
    outer = draw.choice((TREE, TREE, POLE, HOUSE, BUSH), THINGS)
    code = torch.where(outside & ~world.indoor[:, None], outer, code)
    height, away = (torch.tensor(table, device=device)[code] for table in (HEIGHTS, AWAY))
    height, z = (_between(draw, ends) for ends in (height, away))
    room = world.back[:, None] * 0.95 - 0.3
    z = torch.where(z > room, room * draw.uniform(0.5, 1.0, THINGS), z)
    height = torch.where(world.indoor[:, None], height.clamp(max=world.eye[:, None] + 0.6), height)
    x = draw.uniform(-1, 1, THINGS) * z * 0.75
    x, z = torch.where(outside, draw.uniform(-7, 7, THINGS), x), torch.where(outside, draw.uniform(-7, 0.5, THINGS), z)
    x, z = _ahead(x, z, world.yaw[:, None])
    x = torch.minimum(torch.maximum(x, 0.4 - world.side[:, :1]), world.side[:, 1:] - 0.4)
    height = torch.where(code == VOID, 0.0, height)
    things = draw.spread(THINGS)
    flat = code.flatten()
    owner = torch.arange(b, device=device).repeat_interleave(THINGS)
    turn = things.uniform(-3.1, 3.1) * (flat != HILL)
    zero = torch.zeros_like(turn)
    return Placed(things, owner, flat, x.flatten(), zero, z.flatten(), height.flatten(), turn, zero)


def _between(draw: Draw, ends: Tensor) -> Tensor:
    """ends (b, n, 2) -> (b, n), log-uniform."""
    low, high = ends.log().unbind(-1)
    return torch.exp(torch.lerp(low, high, draw.uniform(0, 1, low.shape[1])))


def made(split: str, world: World, *placed: Placed) -> Things:
    """The things that stand there, one after the other."""
    draw = Draw.joined([each.draw for each in placed])
    where = {name: torch.cat([getattr(each, name) for each in placed]) for name in vars(placed[0]) if name != "draw"}
    code = where.pop("code")
    families = parts.SPLITS[split]
    which = torch.where(code >= PROP, PROP + draw.choice(tuple(range(len(families)))), code)
    shape = Parts.draw(draw, [*SCENERY, *families], which)
    materials = _dressed(draw, split, world, where["world"], where["height"], code)
    return Things(**where, parts=shape, materials=materials, sways=(code == TREE) | (code == BUSH))


def _ahead(x: Tensor, z: Tensor, yaw: Tensor) -> tuple[Tensor, Tensor]:
    """Places to the right and ahead of a camera that is turned."""
    cos, sin = torch.cos(yaw), torch.sin(yaw)
    return x * cos + z * sin, z * cos - x * sin


def _dressed(draw: Draw, split: str, world: World, owner: Tensor, height: Tensor, code: Tensor) -> Tensor:
    """Materials of n things, SLOTS each."""
    n = SLOTS
    palette, is_own = world.palette[owner], draw.chance(0.5)[:, None, None]

    def colours() -> Tensor:
        return torch.where(is_own, near(draw, palette, n), natural(draw, n, vivid=0.5))

    first = colours()
    second = torch.lerp(first, colours(), draw.uniform(0, 1, n)[..., None])
    tile = draw.choice([bank.STAIN, bank.STAIN, *bank.kinds(split, bank.THING)], n)
    scale = torch.exp(draw.uniform(-0.9, 0.9, n)) / height.clamp(min=0.05)[:, None]
    slot = torch.arange(n, device=draw.device)
    is_wood = (code == TREE)[:, None] & (slot == WOOD)
    is_leaf = ((code == TREE) | (code == BUSH) | (code == HILL))[:, None] & ~is_wood
    is_wall = (code == HOUSE)[:, None] & (slot == 0)
    green = torch.stack([draw.uniform(0.03, 0.2), draw.uniform(0.08, 0.22), draw.uniform(0.01, 0.07)], 1)[:, None]
    tint = torch.exp(0.3 * draw.normal(n, 1))
    first = torch.where(is_leaf[..., None], green * tint, torch.where(is_wood[..., None], 0.08 * tint, first))
    second = torch.where((is_leaf | is_wood)[..., None], first * 1.8, second)
    tile = tile.masked_fill(is_leaf, bank.CROWN).masked_fill(is_wall, bank.PANES)
    fine = torch.where(code == HILL, 0.3, 1.0)[:, None] * draw.uniform(0.5, 1.5, n)
    scale = torch.where(is_leaf, fine, torch.where(is_wall, 1 / draw.uniform(7, 14, n), scale))
    gloss = torch.where(draw.chance(0.45, n), draw.uniform(0, 1, n), 0.0) * ~is_leaf
    metal = torch.where(draw.chance(0.12, n), draw.uniform(0.3, 0.95, n), 0.0) * ~is_leaf
    extra = torch.stack([gloss, draw.uniform(0, 0.5, n), metal], -1)
    turn = torch.where(draw.chance(0.5, n), draw.uniform(-1.6, 1.6, n), 0.0) * ~is_wall
    return columns(tile, scale, turn, draw.uniform(0, 1, n, 2), [first, second], extra)


def visiting(draw: Draw, world: World, owner: Tensor, focal: Tensor, size: tuple[int, int]) -> Placed:
    """The objects of the photos: n things, of worlds `owner` (n,); focal (n,)."""
    h, w = size
    share = SMALLEST * (LARGEST / SMALLEST) ** (draw.uniform(0, 1) ** 0.5)
    eye, pitch, back = world.eye[owner], world.pitch[owner], world.back[owner]
    view = h / max(h, w) / focal  # of the picture at one metre
    # where the ground begins to be seen
    nearest = (eye / torch.tan((pitch + 0.5 * view).clamp(min=0.1))).clamp(1.0, 4.0)
    farthest = torch.minimum(0.9 * back, 5 * nearest).clamp(min=nearest + 0.3)
    z = torch.exp(torch.lerp((0.9 * nearest).log(), farthest.log(), draw.uniform(0, 1)))
    height = (share * view * z / torch.cos(pitch)).clamp(0.02, 3.5)
    x = draw.uniform(-0.5, 0.5) * w / max(h, w) / focal * z / torch.cos(pitch).clamp(min=0.3)
    x, z = _ahead(x, z, world.yaw[owner])
    z = torch.minimum(z, back - 0.2)
    limit = world.side[owner]
    x = torch.minimum(torch.maximum(x, 0.2 - limit[:, 0]), limit[:, 1] - 0.2)
    aloft = draw.chance(0.3)
    middle = eye - z * torch.tan(pitch) + draw.uniform(-0.45, 0.45) * view * z - height / 2
    y = torch.where(aloft, middle.clamp(min=0), 0.0)
    lies = draw.chance(0.15) | (aloft & draw.chance(0.5))
    lean = torch.where(lies, draw.uniform(-3.1, 3.1), draw.uniform(-0.06, 0.06))
    turn = torch.where(draw.chance(0.5), draw.uniform(-0.6, 0.6), draw.uniform(-3.1, 3.1))
    return Placed(draw, owner, torch.full_like(owner, PROP), x, y, z, height, turn, lean)
