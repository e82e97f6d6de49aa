"""A batch of scenes: layout, light, textures, objects, and what the camera made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.scenes import textures
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.faults import Faults, changed, photograph, softened
from zoo.data.scenes.layouts import FAR, GROUND, KINDS, SURFACES, Layout
from zoo.data.scenes.objects import Figures
from zoo.data.scenes.textures import Materials, noise, paint
from zoo.data.scenes.trace import Camera, Hits, trace
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
    objects: list[Figures]  # the farther one first
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
        return cls(camera, layout, materials, light, fog, haze, ambient, objects, draw.seed(), draw.seed(), families)


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
    photo, mask, z = _with_objects(scenery, faults, plate, rays, hits)
    depth, near, far = _relative(z)
    plate, photo = (softened(image.permute(0, 3, 1, 2)) for image in (plate, photo))
    bg, fg_bg = photograph(plate, photo, faults, scenery.grain_seed)
    metas = _metas(split, tier, indices, near, far, scenery)
    return Sample(bg, fg_bg, mask[:, None], depth[:, None], torch.ones_like(torch.stack([mask, depth], 1)), metas)


def _plate(scenery: Scenery, hits: Hits) -> Tensor:
    """Each surface's colour in its light, through fog, (b, h, w, 3)."""
    scene = torch.arange(len(hits.z), device=hits.z.device)[:, None, None]
    footprint = _footprint(hits, scenery.camera)
    colour = paint(scenery.materials, hits.surface, hits.u, hits.v, footprint, scenery.families, scene)
    colour = colour * (hits.shade * scenery.ambient[:, None, None])[..., None]
    return _foggy(colour, hits.z, scenery.fog[:, None, None], scenery.haze[:, None, None])


def _with_objects(
    scenery: Scenery, faults: Faults, plate: Tensor, rays: Tensor, hits: Hits
) -> tuple[Tensor, Tensor, Tensor]:
    """The plate with leaves moved, shadows and objects, (b, h, w, 3); the objects' mask and z, (b, h, w) each."""
    photo, z = _leaves(plate, hits, faults.leaves, scenery.leaf_seed), hits.z.flatten()
    if (faults.shadow != 0).any():
        for each in scenery.objects:
            shadow = each.shadow(rays, hits, scenery.light, faults.shadow != 0)
            photo = photo * (1 - faults.shadow[:, None, None] * shadow)[..., None]
    pixels, mask = photo.reshape(-1, 3), torch.zeros_like(z)
    for each in scenery.objects:
        seen = each.stand(scenery.camera, rays, faults.reflection != 0)
        each.stand_out(plate, seen)
        each.disguise(faults.camouflage, scenery.materials, hits, seen)
        look = each.paint(seen, scenery.light, scenery.ambient, scenery.families)
        look = _foggy(look, seen.z, *(each.index_select(0, seen.scene) for each in (scenery.fog, scenery.haze)))
        behind, old_mask, old_z, surface = (
            each.index_select(0, seen.at) for each in (pixels, mask, z, hits.surface.flatten())
        )
        cover = seen.cover * (seen.z < old_z)
        mirror = seen.mirror * (surface == GROUND) * faults.reflection.index_select(0, seen.scene)
        pixels.index_copy_(0, seen.at, torch.lerp(behind, look, torch.maximum(cover, mirror)[:, None]))
        mask.index_copy_(0, seen.at, torch.lerp(old_mask, torch.ones_like(cover), cover))  # where either object is
        z.index_copy_(0, seen.at, torch.where(cover > 0.5, seen.z, old_z))
    return pixels.view_as(plate), mask.view_as(hits.z), z.view_as(hits.z)


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
    """Colours (..., 3) at depths (...) through fog (...) of a colour (..., 3)."""
    return torch.lerp(colour, haze.expand_as(colour), 1 - torch.exp(-fog * z.clamp(max=FAR / 2))[..., None])


def _leaves(plate: Tensor, hits: Hits, strength: Tensor, seed: Tensor) -> Tensor:
    """The plate (b, h, w, 3) with patches of it moved, as leaves do."""
    some = strength != 0
    h, w = plate.shape[1:3]
    side = max(h, w)

    def moved(images: Tensor) -> Tensor:
        x = (torch.arange(w, device=plate.device) / side)[None, None].expand(len(images), h, w)
        y = (torch.arange(h, device=plate.device) / side)[None, :, None].expand_as(x)
        start, size = seed[some].int()[:, None, None], torch.zeros_like(x)
        patch = ((noise(x * 3, y * 3, start, size) - 0.55) * 8).clamp(0, 1) * (hits.surface[some] != GROUND)
        sway = torch.stack([(noise(x * 14, y * 14, start + k, size) - 0.5) * 2 for k in (1, 2)], 1)
        away = sway * (patch * strength[some][:, None, None] * side * 1.6)[:, None]
        return displaced(images.permute(0, 3, 1, 2), away).permute(0, 2, 3, 1)

    return changed(plate, some, moved)


def _metas(
    split: str, tier: str, indices: np.ndarray, near: Tensor, far: Tensor, scenery: Scenery
) -> tuple[dict[str, Any], ...]:
    """One dictionary per scene, of plain numbers."""
    count = torch.stack([each.present for each in scenery.objects]).sum(0)
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
