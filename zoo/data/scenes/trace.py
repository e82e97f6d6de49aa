"""A pinhole camera over flat ground, its rays against a layout: what each pixel sees, how far away, and where on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.scenes.layouts import BOX, BOXES, CEILING, CYLINDER, CYLINDERS, FAR, GROUND, SKY, WALL, WALLS, Layout

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
    for row, t in _times(layout, rays, eye):
        closer = t < z
        z = torch.where(closer, t, z)
        surface = surface.masked_fill(closer, row)
    x, y, depth = rays[:, 0] * z, eye + rays[:, 1] * z, rays[:, 2] * z
    lights = [value[:, None, None] for value in light.unbind(1)]
    facing = torch.where(surface == CEILING, -0.5 * lights[1], lights[1].expand_as(z))  # ground: straight up
    u, v = x, depth
    for face in (_on_wall, _on_box, _on_cylinder):
        here, face_u, face_v, face_light = face(layout, surface, x, y, depth, lights)
        u, v, facing = torch.where(here, face_u, u), torch.where(here, face_v, v), torch.where(here, face_light, facing)
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
    for i in range(BOXES):
        yield BOX + i, _box(layout, i, rays, eye)
    for i in range(CYLINDERS):
        yield CYLINDER + i, _cylinder(layout, i, rays, eye)


def _box(layout: Layout, i: int, rays: Tensor, eye: Tensor) -> Tensor:
    """When each ray enters a box: the last of the three slabs that it enters, if it has left none by then."""
    cx, cz, hx, hy, hz, turn = _row(layout.boxes, i)
    cos, sin = torch.cos(turn), torch.sin(turn)
    enter, leave = None, None
    for origin, direction, half in (
        (cz * sin - cx * cos, rays[:, 0] * cos - rays[:, 2] * sin, hx),
        (eye - hy, rays[:, 1], hy),
        (-cx * sin - cz * cos, rays[:, 0] * sin + rays[:, 2] * cos, hz),
    ):
        slope = 1 / torch.where(direction.abs() < EPS, EPS, direction)
        middle, reach = -origin * slope, (half * slope).abs()
        enter = middle - reach if enter is None else torch.maximum(enter, middle - reach)
        leave = middle + reach if leave is None else torch.minimum(leave, middle + reach)
    assert enter is not None
    assert leave is not None
    return torch.where((enter < leave) & (enter > NEAREST) & (hx > 0), enter, torch.inf)


def _cylinder(layout: Layout, i: int, rays: Tensor, eye: Tensor) -> Tensor:
    """When each ray meets the mantle of an upright cylinder."""
    cx, cz, radius, height = _row(layout.cylinders, i)
    dx, dy, dz = rays.unbind(1)
    a = dx * dx + dz * dz
    half_b = cx * dx + cz * dz
    root = half_b * half_b - a * (cx * cx + cz * cz - radius * radius)
    t = (half_b - root.clamp(min=0).sqrt()) / a
    y = eye + dy * t
    return torch.where((root > 0) & (t > NEAREST) & (y <= height) & (y >= 0) & (radius > 0), t, torch.inf)


Face = tuple[Tensor, Tensor, Tensor, Tensor]  # where it is seen, place along it and up it, light on it; all (b, h, w)


def _on_wall(layout: Layout, surface: Tensor, x: Tensor, y: Tensor, z: Tensor, light: list[Tensor]) -> Face:
    here = (surface >= WALL) & (surface < BOX)
    angle = _of(layout.walls[..., 0], surface - WALL)
    cos, sin = torch.cos(angle), torch.sin(angle)  # the normal, (-sin, -cos), points back at the camera
    return here, x * cos - z * sin, y, -light[0] * sin - light[2] * cos


def _on_box(layout: Layout, surface: Tensor, x: Tensor, y: Tensor, z: Tensor, light: list[Tensor]) -> Face:
    here = (surface >= BOX) & (surface < CYLINDER)
    cx, cz, hx, hy, hz, turn = (_of(column, surface - BOX) for column in layout.boxes.unbind(2))
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, z = x - cx, z - cz
    x, z = x * cos - z * sin, x * sin + z * cos  # in the box's own axes
    out_x, out_y, out_z = x.abs() - hx, y - 2 * hy, z.abs() - hz  # nearest 0: the face it is on
    on_top = (out_y > out_x) & (out_y > out_z)
    on_side = ~on_top & (out_x > out_z)
    light_x, light_z = light[0] * cos - light[2] * sin, light[0] * sin + light[2] * cos
    lit = torch.where(on_top, light[1], torch.where(on_side, light_x * x.sign(), light_z * z.sign()))
    return here, torch.where(on_side, z, x), torch.where(on_top, z, y), lit


def _on_cylinder(layout: Layout, surface: Tensor, x: Tensor, y: Tensor, z: Tensor, light: list[Tensor]) -> Face:
    here = (surface >= CYLINDER) & (surface < SKY)
    cx, cz, radius = (_of(column, surface - CYLINDER) for column in layout.cylinders[..., :3].unbind(2))
    radius = radius.clamp(min=0.01)
    x, z = (x - cx) / radius, (z - cz) / radius
    return here, torch.atan2(x, -z) * radius, y, light[0] * x + light[2] * z


def _row(table: Tensor, i: int) -> tuple[Tensor, ...]:
    """The numbers of one solid per scene, (b, 1, 1) each, from a table (b, n, numbers)."""
    return table[:, i, :, None, None].unbind(1)


def _of(table: Tensor, row: Tensor) -> Tensor:
    """table (b, n), rows (b, h, w), those out of range meaning nothing -> (b, h, w)."""
    return table.gather(1, row.clamp(0, table.shape[1] - 1).flatten(1)).view(row.shape)
