"""What some views see: the light of every pixel, how far away it is, and of what."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from zoo.data.wild import shade
from zoo.data.wild.raster import dot, meet
from zoo.data.wild.stage import Stage, Views
from zoo.data.wild.world import GROUND, SURFACES


@dataclass
class Picture:
    """v views of n pixels: (3, v, n) the light, (v, n) all else."""

    light: Tensor
    t: Tensor
    thing: Tensor
    glass: Tensor  # share of what is behind
    wet: Tensor  # share of the image in the ground

    @classmethod
    def joined(cls, parts: "list[Picture]") -> "Picture":
        one, *others = parts
        columns = {name: [getattr(part, name) for part in parts] for name in vars(one)}
        return cls(**{name: torch.cat(each, -2) for name, each in columns.items()}) if others else one


def look(stage: Stage, views: Views, size: tuple[int, int], sheet: Tensor) -> Picture:
    """The views' pictures; sheet: the textures."""
    world, light = stage.world[views.row], views.light
    grids, shown = views.camera.grids(size, views.flipped), stage.shown(views)
    seen = shade.room(grids, world, views.row * SURFACES)
    leaves = partial(shade.leaves, stage.solids, stage.materials, sheet)
    shade.stand(seen, meet(grids, stage.solids, shown, seen.t.view(-1), leaves), stage.solids)
    place = torch.addcmul(grids.eye[..., None], seen.rays, seen.t)
    sun = dot(seen.normal, light.to_sun.T[..., None]).clamp_(min=0)
    shadows = shade.shadows(stage.solids, shown, light, world, views.camera.eye.T, 3 * max(size) // 4)
    sun.mul_(shade.lit(place, *shadows))
    way = seen.rays * dot(seen.rays, seen.rays).rsqrt_()
    facing = dot(seen.normal, way)
    ground = shade.painted(seen, facing, shade.lengths(grids.across), stage.materials, sheet)
    mix = ground.mix.clone()
    colour = shade.arriving(seen, place, light, sun).mul_(ground.albedo).addcmul_(light.glow.T[..., None], ground.glow)
    colour = shade.mirrored(colour, seen, way, facing, ground, light, sun)
    colour = shade.through_air(colour, seen, light, world.clouds, mix)
    return Picture(colour, seen.t, seen.thing, *_veils(stage, seen, facing, world.wet))


def _veils(stage: Stage, seen: shade.Seen, facing: Tensor, wet: Tensor) -> tuple[Tensor, Tensor]:
    """How much of what is behind glass, and of the ground's mirror image, is seen."""
    behind, below = torch.zeros_like(facing), torch.zeros_like(facing)
    if stage.is_glass.any():
        is_glass = stage.is_glass[seen.thing.clamp(min=0)] & (seen.thing >= 0)
        behind = facing.abs().mul_(0.75).mul_(is_glass)
    if (wet > 0).any():
        glance = (1 - facing.abs()).clamp_(min=0).square_().square_()
        below = glance.mul_(0.9).add_(0.08).mul_(wet[:, None]).mul_(seen.surface == GROUND)
    return behind, below
