"""What each pixel sees of a layout, how far away, and where on it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from zoo.data.scenes.cache import few_at_once
from zoo.data.scenes.camera import Camera
from zoo.data.scenes.layouts import BOX, CEILING, FAR, GROUND, SKY, SURFACES, WALL, WALLS, Layout
from zoo.data.scenes.lines import LINE, Lines
from zoo.data.scenes.solids import NEVER, Solids, boxes, cylinders
from zoo.data.scenes.textures import taken

EPS = 1e-6


@dataclass
class Hits:
    """What each pixel sees; all (b, h, w)."""

    surface: Tensor  # int32
    row: Tensor  # of the table of all scenes' surfaces
    z: Tensor  # metres along the camera's axis; FAR where there is sky
    x: Tensor  # where it is in the world
    y: Tensor
    away: Tensor
    u: Tensor  # metres along the surface
    v: Tensor
    shade: Tensor  # 0 to 1: light on the surface


def trace(camera: Camera, layout: Layout, rays: Tensor, light: Tensor) -> Hits:
    """rays (3, b, h, w) from the camera; light (b, 3), a unit vector towards it."""
    z, surface = _planes(layout, rays, camera.height)
    stand = [each(camera, layout, light) for each in (boxes, cylinders)]
    seen = _seen(camera, stand, rays, z, surface)
    x, y, away = rays * z
    y.add_(camera.height[:, None, None])
    row = surface + torch.arange(0, len(z) * SURFACES, SURFACES, dtype=torch.int32, device=z.device)[:, None, None]
    along_x, along_z, up_y, up_z, up, lit = taken(_flat_faces(camera, layout, light), row)
    u, v = along_x.mul_(x).add_(along_z.mul_(away)), up_y.mul_(y).add_(up_z.mul_(away)).add_(up)
    for solids, (at, thing) in zip(stand, seen, strict=True):
        place = [each.view(-1).index_select(0, at) for each in (x, y, away)]
        for whole, part in zip((u, v, lit), solids.face(taken(solids.table, thing), *place), strict=True):
            whole.view(-1).scatter_(0, at, part)
    return Hits(surface, row, z, x, y, away, u, v, lit.clamp_(0, 1).mul_(0.45).add_(0.55))


def _planes(layout: Layout, rays: Tensor, eye: Tensor) -> tuple[Tensor, Tensor]:
    """How far away ground, ceiling, walls or sky are, (b, h, w), and which of them it is."""
    z = (eye[:, None, None] / (-rays[1]).clamp_(min=EPS)).clamp_(max=FAR)
    surface = torch.full_like(z, SKY, dtype=torch.int32).masked_fill_(z < FAR, GROUND)

    def behind(plane: int, there: Tensor, meets: Callable[[Tensor, Tensor], Tensor]) -> None:
        which = there.nonzero()[:, 0]
        for few in few_at_once(len(which), z[:1].numel(), z.device):
            at = which[few]
            t, before = meets(at, rays.index_select(1, at)), z.index_select(0, at)
            surface.index_copy_(0, at, surface.index_select(0, at).masked_fill_(t < before, plane))
            z.index_copy_(0, at, torch.minimum(t, before))

    def ceiling(at: Tensor, rays: Tensor) -> Tensor:
        return (layout.ceiling[at] - eye[at])[:, None, None] / rays[1].clamp(min=EPS)

    def wall(i: int, at: Tensor, rays: Tensor) -> Tensor:
        angle, away, height = layout.walls[at, i, :, None, None].unbind(1)
        along = (rays[0] * torch.sin(angle)).add_(rays[2] * torch.cos(angle))
        t = away / along.clamp_(min=EPS)
        over = (rays[1] * t).add_(eye[at, None, None] - height)
        return torch.maximum(t, over.mul_(NEVER))

    behind(CEILING, layout.ceiling < torch.inf, ceiling)
    for i in range(WALLS):
        behind(WALL + i, layout.walls[:, i, 1] < torch.inf, partial(wall, i))
    return z, surface


def _flat_faces(camera: Camera, layout: Layout, light: Tensor) -> Tensor:
    """(6, b * SURFACES): of a plane or the sky, u by x and away, v by y, away and 1, and the light on it."""
    b = len(light)
    faces = light.new_zeros(6, b, SURFACES)
    along_x, along_z, up_y, up_z, up, lit = faces
    along_x[:, :WALL], up_z[:, :WALL] = 1, 1
    lit[:, GROUND], lit[:, CEILING] = light[:, 1], -0.5 * light[:, 1]
    cos, sin = torch.cos(layout.walls[..., 0]), torch.sin(layout.walls[..., 0])
    walls = slice(WALL, BOX)
    along_x[:, walls], along_z[:, walls], up_y[:, walls] = cos, -sin, 1
    lit[:, walls] = -light[:, :1] * sin - light[:, 2:] * cos  # the normal, (-sin, -cos), points back at the camera
    along_x[:, SKY], up_y[:, SKY], up[:, SKY] = 6 / FAR, 14 / FAR, -14 / FAR * camera.height
    lit[:, SKY] = 1
    return faces.flatten(1)


def _seen(camera: Camera, stand: list[Solids], rays: Tensor, z: Tensor, surface: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each kind of solids: where one is seen, and which; z and surface (b, h, w) become theirs there, in place."""
    size, tried = (z.shape[1], z.shape[2]), []
    for solids in stand:
        lines = Lines.around(camera.seen_at(solids.corners, size).view(2, -1, 8), solids.scene, size)
        at = lines.at.view(-1)
        directions = rays.flatten(1).index_select(1, at).view(3, -1, LINE)
        t = solids.meets(taken(solids.table, lines.thing[:, None]), *directions).view(-1)
        z.view(-1).scatter_reduce_(0, at, t, "amin")
        tried.append((at, lines.thing, t))
    found = []
    for solids, (at, thing, t) in zip(stand, tried, strict=True):
        nearest = (t == z.view(-1).index_select(0, at)).nonzero()[:, 0]
        at, thing = at.index_select(0, nearest), thing.index_select(0, nearest // LINE)
        surface.view(-1).scatter_(0, at, (solids.first + thing % solids.number).int())
        found.append((at, thing))
    return found
