"""The colour of what rays meet: walls and ground, solids, textures, light and shadow."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.wild import bank
from zoo.data.wild.layouts import FAR
from zoo.data.wild.raster import Found, Grids, Shown, Solids, dot, meet, taken
from zoo.data.wild.views import Light
from zoo.data.wild.world import BACK, CEILING, GROUND, LEFT, RIGHT, SKY, World

THIN = 0.85  # of the brightness of a crown's texture: where it is darker, there is no leaf
BIAS = 0.04  # metres from the surface at which shadows begin


@dataclass
class Seen:
    """What each pixel sees first; (v, n) or (3, v, n) with n = h * w."""

    rays: Tensor
    t: Tensor
    surface: Tensor  # of the room; what is on a thing has -1
    material: Tensor  # column of the table
    normal: Tensor
    u: Tensor  # metres
    v: Tensor
    thing: Tensor  # row, -1 for none


def room(grids: Grids, world: World, first: Tensor) -> Seen:
    """Ground, walls, ceiling and sky; world: a row for each view; first (v,): the column of its ground's material."""
    h, w = grids.size
    columns = torch.arange(w, device=grids.eye.device).expand(h, w).flatten()
    rows = torch.arange(h, device=grids.eye.device)[:, None].expand(h, w).flatten()
    rays = grids.corner[..., None] + grids.across[..., None] * columns + grids.down[..., None] * rows
    dx, dy, dz = rays
    ex, ey, ez = grids.eye[..., None]
    tall = torch.where(dy > 0, world.ceiling[:, None], 0.0)
    ty = (tall - ey) / torch.where(dy.abs() < 1e-6, 1e-6, dy)
    ty = torch.where(ty > 0, ty, torch.inf)
    to_right = dx > 0
    tx = (torch.where(to_right, world.side[:, 1:], -world.side[:, :1]) - ex) / torch.where(dx.abs() < 1e-6, 1e-6, dx)
    tx = torch.where(tx > 0, tx, torch.inf)
    tz = torch.where(dz > 1e-6, (world.back[:, None] - ez) / dz, torch.inf)
    wall = torch.minimum(tx, tz)
    wall = torch.where(ey + wall * dy <= world.wall[:, None], wall, torch.inf)
    t = torch.minimum(ty, wall)
    is_level, is_side = ty < wall, tx < tz
    surface = torch.where(is_side, torch.where(to_right, RIGHT, LEFT), BACK)
    surface = torch.where(is_level, torch.where(dy > 0, CEILING, GROUND), surface)
    is_sky = t > FAR
    surface, t = surface.masked_fill(is_sky, SKY), t.clamp(max=FAR)
    x, y, z = ex + dx * t, ey + dy * t, ez + dz * t
    u, v = torch.where(is_side & ~is_level, z, x), torch.where(is_level, z, y)
    over = 2 / (dy + 0.15).clamp(min=0.02)
    u, v = torch.where(is_sky, dx * over, u), torch.where(is_sky, dz * over, v)
    across = torch.where(to_right, -1.0, 1.0) * (is_side & ~is_level)
    normal = torch.stack([across, -torch.sign(dy) * is_level, -1.0 * (~is_side & ~is_level)])
    return Seen(rays, t, surface, surface + first[:, None], normal, u, v, torch.full_like(surface, -1))


def stand(seen: Seen, found: Found, solids: Solids) -> None:
    """Put solids into what is seen."""
    body = taken(solids.is_body, found.solid)
    place = found.place
    slope, bend = taken(solids.curve, found.solid)
    out = torch.stack([place[0], -(0.5 * slope + bend * place[1]), place[2]])
    is_end = place[1].abs() > 0.999
    out = torch.where(is_end, torch.stack([0 * slope, place[1].sign(), 0 * slope]), out)
    size = place.abs()
    is_face = size >= size.amax(0) - 1e-5
    out = torch.where(body, out, place.sign() * is_face)
    frame = taken(solids.frame, found.solid)
    normal = torch.stack([dot(out, frame[:, k]) for k in range(3)])
    normal.mul_(dot(normal, normal).clamp_(min=1e-12).rsqrt_())
    length = place * taken(solids.half, found.solid)
    u, v = around(length)
    u = torch.where(body, u, torch.where(is_face[0], length[2], length[0]))
    v = torch.where(torch.where(body, is_end, is_face[1]), length[2], torch.where(body, v, length[1]))
    at = found.at
    seen.normal.view(3, -1).index_copy_(1, at, normal)
    for name, value in (
        ("u", u),
        ("v", v),
        ("surface", torch.full_like(at, -1)),
        ("material", taken(solids.material, found.solid)),
        ("thing", taken(solids.thing, found.solid)),
    ):
        getattr(seen, name).view(-1).index_copy_(0, at, value)


def around(length: Tensor) -> tuple[Tensor, Tensor]:
    """Where a place (3, k) on a body is on its texture, metres."""
    return length[0] + 0.6 * length[2], length[1] + 0.2 * length[2]


def leaves(solids: Solids, materials: Tensor, sheet: Tensor, place: Tensor, solid: Tensor) -> Tensor:
    """Whether there is a leaf at places (3, k) on the crowns of trees."""
    u, v = around(place * taken(solids.half, solid))
    found = taken(materials, taken(solids.material, solid))
    x, y = u * found[1] - v * found[2] + found[4], u * found[2] + v * found[1] + found[5]
    return bank.look(sheet, found[0], x, y, torch.full_like(x, 1 / bank.TILE))[1] > THIN


def shadows(solids: Solids, shown: Shown, light: Light, world: World, eye: Tensor, side: int) -> tuple[Grids, Tensor]:
    """How far the sun's rays go, (v, side * side), and the grid of these rays; eye (3, v)."""
    to_sun = light.to_sun.T
    ahead = (world.eye / torch.tan(world.pitch.clamp(0.22, 1.3))).clamp(0.5, 6.0)
    reach = 1.3 * ahead + 2.0
    centre = torch.stack([eye[0] + torch.sin(world.yaw) * ahead, 0 * ahead, eye[2] + torch.cos(world.yaw) * ahead])
    flat = torch.stack([to_sun[2] + 1e-4, 0 * ahead, -to_sun[0]])
    right = flat / lengths(flat)
    up = torch.linalg.cross(to_sun, right, dim=0)
    step = 2 * reach / side
    grids = Grids(
        (side, side), centre + 40 * to_sun, (right + up) * (0.5 * step - reach), right * step, up * step, -to_sun
    )
    t = torch.full((to_sun.shape[1] * side * side,), 80.0, device=eye.device)
    meet(grids, solids, shown, t)
    return grids, t


def lengths(ways: Tensor) -> Tensor:
    """(3, ...) -> (...)."""
    return dot(ways, ways).sqrt_()


def lit(place: Tensor, grids: Grids, t: Tensor) -> Tensor:
    """Share of the sun's light at places (3, v, n), soft over one cell of the grid."""
    side = grids.size[0]
    assert grids.ray is not None
    step = lengths(grids.across)
    start = grids.eye + grids.corner
    across, down = grids.across / step**2, grids.down / step**2
    x = dot(place, across[..., None]).sub_(dot(start, across)[:, None]).clamp_(0, side - 1.01)
    y = dot(place, down[..., None]).sub_(dot(start, down)[:, None]).clamp_(0, side - 1.01)
    far = dot(place, grids.ray[..., None]).sub_((dot(start, grids.ray) + BIAS + 0.5 * step)[:, None])
    left, top = x.floor(), y.floor()
    x, y = x.sub_(left), y.sub_(top)
    view = torch.arange(len(x), device=x.device, dtype=torch.int32)[:, None] * (side * side)
    at = ((top * side + left).int() + view).view(-1)
    above = torch.lerp((taken(t, at).view_as(x) > far).float(), (taken(t, at + 1).view_as(x) > far).float(), x)
    below = torch.lerp(
        (taken(t, at + side).view_as(x) > far).float(), (taken(t, at + side + 1).view_as(x) > far).float(), x
    )
    return torch.lerp(above, below, y)


@dataclass
class Ground:
    """What every pixel is made of, (v, n) or (3, v, n)."""

    albedo: Tensor
    glow: Tensor
    gloss: Tensor
    metal: Tensor
    mix: Tensor


def painted(seen: Seen, facing: Tensor, pixel: Tensor, table: Tensor, sheet: Tensor) -> Ground:
    """table: columns of materials; pixel (v,): a pixel's size at one metre."""
    v, n = seen.t.shape
    found = taken(table, seen.material.view(-1).int()).view(-1, v, n)
    tile, cos, sin, scale = found[:4]
    size = facing.abs().clamp_(min=0.12).rsqrt_().mul_(seen.t).mul_(pixel[:, None]).mul_(scale)
    x = (seen.u * cos).sub_(seen.v * sin).add_(found[4])
    y = (seen.u * sin).add_(seen.v * cos).add_(found[5])
    look = bank.look(sheet, tile, x, y, size)
    stain = bank.look(sheet[:, :2, : bank.EDGE], None, x * 0.37 + y * 0.11, y * 0.37 - x * 0.11, size.mul_(0.39))
    gloss, dirt, metal = found[12:15]
    shade = stain[0].mul_(0.9).add_(0.55).mul_(stain[1]).sub_(1).mul_(dirt).add_(1).mul_(look[1])
    return Ground(torch.lerp(found[6:9], found[9:12], look[0]).mul_(shade), look[2], gloss, metal, look[0])


def arriving(seen: Seen, place: Tensor, light: Light, sun: Tensor) -> Tensor:
    """Light (3, v, n) on what is seen at places (3, v, n); sun (v, n): how much of the sun's."""
    above = seen.normal[1].mul(0.5).add_(0.5)
    sky, bounce = _each(light.sky), _each(light.bounce)
    near_ground = place[1].clamp(min=0).mul_(1.4).add_(0.45).clamp_(max=1)
    near_ground.masked_fill_(seen.surface >= 0, 1)
    found = torch.lerp(bounce, sky, above).mul_(near_ground)
    found.addcmul_(_each(light.sun), sun)
    if (light.lamp > 0).any():
        to_lamp = _each(light.lamp_at) - place
        square = dot(to_lamp, to_lamp)
        falling = dot(seen.normal, to_lamp).clamp_(min=0).mul_(square.rsqrt()).mul_(4).div_(square.add_(1))
        found.addcmul_(_each(light.lamp), falling)
    return found


def mirrored(
    colour: Tensor, seen: Seen, way: Tensor, facing: Tensor, ground: Ground, light: Light, sun: Tensor
) -> Tensor:
    """With what metal and gloss show of the sky, the ground and the sun."""
    mirror = torch.addcmul(way, facing, seen.normal, value=-2)
    blink = dot(mirror, _each(light.to_sun)).clamp_(min=0)
    for _ in range(4):
        blink = blink.mul_(blink)
    shown = torch.lerp(_each(light.bounce), _each(light.horizon), mirror[1].mul_(1.5).add_(0.5).clamp_(0, 1))
    shown.mul_(ground.albedo.mul_(1.3).sub_(1).mul_(ground.metal).add_(1))
    edge = 1 + facing.clamp(max=0)
    share = (edge * edge).mul_(edge).mul_(0.6).add_(0.06).mul_(ground.gloss).add_(ground.metal).clamp_(max=1)
    blink.mul_(sun.sign()).mul_(ground.gloss + ground.metal).mul_(1.5)
    return torch.lerp(colour, shown, share).addcmul_(_each(light.sun), blink)


def through_air(colour: Tensor, seen: Seen, light: Light, cloudy: Tensor, mix: Tensor) -> Tensor:
    """With the sky, and the haze before what is far away; cloudy (v,), mix (v, n): of the sky's texture."""
    horizon, is_sky = _each(light.horizon), seen.surface == SKY
    haze = seen.t.mul(-light.fog[:, None]).exp_().neg_().add_(1)
    if not is_sky.any():
        return torch.lerp(colour, horizon, haze)
    high = seen.rays[1].clamp(min=0).mul_(-5).exp_()
    cloud = mix.mul(cloudy[:, None]).mul_(1 - high)
    air = torch.lerp(torch.lerp(_each(light.zenith), horizon, high), horizon, cloud)
    return torch.lerp(torch.where(is_sky, air, colour), horizon, torch.where(is_sky, haze * high, haze))


def _each(numbers: Tensor) -> Tensor:
    """(v, 3) for all pixels, (3, v, 1)."""
    return numbers.T[..., None]
