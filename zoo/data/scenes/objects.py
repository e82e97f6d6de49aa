"""Objects standing in a scene: where they are, what of them a pixel sees, their shadow and their mirror image."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.cache import few_at_once
from zoo.data.scenes.camera import Camera
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.layouts import SKY, Layout
from zoo.data.scenes.lines import LINE, Lines
from zoo.data.scenes.shapes import Shapes
from zoo.data.scenes.textures import Materials, Pattern, paint, taken
from zoo.data.scenes.trace import Hits

CONTRAST = 0.36  # mean difference of brightness between an object and what it hides, unless it is camouflaged
THICK = 0.09  # how far an object bulges towards the camera, share of its height


@dataclass
class Stand:
    """The lines of pixels that may see an object, and what they see; all (n, LINE)."""

    lines: Lines
    cover: Tensor  # 0 to 1
    mirror: Tensor  # 0 to 1: of its image upside down in the ground
    inside: Tensor  # 0 at the outline, 1 deep inside
    x: Tensor  # place on the object in metres
    y: Tensor
    z: Tensor  # depth of its surface
    pixel: Tensor  # metres


@dataclass
class Figures:
    """Upright objects facing the camera, n of each scene: the first of all scenes, then the second."""

    shapes: Shapes
    materials: Materials  # one row
    x: Tensor  # (n * b,) metres
    z: Tensor
    present: Tensor  # (n * b,) booleans

    @classmethod
    def draw(
        cls, draw: Draw, split: str, layout: Layout, camera: Camera, palette: Tensor, size: tuple[int, int], z: Tensor
    ) -> "Figures":
        """z: how far away they stand, (b,) metres."""
        seen = 0.42 * size[1] / max(size) / camera.focal * z  # half of what the camera sees there, a little less
        x = draw.uniform(-1, 1) * torch.minimum(seen, layout.half_width + 0.15 * z)
        foreign = draw.uniform(0.05, 0.95, 5, 3)
        own = draw.chance(0.6)  # colours of the scene, or of anywhere
        colours = torch.where(own[:, None, None], palette, foreign)
        materials = Materials.draw(draw, split, 1, colours, vary=0.5)
        return cls(Shapes.draw(draw, split), materials, x, z, torch.ones_like(own))

    @classmethod
    def joined(cls, parts: "Sequence[Figures]") -> "Figures":
        """More than one of each scene."""
        shapes = Shapes.joined([each.shapes for each in parts])
        materials = Materials.joined([each.materials for each in parts])
        return cls(
            shapes, materials, *(torch.cat([getattr(each, name) for each in parts]) for name in ("x", "z", "present"))
        )

    def stand(self, camera: Camera, rays: Tensor, mirrored: Tensor) -> Stand:
        """Which pixels see an object or, where told (b,), its mirror image."""
        size = rays.shape[2], rays.shape[3]
        scene, tall = self._scene(rays.shape[1]), self.shapes.height
        wide, high = (reach * tall for reach in self.shapes.reach)
        deep = torch.where(mirrored[scene], high, 0.0)
        left, right = self.x - wide, self.x + wide
        corners = torch.stack([left, left, right, right, high, -deep, high, -deep, *[self.z] * 4])
        corners = camera.seen_at(corners.view(3, 4, -1, rays.shape[1]).permute(0, 2, 3, 1), size)
        lines = Lines.around(corners.view(2, -1, 4), torch.where(self.present, scene, -1), size)
        eye, pixel = camera.height[scene], camera.pixel(*size)[scene]
        table = torch.stack([self.x, self.z, tall, wide, high, deep, eye, pixel])
        return self._seen(lines, table, rays.flatten(1).index_select(1, lines.at.view(-1)).view(3, -1, LINE))

    def _seen(self, lines: Lines, table: Tensor, rays: Tensor) -> Stand:
        """Those of the lines that see something; rays (3, n, LINE)."""
        thing, (dx, dy, dz) = lines.thing[:, None], rays
        middle, z, tall, wide, high, deep, eye, pixel = taken(table, thing)
        t = (z / dz.clamp_(min=1e-3)).clamp_(max=1e3)
        x, y, pixel = (dx * t).sub_(middle), (dy * t).add_(eye), t * pixel
        distance = self.shapes.distance(x / tall, y.abs().div_(tall), thing).mul_(tall)
        cover = (0.5 - distance / pixel).clamp_(0, 1)
        cover.mul_((x.abs() < wide).logical_and_(y < high).logical_and_(y > -deep))
        some = (cover.amax(1) > 0).nonzero()[:, 0]
        columns = (cover, distance, x, y, t, pixel, tall)
        cover, distance, x, y, t, pixel, tall = (each.index_select(0, some) for each in columns)
        inside = (distance / (-THICK * tall)).clamp_(0, 1).sqrt_()
        fading = (1 + y / (0.6 * tall)).clamp_(0, 1)  # the mirror image is clear at the foot only
        upright, mirror = cover * (y >= 0), fading.mul_(cover).mul_(y < 0)
        return Stand(lines.picked(some), upright, mirror, inside, x, y.abs(), t - THICK * tall * inside, pixel)

    def _scene(self, b: int) -> Tensor:
        """Of b, the scene of each."""
        return torch.arange(len(self.x), device=self.x.device) % b

    def paint(self, stand: Stand, light: Tensor, ambient: Tensor, families: tuple[Pattern, ...]) -> Tensor:
        """Colours (3, n, LINE), shaded as something round."""
        thing, scene = stand.lines.thing[:, None], stand.lines.scene[:, None]
        colour = paint(self.materials, thing, 2 * stand.x, 2 * stand.y, 2 * stand.pixel, families)
        (tall,) = taken(self.shapes.height[None], thing)
        aside, ambient = taken(torch.stack([light[:, 0], ambient]), scene)
        across = (stand.x / (0.25 * tall)).clamp_(-1, 1).mul_(0.25 * aside)
        return colour.mul_((0.3 * stand.inside).add_(0.62).add_(across).mul_(ambient))

    def stand_out(self, background: Tensor, stand: Stand) -> None:
        """Lighten or darken the objects' colours where they are, in the mean, those of what they hide, (b, 3, h, w)."""
        n, lines, weight = len(self.x), stand.lines, stand.cover * stand.lines.anew
        parts = [weight]
        for channel in range(3):
            places = lines.places(channel, background[0, 0].numel())
            parts.append(background.view(-1).index_select(0, places).view_as(weight).mul_(weight))
        total, *hidden = torch.stack([each.sum(1) for each in parts])
        sums = weight.new_zeros(4, n).index_add_(1, lines.thing, torch.stack([total, *hidden]))
        seen = (sums[1:] / sums[0].clamp(min=1e-6)).T
        own = self.materials
        gap = (0.8 * (0.4 * own.first + 0.4 * own.second + 0.2 * own.third)[:, 0] - seen).mean(1)
        way = torch.where(seen.mean(1) > 0.5, -1.0, 1.0)  # where there is more room
        shift = torch.where(gap.abs() < CONTRAST, way * CONTRAST - gap, 0.0)[:, None, None] / 0.8
        for colour in (own.first, own.second, own.third):
            colour.add_(shift).clamp_(0.02, 1)

    def disguise(self, where: Tensor, materials: Materials, hits: Hits, stand: Stand) -> None:
        """Where told (b,), take the look of the surface behind most of the object."""
        if not where.any():
            return
        (n, b), rows, lines = (len(self.x), len(where)), materials.family.shape[1], stand.lines
        surface = hits.surface.view(-1).index_select(0, lines.at.view(-1)).view_as(lines.at)
        votes = stand.cover.new_zeros(n * rows)
        votes.index_add_(0, (surface + lines.thing[:, None] * rows).view(-1), (stand.cover * lines.anew).view(-1))
        scene = self._scene(b)
        self.materials.dress(0, materials, (scene, votes.view(n, rows).argmax(1)), where[scene])

    def shadows(self, hits: Hits, light: Tensor, some: Tensor) -> tuple[Lines, Tensor]:
        """Where objects take light from what pixels see, and how much of it, (n, LINE); in scenes `some` (b,) only."""
        b, pixels = len(some), hits.z[:1].numel()
        which = (self.present & some.repeat(len(self.x) // b)).nonzero()[:, 0]
        x, y, away, surface = (each.view(b, -1) for each in (hits.x, hits.y, hits.away, hits.surface))
        reached = [torch.zeros(0, pixels, dtype=torch.bool, device=x.device)]
        for few in few_at_once(len(which), pixels, x.device):
            at = which[few]
            place = torch.stack([each.index_select(0, at % b) for each in (x, y, away)])
            aside, up, s = self._cast(place, at[:, None], light)
            there = (aside.abs() < 1).logical_and_(s > 0.02).logical_and_(up > 0).logical_and_(up < 1.3)
            reached.append(there.logical_and_(surface.index_select(0, at % b) != SKY))
        lines = Lines.of(torch.cat(reached), which % b)
        thing = which.index_select(0, lines.thing)[:, None]
        place = torch.stack([each.view(-1).index_select(0, lines.at.view(-1)).view(-1, LINE) for each in (x, y, away)])
        aside, up, s = self._cast(place, thing, light)
        (tall,) = taken(self.shapes.height[None], thing)
        soft = s.clamp(0, 6).mul_(0.05 / tall).add_(0.02)
        dark = (0.5 - self.shapes.distance(aside, up, thing) / soft).clamp_(0, 1)
        lines.thing = thing[:, 0]
        return lines, dark.mul_((4 * (1.3 - up)).clamp_(0, 1))

    def _cast(self, place: Tensor, which: Tensor, light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where the way from places (3, n, k) to the light meets the plane of an object, (n, 1), and how far that is.

        Aside and up, in the object's heights.
        """
        table = torch.stack([self.x, self.z, self.shapes.height, *light[self._scene(len(light))].unbind(1)])
        (x, y, away), (middle, z, tall, lx, ly, lz) = place, taken(table, which)
        s = (z - away).div_(lz)
        return (s * lx).add_(x).sub_(middle).div_(tall), (s * ly).add_(y).div_(tall), s
