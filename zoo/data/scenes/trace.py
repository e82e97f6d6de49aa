"""A pinhole camera over flat ground, its rays against a layout: what each pixel sees, how far away, and where on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.scenes.layouts import BOX, CEILING, CYLINDER, FAR, GROUND, SKY, WALL, WALLS, Layout

EPS = 1e-6
NEAREST = 0.3  # metres; what is nearer is behind the lens


@dataclass
class Camera:
    """One camera per scene. x right, y up, z forward, metres; the ground is y = 0 and the camera stands over (0, 0)."""

    height: Tensor  # (b,) metres over the ground
    pitch: Tensor  # (b,) radians, positive looks down
    roll: Tensor  # (b,)
    focal: Tensor  # (b,) in units of the picture's longer side

    @classmethod
    def draw(cls, draw: Draw) -> "Camera":
        return cls(
            height=draw.uniform(1.1, 2.6),
            pitch=draw.uniform(-0.02, 0.26),
            roll=draw.uniform(-0.035, 0.035),
            focal=draw.uniform(0.75, 1.25),
        )

    def rays(self, h: int, w: int) -> Tensor:
        """Direction of each pixel's ray, (b, 3, h, w), of length 1 along the camera's axis: t is depth z."""
        device, side = self.height.device, max(h, w)
        x = (torch.arange(w, device=device) + 0.5 - w / 2) / side
        y = -(torch.arange(h, device=device) + 0.5 - h / 2) / side
        focal, roll, pitch = (value[:, None, None] for value in (self.focal, self.roll, self.pitch))
        right = (x * torch.cos(roll) - y[:, None] * torch.sin(roll)) / focal
        up = (x * torch.sin(roll) + y[:, None] * torch.cos(roll)) / focal
        return torch.stack(
            [right, up * torch.cos(pitch) - torch.sin(pitch), torch.cos(pitch) + up * torch.sin(pitch)], 1
        )

    def pixel(self, h: int, w: int) -> Tensor:
        """Size of a pixel at one metre, (b,)."""
        return 1 / (self.focal * max(h, w))


@dataclass
class Hits:
    """What each pixel sees; all (b, h, w)."""

    surface: Tensor  # row of the material table
    z: Tensor  # metres along the camera's axis; FAR where there is sky
    u: Tensor  # metres along the surface
    v: Tensor
    shade: Tensor  # 0 to 1: light on the surface
    y: Tensor  # metres over the ground


def trace(camera: Camera, layout: Layout, rays: Tensor, light: Tensor) -> Hits:
    """rays (b, 3, h, w) from the camera; light (b, 3), a unit vector towards it."""
    eye = camera.height[:, None, None]
    z = torch.full_like(rays[:, 0], FAR)
    surface = torch.full_like(z, SKY, dtype=torch.long)
    for plane, t in _times(layout, rays, eye):
        closer = t < z
        z = torch.where(closer, t, z)
        surface.masked_fill_(closer, plane)
    _solids(layout, rays, camera.height, z.view(-1), surface.view(-1))
    x, y, depth = rays[:, 0] * z, eye + rays[:, 1] * z, rays[:, 2] * z
    lights = [value[:, None, None] for value in light.unbind(1)]
    facing = torch.where(surface == CEILING, -0.5 * lights[1], lights[1].expand_as(z))  # ground: straight up
    u, v = x.clone(), depth.clone()
    pixels = x.shape[1] * x.shape[2]
    for first, end, face in ((WALL, BOX, _on_wall), (BOX, CYLINDER, _on_box), (CYLINDER, SKY, _on_cylinder)):
        here = ((surface >= first) & (surface < end)).view(-1).nonzero()[:, 0]
        if len(here):
            scene = here // pixels
            place = [value.reshape(-1).index_select(0, here) for value in (x, y, depth)]
            towards = [value.index_select(0, scene) for value in light.unbind(1)]
            row = surface.view(-1).index_select(0, here) - first
            for whole, part in zip((u, v, facing), face(layout, scene, row, place, towards), strict=True):
                whole.view(-1).index_copy_(0, here, part)
    sky = surface == SKY
    u, v = torch.where(sky, rays[:, 0] * 6, u), torch.where(sky, rays[:, 1] * 14, v)
    shade = torch.where(sky, 1.0, 0.55 + 0.45 * facing.clamp(0, 1))
    return Hits(surface, z, u, v, shade, torch.where(sky, FAR, y))


def _times(layout: Layout, rays: Tensor, eye: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Every solid's row and when each ray meets it, (b, h, w), infinite where it does not."""
    dx, dy, dz = rays.unbind(1)
    yield GROUND, torch.where(dy < -EPS, eye / -dy.clamp(max=-EPS), torch.inf)
    if layout.ceiling.isfinite().any():
        yield CEILING, torch.where(dy > EPS, (layout.ceiling[:, None, None] - eye) / dy.clamp(min=EPS), torch.inf)
    for i in range(WALLS):
        angle, away, height = _row(layout.walls, i)
        along = dx * torch.sin(angle) + dz * torch.cos(angle)
        t = away / along.clamp(min=EPS)
        y = eye + dy * t.clamp(max=1e4)
        yield WALL + i, torch.where((along > EPS) & (y <= height) & (y >= 0), t, torch.inf)


def _solids(layout: Layout, rays: Tensor, height: Tensor, z: Tensor, surface: Tensor) -> None:
    """Boxes and cylinders, each tried only where it may be seen; z and surface (b * h * w,) are changed in place."""
    h, w = rays.shape[2:]
    flat, aside = rays.transpose(0, 1).reshape(3, -1), rays[:, 0] / rays[:, 2]
    for first, table, sizes, solid in (
        (BOX, layout.boxes, (2, 4), _box),
        (CYLINDER, layout.cylinders, (2,), _cylinder),
    ):
        for i in range(table.shape[1]):
            x, away = table[:, i, 0], table[:, i, 1]
            reach = table[:, i, sizes].norm(dim=1) * 1.001  # of its corners, from its middle
            near = (away - reach).clamp(min=EPS)
            left = torch.minimum((x - reach) / near, (x - reach) / (away + reach)).masked_fill(reach == 0, torch.inf)
            right = torch.maximum((x + reach) / near, (x + reach) / (away + reach))
            here = (aside >= left[:, None, None]).logical_and_(aside <= right[:, None, None])
            at = here.view(-1).nonzero()[:, 0]
            scene = at // (h * w)
            row = table[:, i].T.index_select(1, scene)
            t = solid(row, flat.index_select(1, at), height.index_select(0, scene))
            closer = (t < z.index_select(0, at)).nonzero()[:, 0]
            at = at.index_select(0, closer)
            z.index_copy_(0, at, t.index_select(0, closer))
            surface.index_fill_(0, at, first + i)


def _box(row: Tensor, rays: Tensor, eye: Tensor) -> Tensor:
    """When rays (3, n) enter a box (6, n): the last of three slabs that each enters, if it has left none by then."""
    cx, cz, hx, hy, hz, turn = row
    cos, sin = torch.cos(turn), torch.sin(turn)
    enter, leave = None, None
    for origin, direction, half in (
        (cz * sin - cx * cos, rays[0] * cos - rays[2] * sin, hx),
        (eye - hy, rays[1], hy),
        (-cx * sin - cz * cos, rays[0] * sin + rays[2] * cos, hz),
    ):
        slope = 1 / torch.where(direction.abs() < EPS, EPS, direction)
        middle, reach = -origin * slope, (half * slope).abs()
        enter = middle - reach if enter is None else torch.maximum(enter, middle - reach)
        leave = middle + reach if leave is None else torch.minimum(leave, middle + reach)
    assert enter is not None
    assert leave is not None
    return torch.where((enter < leave) & (enter > NEAREST), enter, torch.inf)


def _cylinder(row: Tensor, rays: Tensor, eye: Tensor) -> Tensor:
    """When rays (3, n) meet the mantle of an upright cylinder (4, n)."""
    cx, cz, radius, height = row
    dx, dy, dz = rays
    a = dx * dx + dz * dz
    half_b = cx * dx + cz * dz
    root = half_b * half_b - a * (cx * cx + cz * cz - radius * radius)
    t = (half_b - root.clamp(min=0).sqrt()) / a
    y = eye + dy * t
    return torch.where((root > 0) & (t > NEAREST) & (y <= height) & (y >= 0), t, torch.inf)


Face = tuple[Tensor, Tensor, Tensor]  # place along it and up it, light on it; all (n,)


def _on_wall(layout: Layout, scene: Tensor, row: Tensor, place: list[Tensor], light: list[Tensor]) -> Face:
    x, y, z = place
    angle = layout.walls[scene, row, 0]
    cos, sin = torch.cos(angle), torch.sin(angle)  # the normal, (-sin, -cos), points back at the camera
    return x * cos - z * sin, y, -light[0] * sin - light[2] * cos


def _on_box(layout: Layout, scene: Tensor, row: Tensor, place: list[Tensor], light: list[Tensor]) -> Face:
    x, y, z = place
    cx, cz, hx, hy, hz, turn = layout.boxes[scene, row].T.contiguous()
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, z = x - cx, z - cz
    x, z = x * cos - z * sin, x * sin + z * cos  # in the box's own axes
    out_x, out_y, out_z = x.abs() - hx, y - 2 * hy, z.abs() - hz  # nearest 0: the face it is on
    on_top = (out_y > out_x) & (out_y > out_z)
    on_side = ~on_top & (out_x > out_z)
    light_x, light_z = light[0] * cos - light[2] * sin, light[0] * sin + light[2] * cos
    lit = torch.where(on_top, light[1], torch.where(on_side, light_x * x.sign(), light_z * z.sign()))
    return torch.where(on_side, z, x), torch.where(on_top, z, y), lit


def _on_cylinder(layout: Layout, scene: Tensor, row: Tensor, place: list[Tensor], light: list[Tensor]) -> Face:
    x, y, z = place
    cx, cz, radius = layout.cylinders[scene, row, :3].T.contiguous()
    radius = radius.clamp(min=0.01)
    x, z = (x - cx) / radius, (z - cz) / radius
    return torch.atan2(x, -z) * radius, y, light[0] * x + light[2] * z


def _row(table: Tensor, i: int) -> tuple[Tensor, ...]:
    """The numbers of one solid per scene, (b, 1, 1) each, from a table (b, n, numbers)."""
    return table[:, i, :, None, None].unbind(1)
