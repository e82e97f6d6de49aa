"""Objects standing in a scene: where they are, what of them a pixel sees, their shadow and their mirror image.

Objects fill a small part of a picture, so everything is computed for a list of pixels, (n,), with the scene each is of.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw
from zoo.data.scenes.layouts import Layout
from zoo.data.scenes.shapes import Shapes
from zoo.data.scenes.textures import Materials, Pattern, paint
from zoo.data.scenes.trace import Camera, Hits

CONTRAST = 0.36  # mean difference of brightness between an object and what it hides, unless it is camouflaged
THICK = 0.09  # how far an object bulges towards the camera, share of its height


@dataclass
class Stand:
    """The pixels that may see one object per scene, and what they see; all (n,)."""

    at: Tensor  # place in the flattened (b, h, w)
    scene: Tensor
    cover: Tensor  # 0 to 1
    mirror: Tensor  # 0 to 1: of its image upside down in the ground
    inside: Tensor  # 0 at the outline, 1 deep inside
    x: Tensor  # place on the object in metres
    y: Tensor
    z: Tensor  # depth of its surface
    pixel: Tensor  # metres


@dataclass
class Figures:
    """One upright object per scene, facing the camera."""

    shapes: Shapes
    materials: Materials  # one row
    x: Tensor  # (b,) metres
    z: Tensor
    present: Tensor  # (b,) booleans

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

    def stand(self, camera: Camera, rays: Tensor, mirrored: Tensor) -> Stand:
        """Which pixels see the object or, where told (b,), its mirror image."""
        dx, dy, dz = rays.unbind(1)
        t = (self.z[:, None, None] / dz.clamp(min=1e-3)).clamp(max=1e3)
        x = dx * t - self.x[:, None, None]
        y = camera.height[:, None, None] + dy * t
        tall = self.shapes.height[:, None, None]
        wide, high = (reach[:, None, None] * tall for reach in self.shapes.reach)
        deep = torch.where(mirrored[:, None, None], high, 0.0)
        wide = torch.where(self.present[:, None, None], wide, -1.0)  # one that is not there is seen nowhere
        near = (x.abs() < wide).logical_and_(y < high).logical_and_(y > -deep)
        at = near.flatten().nonzero()[:, 0]
        scene = at // (t.shape[1] * t.shape[2])
        x, y, t = (each.flatten().index_select(0, at) for each in (x, y, t))
        tall = self.shapes.height.index_select(0, scene)
        distance = self.shapes.distance(x / tall, y.abs() / tall, scene) * tall
        pixel = t * camera.pixel(*rays.shape[-2:]).index_select(0, scene)
        cover = (0.5 - distance / pixel).clamp(0, 1)
        inside = (-distance / (THICK * tall)).clamp(0, 1).sqrt()
        fading = (1 + y / (0.6 * tall)).clamp(0, 1)  # the mirror image is clear at the foot only
        some = (cover > 0).nonzero()[:, 0]
        columns = (
            at,
            scene,
            cover * (y >= 0),
            cover * (y < 0) * fading,
            inside,
            x,
            y.abs(),
            t - THICK * tall * inside,
            pixel,
        )
        return Stand(*(column.index_select(0, some) for column in columns))

    def paint(self, stand: Stand, light: Tensor, ambient: Tensor, families: tuple[Pattern, ...]) -> Tensor:
        """Colour (n, 3), shaded as something round."""
        row = torch.zeros_like(stand.scene)
        colour = paint(self.materials, row, 2 * stand.x, 2 * stand.y, 2 * stand.pixel, families, stand.scene)
        tall, aside, ambient = (
            each.index_select(0, stand.scene) for each in (self.shapes.height, light[:, 0], ambient)
        )
        across = (stand.x / (0.25 * tall)).clamp(-1, 1) * aside
        return colour * ((0.62 + 0.3 * stand.inside + 0.25 * across) * ambient)[:, None]

    def stand_out(self, background: Tensor, stand: Stand) -> None:
        """Lighten or darken the object's colours where they are, in the mean, those of what it hides, (b, h, w, 3)."""
        b = len(self.x)
        hidden = _total(background.view(-1, 3).index_select(0, stand.at) * stand.cover[:, None], stand.scene, b)
        hidden = hidden / _total(stand.cover, stand.scene, b).clamp(min=1e-6)[:, None]
        own = self.materials
        gap = (0.8 * (0.4 * own.first + 0.4 * own.second + 0.2 * own.third)[:, 0] - hidden).mean(1)
        way = torch.where(hidden.mean(1) > 0.5, -1.0, 1.0)  # where there is more room
        shift = torch.where(gap.abs() < CONTRAST, way * CONTRAST - gap, 0.0)[:, None, None] / 0.8
        for colour in (own.first, own.second, own.third):
            colour.add_(shift).clamp_(0.02, 1)

    def disguise(self, where: Tensor, materials: Materials, hits: Hits, stand: Stand) -> None:
        """Where told (b,), take the look of the surface behind most of the object."""
        rows = materials.family.shape[1]
        votes = _total(
            stand.cover, stand.scene * rows + hits.surface.flatten().index_select(0, stand.at), len(self.x) * rows
        )
        self.materials.dress(0, materials, votes.view(-1, rows).argmax(1), where)

    def shadow(self, rays: Tensor, hits: Hits, light: Tensor, some: Tensor) -> Tensor:
        """How much of the light the object takes from what each pixel sees, (b, h, w); in scenes `some` (b,) only."""
        lx, ly, lz = (value[:, None, None] for value in light.unbind(1))
        s = (self.z[:, None, None] - rays[:, 2] * hits.z) / lz  # along the way to the light, to the object's plane
        tall = self.shapes.height[:, None, None]
        x = (rays[:, 0] * hits.z + s * lx - self.x[:, None, None]) / tall
        y = (hits.y + s * ly) / tall
        wide = torch.where(self.present & some, 1.0, -1.0)[:, None, None]
        reached = (x.abs() < wide).logical_and_(s > 0.02).logical_and_(y > 0).logical_and_(y < 1.3)
        at = reached.flatten().nonzero()[:, 0]
        scene = at // (s.shape[1] * s.shape[2])
        x, y, s = (each.flatten().index_select(0, at) for each in (x, y, s))
        soft = 0.02 + 0.05 * s.clamp(0, 6) / self.shapes.height.index_select(0, scene)
        dark = (0.5 - self.shapes.distance(x, y, scene) / soft).clamp(0, 1) * (4 * (1.3 - y)).clamp(0, 1)
        return torch.zeros(reached.numel(), device=dark.device).index_copy_(0, at, dark).view(reached.shape)


def _total(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Sums of the values (n, ...) of each group."""
    return values.new_zeros(groups, *values.shape[1:]).index_add(0, group, values)
