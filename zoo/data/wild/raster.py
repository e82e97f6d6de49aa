"""What rays meet first: solids, each tried only where the picture may show it.

All solids of all views are one list of pixels: the number of operations does not grow with the number of solids.
A view is a grid of rays: of a camera, from one point, or of the light, all alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.wild.things import WOOD, Things

NEAR = 0.25  # metres; a solid that reaches nearer is not shown


@dataclass
class Solids:
    """p boxes and round bodies; in its own frame each is within -1 to 1."""

    world: Tensor  # (p,)
    thing: Tensor  # (p,) the row of what it is a part of
    material: Tensor  # (p,) a column of the materials
    is_body: Tensor
    centre: Tensor  # (3, p)
    frame: Tensor  # (3, 3, p): what turns a way in the world into one in its frame
    edges: Tensor  # (3, 3, p): from its middle to its three sides, [in the world, side]
    half: Tensor  # (3, p) metres
    curve: Tensor  # (2, p)
    hole: Tensor  # (p,)
    sways: Tensor  # (p,) it is of leaves

    @classmethod
    def of(cls, things: Things, slots: int) -> "Solids":
        """materials are numbered by thing and slot."""
        parts = things.parts
        along = parts.end - parts.start
        long = along.norm(dim=-1)
        exists = (parts.half.amin(-1) > 1e-3) & (long > 1e-4) & (things.height > 0.01)[:, None]
        thing, part = exists.nonzero().unbind(1)
        a, b, half = parts.start[thing, part], parts.end[thing, part], parts.half[thing, part]
        up = (b - a).T
        reach = up.norm(dim=0)
        up = up / reach
        right = torch.stack([up[1] + 1e-4, -up[0], torch.zeros_like(reach)])
        right = right / right.norm(dim=0)
        ahead = torch.linalg.cross(right, up, dim=0)
        axes = torch.stack([right, up, ahead], 1)  # (3 in the thing's frame, 3 axes, p)
        height, turn, lean = things.height[thing], things.turn[thing], things.lean[thing]
        axes, middle = _placed(axes, (0.5 * (a + b)).T, turn, lean)
        centre = middle * height + torch.stack([things.x[thing], things.y[thing], things.z[thing]])
        sizes = torch.stack([half[:, 0], 0.5 * reach, half[:, 1]]) * height
        edges = axes * sizes
        return cls(
            things.world[thing],
            thing,
            thing * slots + parts.slot[thing, part],
            parts.is_body[thing, part],
            centre,
            (axes / sizes).transpose(0, 1).contiguous(),
            edges,
            sizes,
            parts.curve[thing, part].T.contiguous(),
            parts.hole[thing, part],
            things.sways[thing] & (parts.slot[thing, part] != WOOD),
        )


def _placed(axes: Tensor, middle: Tensor, turn: Tensor, lean: Tensor) -> tuple[Tensor, Tensor]:
    """Axes (3, k, p) and places (3, p) of parts, leant about the thing's middle and turned about the vertical."""
    cos, sin = torch.cos(lean), torch.sin(lean)
    both = torch.cat([axes, (middle - _HALF.to(middle))[:, None]], 1)
    x, y, z = both
    x, y = cos * x - sin * y, sin * x + cos * y
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, z = cos * x + sin * z, cos * z - sin * x
    both = torch.stack([x, y, z])
    return both[:, :-1], both[:, -1] + _HALF.to(middle)


_HALF = torch.tensor([[0.0], [0.5], [0.0]])


@dataclass
class Grids:
    """v views of h x w rays: pixel (column, row) looks from origin + column * across + row * down along the ray."""

    size: tuple[int, int]
    eye: Tensor  # (3, v)
    corner: Tensor  # (3, v) the ray of pixel (0, 0); of light: where that ray starts
    across: Tensor  # (3, v) a column further
    down: Tensor  # (3, v)
    ray: Tensor | None = None  # (3, v) of light: the way of all its rays

    def boxes(self, solids: Solids, shown: "Shown") -> tuple[Tensor, ...]:
        """The first and last column and row, each (m,), in which solids may be seen."""
        which, view = shown.solid, shown.view
        signs = _CORNERS.to(solids.edges)
        points = shown.centre[..., None] + torch.einsum("ikm,kc->imc", solids.edges[:, :, which], signs)
        points = points - self.eye[:, view, None]
        across, down, start = self.across[:, view], self.down[:, view], self.corner[:, view]
        if self.ray is None:
            ahead = torch.linalg.cross(across, down, dim=0)
            scale = 1 / (ahead * start).sum(0)
            depth = (points * ahead[..., None]).sum(0) * scale[:, None]
            columns = (points * torch.linalg.cross(down, start, dim=0)[..., None]).sum(0) * scale[:, None] / depth
            rows = (points * torch.linalg.cross(start, across, dim=0)[..., None]).sum(0) * scale[:, None] / depth
            is_ahead = depth.amin(1) > NEAR
        else:
            points = points - start[..., None]
            columns = (points * across[..., None]).sum(0) / (across * across).sum(0)[:, None]
            rows = (points * down[..., None]).sum(0) / (down * down).sum(0)[:, None]
            is_ahead = torch.ones_like(which, dtype=torch.bool)
        h, w = self.size
        left, right = columns.amin(1).ceil().clamp(0, w), (columns.amax(1).floor() + 1).clamp(0, w)
        top, bottom = rows.amin(1).ceil().clamp(0, h), (rows.amax(1).floor() + 1).clamp(0, h)
        return left.int(), right.int() * is_ahead, top.int(), bottom.int()


_CORNERS = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]).T


@dataclass
class Shown:
    """Which solids which views show, (m,) each, and where they are then, (3, m)."""

    solid: Tensor
    view: Tensor
    centre: Tensor

    def __getitem__(self, some: Tensor) -> "Shown":
        return Shown(self.solid[some], self.view[some], self.centre[:, some])


@dataclass
class Found:
    """The solids that are met first, at pixels (k,)."""

    at: Tensor  # in the flattened (v, h, w)
    t: Tensor
    solid: Tensor
    place: Tensor  # (3, k) in the solid's frame


Keep = Callable[[Tensor, Tensor], Tensor]  # places (3, k) in the frames of solids (k,) -> whether there is a leaf


def meet(grids: Grids, solids: Solids, shown: Shown, t: Tensor, keep: Keep | None = None) -> Found:
    """The solids that are shown; t: how far rays go (v * h * w,), which is shortened in place."""
    hits = []
    for is_body in (False, True):
        some = solids.is_body[shown.solid] == is_body
        hits.append(_tried(grids, solids, shown[some], keep if is_body else None, is_body=is_body))
    at, found, solid, place = (torch.cat(column, -1) for column in zip(*hits, strict=True))
    t.scatter_reduce_(0, at, found, "amin")
    first = (found <= taken(t, at)).nonzero()[:, 0]
    return Found(taken(at, first), taken(found, first), taken(solid, first), taken(place, first))


def taken(values: Tensor, at: Tensor) -> Tensor:
    """values (..., n) at places (k,): (..., k); index_select is ten times as fast as values[..., at]."""
    return values.index_select(-1, at)


def dot(one: Tensor, other: Tensor) -> Tensor:
    """(3, ...) and (3, ...) -> (...)."""
    return (one[0] * other[0]).addcmul_(one[1], other[1]).addcmul_(one[2], other[2])


def _tried(grids: Grids, solids: Solids, shown: Shown, keep: Keep | None, *, is_body: bool) -> tuple[Tensor, ...]:
    """Every pixel that a solid is seen in: where, how far, which solid, and the place in its frame."""
    which, view = shown.solid, shown.view
    left, right, top, bottom = grids.boxes(solids, shown)
    wide, high = (right - left).clamp(min=0), (bottom - top).clamp(min=0)
    high = high * (wide > 0)
    frame = solids.frame[:, :, which]

    def turned(way: Tensor) -> Tensor:
        return torch.stack([dot(row, way) for row in frame])

    start = turned(grids.eye[:, view] - shown.centre)
    step, fall, first = (turned(way[:, view]) for way in (grids.across, grids.down, grids.corner))
    h, w = grids.size
    line = _owners(high)  # each row of each solid
    row = _counted(high, line) + taken(top, line)
    base = torch.addcmul(taken(first + step * left, line), taken(fall, line), row.float())
    if grids.ray is not None:
        base, start = base + taken(start, line), turned(grids.ray[:, view])
    shape = [solids.curve[:, which], solids.hole[None, which]] if is_body else []
    table = torch.cat([base, taken(torch.cat([step, start, *shape]), line)])  # a column for each row of each solid
    place = taken(view * (h * w) + left, line) + row * w
    widths = taken(wide, line)
    entry = _owners(widths)
    column = _counted(widths, entry)
    at = taken(place, entry).add_(column)
    found = taken(table, entry)
    other, shape = found[6:9], [*found[9:]]
    ray = found[:3].addcmul_(found[3:6], column.float())
    origin, ray = (other, ray) if grids.ray is None else (ray, other)
    found = _body(origin, ray, *shape) if is_body else _box(origin, ray)
    hit = (found < torch.inf).nonzero()[:, 0]
    t, solid = taken(found, hit), taken(which, taken(line, taken(entry, hit)))
    place = torch.addcmul(taken(origin, hit), taken(ray, hit), t)
    at = taken(at, hit)
    return (at, t, solid, place) if keep is None else _leaves(keep, solids, at, t, solid, place)


def _leaves(keep: Keep, solids: Solids, at: Tensor, t: Tensor, solid: Tensor, place: Tensor) -> tuple[Tensor, ...]:
    """What is met without the gaps between leaves."""
    leafy = taken(solids.sways, solid).nonzero()[:, 0]
    whole = torch.ones_like(solid, dtype=torch.bool)
    whole[leafy] = keep(taken(place, leafy), taken(solid, leafy))
    whole = whole.nonzero()[:, 0]
    return tuple(taken(each, whole) for each in (at, t, solid, place))


def _owners(lengths: Tensor) -> Tensor:
    """For each entry the row it belongs to."""
    return torch.repeat_interleave(lengths).int()


def _counted(lengths: Tensor, owner: Tensor) -> Tensor:
    """0, 1, 2, ... for each owner's entries."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(len(owner), device=owner.device, dtype=torch.int32).sub_(taken(starts.int(), owner))


def _box(origin: Tensor, ray: Tensor) -> Tensor:
    slope = 1 / torch.where(ray.abs() < 1e-9, 1e-9, ray)
    middle, reach = origin * slope, slope.abs()
    enter, leave = (-middle - reach).amax(0), (reach - middle).amin(0)
    return torch.where((enter < leave) & (enter > 0), enter, torch.inf)


def _body(origin: Tensor, ray: Tensor, slope: Tensor, bend: Tensor, hole: Tensor) -> Tensor:
    """When rays enter a body with the radius sqrt(1 + slope y + bend y^2), through its mantle or an end."""
    ox, oy, oz = origin
    dx, dy, dz = ray
    bent = torch.addcmul(slope * 0.5, bend, oy)  # half the change of the radius' square
    a = torch.addcmul(dx * dx, dz, dz).sub_(dy * dy * bend)
    half_b = torch.addcmul(ox * dx, oz, dz).sub_(bent * dy)
    c = torch.addcmul(ox * ox, oz, oz).sub_(bent.mul_(2).sub_(bend * oy).mul_(oy)).sub_(1)
    root = torch.addcmul(half_b * half_b, a, c, value=-1)
    mantle = half_b.add_(root.clamp(min=0).sqrt_()).div_(a).neg_()
    inside = ((oy + mantle * dy).abs_() <= 1) & (root > 0) & (mantle > 0)
    mantle.masked_fill_(~inside, torch.inf)
    end = torch.where(dy > 0, -1.0, 1.0)
    cap = (end - oy).div_(torch.where(dy.abs() < 1e-9, 1e-9, dy))
    x, z = torch.addcmul(ox, cap, dx), torch.addcmul(oz, cap, dz)
    radius = x.mul_(x).addcmul_(z, z)
    capped = (radius <= end.mul_(slope).add_(bend).add_(1)) & (radius >= hole * hole) & (cap > 0)
    return torch.minimum(mantle, cap.masked_fill_(~capped, torch.inf))
