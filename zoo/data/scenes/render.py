"""A batch of scenes: layout, light, textures, objects, and what the camera made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.scenes import textures
from zoo.data.scenes.cache import few_at_once
from zoo.data.scenes.camera import Camera
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.faults import Faults, changed, photograph, softened
from zoo.data.scenes.layouts import FAR, GROUND, KINDS, SURFACES, Layout
from zoo.data.scenes.lines import Lines
from zoo.data.scenes.objects import Figures
from zoo.data.scenes.textures import Materials, noise, paint, taken
from zoo.data.scenes.trace import Hits, trace
from zoo.data.warp import displaced

VERSION = 1  # raised whenever a picture changes
EMPTY = 0.1  # share of scenes without an object
SECOND = 0.3  # share of scenes with two
NEAREST = 0.6  # metres; nothing is nearer to the camera


@dataclass
class Scenery:
    """What a batch of scenes is made of, before anything is looked at."""

    camera: Camera
    layout: Layout
    materials: Materials
    light: Tensor  # (b, 3) a unit vector towards it
    fog: Tensor  # (b,)
    haze: Tensor  # (b, 3) its colour
    ambient: Tensor  # (b,)
    objects: Figures  # two of each scene, the farther one first
    leaf_seed: Tensor
    grain_seed: Tensor
    families: tuple[textures.Pattern, ...]  # of textures

    @classmethod
    def draw(cls, draw: Draw, split: str, size: tuple[int, int]) -> "Scenery":
        camera, layout = Camera.draw(draw), Layout.draw(draw, split)
        palette = _palette(draw)
        materials = Materials.draw(draw, split, SURFACES, palette)
        light = _light(draw)
        fog, haze, ambient = draw.uniform(0.0, 0.035), palette[:, 0] * 0.4 + 0.5, draw.uniform(0.85, 1.1)
        low, high = layout.depth_range.unbind(1)
        away = low + (high - low) * draw.uniform(0, 1, 2).T ** 1.5
        away = away.sort(0, descending=True).values
        objects = [Figures.draw(draw, split, layout, camera, palette, size, z) for z in away]
        count = draw.uniform(0, 1)
        objects[1].present = count >= EMPTY
        objects[0].present = count >= 1 - SECOND
        families = textures.SPLITS[split]
        both = Figures.joined(objects)
        return cls(camera, layout, materials, light, fog, haze, ambient, both, draw.seed(), draw.seed(), families)


@torch.no_grad()
def render(
    split: str,
    tier: str,
    indices: np.ndarray,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    only: str | None = None,
) -> Sample:
    """Scenes of a split by index, as one batch; only: one perturbation of the hard tier, alone."""
    scenery = Scenery.draw(Draw(f"pairbench {VERSION} {split}", indices, device), split, size)
    faults = Faults.draw(Draw(f"faults {VERSION} {split}", indices, device), tier, only)
    rays = scenery.camera.rays(*size)
    hits = trace(scenery.camera, scenery.layout, rays, scenery.light)
    plate = _plate(scenery, hits)
    photo = _with_objects(scenery, faults, plate, rays, hits)
    mask, (depth, near, far) = photo.mask, _relative(photo.z)
    bg, fg_bg = photograph(softened(plate), softened(photo.colour), faults, scenery.grain_seed)
    metas = _metas(split, tier, indices, near, far, scenery)
    return Sample(bg, fg_bg, mask[:, None], depth[:, None], torch.ones_like(torch.stack([mask, depth], 1)), metas)


def _plate(scenery: Scenery, hits: Hits) -> Tensor:
    """Each surface's colour in its light, through fog, (b, 3, h, w)."""
    b, h, w = hits.z.shape
    footprint, shade = _footprint(hits, scenery.camera), hits.shade * scenery.ambient[:, None, None]
    plate = torch.empty(b, 3, h, w, device=hits.z.device)
    for few in few_at_once(b, h * w, plate.device):
        row, u, v, pixel = (each[few].view(-1) for each in (hits.row, hits.u, hits.v, footprint))
        colour = paint(scenery.materials, row, u, v, pixel, scenery.families).view(3, -1, h, w).mul_(shade[few])
        fog, haze = scenery.fog[few, None, None], scenery.haze[few].T[..., None, None]
        plate[few] = _foggy(colour, hits.z[few], fog, haze).transpose(0, 1)
    return plate


def _with_objects(scenery: Scenery, faults: Faults, plate: Tensor, rays: Tensor, hits: Hits) -> "_Photo":
    """The plate with leaves moved, shadows and objects."""
    photo = _Photo(_leaves(plate, hits, faults.leaves, scenery.leaf_seed), torch.zeros_like(hits.z), hits.z.clone())
    objects, b = scenery.objects, len(hits.z)
    if (faults.shadow != 0).any():
        lines, dark = objects.shadows(hits, scenery.light, faults.shadow != 0)
        light = 1 - dark.mul_(faults.shadow[lines.scene, None])
        for which in _nearer_last(lines, b):
            photo.darken(lines.picked(which), light.index_select(0, which))
    seen = objects.stand(scenery.camera, rays, faults.reflection != 0)
    objects.stand_out(plate, seen)
    objects.disguise(faults.camouflage, scenery.materials, hits, seen)
    look = objects.paint(seen, scenery.light, scenery.ambient, scenery.families)
    air = taken(torch.cat([scenery.fog[None], scenery.haze.T]), seen.lines.scene[:, None])
    look = _foggy(look, seen.z, air[0], air[1:])
    on_ground = hits.surface.view(-1).index_select(0, seen.lines.at.view(-1)).view_as(seen.z) == GROUND
    mirror = seen.mirror.mul_(on_ground).mul_(faults.reflection[seen.lines.scene, None])
    for which in _nearer_last(seen.lines, b):
        maps = (each.index_select(0, which).view(-1) for each in (seen.z, seen.cover, mirror))
        photo.lay(seen.lines.picked(which), look.index_select(1, which).view(3, -1), *maps)
    return photo


def _nearer_last(lines: Lines, b: int) -> list[Tensor]:
    """The numbers of the lines of each scene's first object, and of its second."""
    return [(lines.thing // b == number).nonzero()[:, 0] for number in range(2)]


@dataclass
class _Photo:
    """A batch of photos in the making."""

    colour: Tensor  # (b, 3, h, w)
    mask: Tensor  # (b, h, w)
    z: Tensor  # (b, h, w) metres

    def darken(self, lines: Lines, light: Tensor) -> None:
        """Leave this share of the light, (n, LINE)."""
        for channel in range(3):
            places = lines.places(channel, self.z[0].numel())
            self._set(self.colour, places, self._at(self.colour, places).mul_(light.view(-1)))

    def lay(self, lines: Lines, look: Tensor, z: Tensor, cover: Tensor, mirror: Tensor) -> None:
        """Put an object there: its colours (3, m), how far away it is, how much it covers, and its mirror image."""
        at = lines.at.view(-1)
        old_z, old_mask = self._at(self.z, at), self._at(self.mask, at)
        cover = cover * (z < old_z)
        either = torch.maximum(cover, mirror)
        for channel, own in enumerate(look):
            places = lines.places(channel, self.z[0].numel())
            self._set(self.colour, places, torch.lerp(self._at(self.colour, places), own, either))
        self._set(self.mask, at, torch.lerp(old_mask, torch.ones_like(cover), cover))  # where either object is
        self._set(self.z, at, torch.where(cover > 0.5, z, old_z))

    @staticmethod
    def _at(whole: Tensor, places: Tensor) -> Tensor:
        return whole.view(-1).index_select(0, places)

    @staticmethod
    def _set(whole: Tensor, places: Tensor, values: Tensor) -> None:
        whole.view(-1).scatter_(0, places, values)


def _relative(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Relative depth (b, h, w) of metres, and the nearest and farthest of each scene, (b,)."""
    is_sky = z >= FAR
    near = z.flatten(1).amin(1).clamp(min=NEAREST)
    far = torch.where(is_sky, 0, z).flatten(1).amax(1).clamp(min=near + 0.5)
    depth = (1 / near[:, None, None] - 1 / z) / (1 / near - 1 / far)[:, None, None]
    return torch.where(is_sky, 1.0, depth.clamp(0, 1)), near, far


def _palette(draw: Draw) -> Tensor:
    """Five colours that go together, (b, 5, 3): hues around one, of every brightness."""
    hue = draw.uniform(0, 1)[:, None] + draw.uniform(-0.12, 0.12, 5) + 0.5 * draw.chance(0.25, 5)
    saturation, value = draw.uniform(0.03, 0.5, 5), draw.uniform(0.25, 1.0, 5)
    wheel = ((hue[..., None] + torch.tensor([0.0, 2 / 3, 1 / 3], device=hue.device)) % 1 * 6 - 3).abs() - 1
    return value[..., None] * (1 + saturation[..., None] * (wheel.clamp(0, 1) - 1))


def _light(draw: Draw) -> Tensor:
    """A unit vector towards the light, (b, 3); never along the picture, so that shadows fall before or behind."""
    height, turn = draw.uniform(0.45, 1.1), draw.uniform(-0.9, 0.9)
    behind = torch.where(draw.chance(0.6), -1.0, 1.0)
    flat = torch.cos(height)
    return torch.stack([flat * torch.sin(turn), torch.sin(height), behind * flat * torch.cos(turn)], 1)


def _footprint(hits: Hits, camera: Camera) -> Tensor:
    """The size of a pixel on the surface, (b, h, w): flat ground far away is seen at a glancing angle."""
    glance = torch.where(hits.surface == GROUND, hits.z / camera.height[:, None, None], 1.2)
    return hits.z * camera.pixel(*hits.z.shape[1:])[:, None, None] * glance.clamp(1, 12).sqrt()


def _foggy(colour: Tensor, z: Tensor, fog: Tensor, haze: Tensor) -> Tensor:
    """Colours (3, ...) at depths (...) through fog (...) of a colour (3, ...)."""
    return torch.lerp(colour, haze, 1 - torch.exp(-fog * z.clamp(max=FAR / 2)))


def _leaves(plate: Tensor, hits: Hits, strength: Tensor, seed: Tensor) -> Tensor:
    """A copy of the plate (b, 3, h, w) with patches of it moved, as leaves do."""
    h, w = plate.shape[-2:]
    side = max(h, w)
    x = (torch.arange(w, device=plate.device) / side)[None, None]
    y = (torch.arange(h, device=plate.device) / side)[None, :, None]
    still = torch.zeros_like(x)

    def moved(few: Tensor, at: Tensor) -> Tensor:
        start = seed[at].int()[:, None, None]
        patch = ((noise(x * 3, y * 3, start, still) - 0.55) * 8).clamp(0, 1) * (hits.surface[at] != GROUND)
        sway = torch.stack([(noise(x * 14, y * 14, start + k, still) - 0.5) * 2 for k in (1, 2)], 1)
        away = sway * (patch * strength[at][:, None, None] * side * 1.6)[:, None]
        return displaced(few, away)

    return changed(plate.clone(), strength != 0, moved)


def _metas(
    split: str, tier: str, indices: np.ndarray, near: Tensor, far: Tensor, scenery: Scenery
) -> tuple[dict[str, Any], ...]:
    """One dictionary per scene, of plain numbers."""
    count = scenery.objects.present.view(-1, len(near)).sum(0)
    columns = [column.tolist() for column in (indices, near, far, scenery.layout.kind, count)]
    return tuple(
        {
            "source": f"pairbench{VERSION}:{tier}",
            "split": split,
            "index": index,
            "near": nearest,
            "far": farthest,
            "layout": KINDS[kind],
            "objects": objects,
        }
        for index, nearest, farthest, kind, objects in zip(*columns, strict=True)
    )
