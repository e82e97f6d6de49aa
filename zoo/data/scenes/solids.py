"""Boxes and cylinders: when a ray meets them, and where on them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.camera import Camera
from zoo.data.scenes.layouts import BOX, CYLINDER, Layout

EPS = 1e-6
NEVER = 1e12  # times anything above 0, it is too late for all that is seen
CORNERS = ((-1, 0, -1), (-1, 0, 1), (-1, 2, -1), (-1, 2, 1), (1, 0, -1), (1, 0, 1), (1, 2, -1), (1, 2, 1))
Face = tuple[Tensor, Tensor, Tensor]  # place along it and up it, light on it
Meets = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # when a ray's directions x, y, z meet a table's columns
FaceOf = Callable[[Tensor, Tensor, Tensor, Tensor], Face]  # at places x, y, z on a table's columns


@dataclass
class Solids:
    """All solids of a kind that a batch of scenes has, one after the other: t of them."""

    first: int  # surface of a scene's first
    number: int  # of each scene
    table: Tensor  # (columns, t) of numbers
    corners: Tensor  # (3, b, number * 8) around them
    scene: Tensor  # (t,); -1: not there
    meets: Meets
    face: FaceOf


def boxes(camera: Camera, layout: Layout, light: Tensor) -> Solids:
    """The layout's boxes; light (b, 3), a unit vector towards it."""
    cx, cz, hx, hy, hz, turn = layout.boxes.unbind(2)
    cos, sin, eye = torch.cos(turn), torch.sin(turn), camera.height[:, None]
    lx, ly, lz = (each.expand_as(cx) for each in light[:, :, None].unbind(1))
    away = [cz * sin - cx * cos, eye - hy, -cx * sin - cz * cos]  # of the camera, in the box's own axes
    lit = [lx * cos - lz * sin, ly, lx * sin + lz * cos]
    table = torch.stack([cx, cz, hx, hy, hz, cos, sin, *away, *lit])
    ax, ay, az = (torch.tensor(each, device=cx.device) for each in zip(*CORNERS, strict=True))
    ax, ay, az = hx[..., None] * ax, hy[..., None] * ay, hz[..., None] * az
    cos, sin = cos[..., None], sin[..., None]
    corners = torch.stack([cx[..., None] + ax * cos + az * sin, ay, cz[..., None] - ax * sin + az * cos])
    return _solids(BOX, table, corners, hx > 0, _into_box, _on_box)


def cylinders(camera: Camera, layout: Layout, light: Tensor) -> Solids:
    """The layout's upright cylinders; light (b, 3), a unit vector towards it."""
    cx, cz, radius, height = layout.cylinders.unbind(2)
    lx, _, lz = (each.expand_as(cx) for each in light[:, :, None].unbind(1))
    beyond = cx * cx + cz * cz - radius * radius
    table = torch.stack([cx, cz, beyond, camera.height[:, None] - height, radius.clamp(min=0.01), lx, lz])
    ax, ay, az = (torch.tensor(each, device=cx.device) for each in zip(*CORNERS, strict=True))
    x, z = cx[..., None] + radius[..., None] * ax, cz[..., None] + radius[..., None] * az
    return _solids(
        CYLINDER, table, torch.stack([x, height[..., None] / 2 * ay, z]), radius > 0, _into_cylinder, _on_cylinder
    )


def _solids(first: int, table: Tensor, corners: Tensor, there: Tensor, meets: Meets, face: FaceOf) -> Solids:
    """table (columns, b, number), corners (3, b, number, 8), there (b, number)."""
    scene = torch.arange(len(there), device=there.device)[:, None]
    scene = torch.where(there, scene, -1).flatten()
    return Solids(first, there.shape[1], table.flatten(1), corners.flatten(2), scene, meets, face)


def _into_box(box: Tensor, dx: Tensor, dy: Tensor, dz: Tensor) -> Tensor:
    """When rays enter a box: the last of three slabs that each enters, if it has left none by then."""
    _, _, hx, hy, hz, cos, sin, x, y, z, *_ = box
    enter, leave = None, None
    for origin, direction, half in (
        (x, (dx * cos).sub_(dz * sin), hx),
        (y, dy, hy),
        (z, (dx * sin).add_(dz * cos), hz),
    ):
        slope = torch.copysign(direction.abs().clamp_(min=EPS), direction).reciprocal_()
        middle, reach = -origin * slope, slope.abs_().mul_(half)
        first, last = middle - reach, middle.add_(reach)
        enter = first if enter is None else torch.maximum(enter, first)
        leave = last if leave is None else torch.minimum(leave, last)
    assert enter is not None
    assert leave is not None
    return enter.masked_fill_(enter >= leave, torch.inf)


def _into_cylinder(cylinder: Tensor, dx: Tensor, dy: Tensor, dz: Tensor) -> Tensor:
    """When rays meet the mantle of an upright cylinder."""
    cx, cz, beyond, below, *_ = cylinder
    a = (dx * dx).add_(dz * dz)
    half_b = (dx * cx).add_(dz * cz)
    root = (half_b * half_b).sub_(a * beyond)
    t = half_b.sub_(root.clamp(min=0).sqrt_()).div_(a)
    over = (dy * t).add_(below)
    return t.maximum(over.mul_(NEVER)).masked_fill_(root <= 0, torch.inf)


def _on_box(box: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Face:
    cx, cz, hx, hy, hz, cos, sin, _, _, _, light_x, light_y, light_z = box
    x, z = x - cx, z - cz
    x, z = x * cos - z * sin, x * sin + z * cos  # in the box's own axes
    out_x, out_y, out_z = x.abs() - hx, y - 2 * hy, z.abs() - hz  # nearest 0: the face it is on
    on_top = (out_y > out_x) & (out_y > out_z)
    on_side = ~on_top & (out_x > out_z)
    lit = torch.where(on_top, light_y, torch.where(on_side, light_x * x.sign(), light_z * z.sign()))
    return torch.where(on_side, z, x), torch.where(on_top, z, y), lit


def _on_cylinder(cylinder: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Face:
    cx, cz, _, _, radius, light_x, light_z = cylinder
    x, z = (x - cx) / radius, (z - cz) / radius
    return torch.atan2(x, -z) * radius, y, light_x * x + light_z * z
