"""A batch of wild scenes: two cameras, two times, one world, and objects that only one of them sees."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.scenes.draw import Draw
from zoo.data.scenes.faults import softened
from zoo.data.wild import bank, lens
from zoo.data.wild.chances import chances
from zoo.data.wild.layouts import FAR, KINDS
from zoo.data.wild.picture import Picture, look
from zoo.data.wild.stage import BEHIND, PLATE, VERSION, Stage

NEAREST = 0.3  # metres
AT_ONCE = 1 << 18  # pixels that a processor looks at in one go, so that they stay in its cache


@torch.no_grad()
def render(
    split: str, indices: np.ndarray, size: tuple[int, int], device: torch.device, only: str | None = None
) -> Sample:
    """Scenes of a split by index, as one batch; only: one difference between plate and photo, alone."""
    b, (h, w) = len(indices), size
    stage = Stage.draw(split, indices, size, device, only)
    sheet = bank.atlas(split, device)
    views = torch.arange(len(stage.views.role), device=device)
    step = max(1, AT_ONCE // (h * w)) if device.type == "cpu" else len(views)
    seen = Picture.joined([look(stage, stage.views[some], size, sheet) for some in torch.split(views, step)])
    light = _mixed(stage, seen, b).view(3, 2 * b, h, w).transpose(0, 1)
    mask = (seen.thing[b : 2 * b] >= stage.first).float().view(b, 1, h, w)
    draw = Draw(f"wild lens {VERSION} {split}", indices, device)
    images = lens.developed(draw, softened(light), stage.views.light.dark[: 2 * b], chances(only))
    images = lens.exposed(draw, images, chances(only))
    depth, near, far = _relative(seen.t[b : 2 * b].view(b, h, w))
    metas = _metas(split, indices, near, far, stage)
    valid = torch.ones(b, 2, h, w, device=device)
    return Sample(images[:b], images[b:], softened(mask), depth[:, None], valid, metas)


def _mixed(stage: Stage, seen: Picture, b: int) -> Tensor:
    """The 2 b pictures' light (3, 2 b, n), with what is seen through glass and in the ground."""
    views, light = stage.views, seen.light[:, : 2 * b].clone()
    for which in (views.role == BEHIND, views.flipped):
        other = which.nonzero()[:, 0]
        target = views.scene[other] + torch.where(views.role[other] == PLATE, 0, b)
        through = seen.glass if which is not views.flipped else seen.wet
        light[:, target] = torch.lerp(light[:, target], seen.light[:, other], through[target])
    return light


def _relative(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Relative depth (b, h, w) of metres, and the nearest and farthest of each scene, (b,)."""
    is_sky = z >= FAR
    near = z.flatten(1).amin(1).clamp(min=NEAREST)
    far = torch.where(is_sky, 0, z).flatten(1).amax(1).clamp(min=near + 0.3)
    depth = (1 / near[:, None, None] - 1 / z) / (1 / near - 1 / far)[:, None, None]
    return torch.where(is_sky, 1.0, depth.clamp(0, 1)), near, far


def _metas(split: str, indices: np.ndarray, near: Tensor, far: Tensor, stage: Stage) -> tuple[dict[str, Any], ...]:
    """One dictionary per scene, of plain numbers."""
    columns = [each.tolist() for each in (indices, near, far, stage.world.kind[: len(indices)], stage.count)]
    return tuple(
        {
            "source": f"pairbench{VERSION}:wild",
            "split": split,
            "index": index,
            "near": nearest,
            "far": farthest,
            "layout": KINDS[kind],
            "objects": count,
        }
        for index, nearest, farthest, kind, count in zip(*columns, strict=True)
    )
