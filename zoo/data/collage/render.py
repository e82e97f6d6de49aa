"""A batch of collages by index: two views of a place, objects in one of them, and the camera's faults in both."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.collage import camera
from zoo.data.collage.library import Library
from zoo.data.collage.objects import Objects
from zoo.data.scenes.draw import Draw

VERSION = 1  # raised whenever a picture changes
EMPTY = 1 / 8  # share of scenes without an object
MOST = 8  # objects of a scene
TAKEN = 0.08  # share of objects that stand in the plate alone: taken away since, and no object of the photo


@torch.no_grad()
def render(
    plates: Library,
    textures: Library,
    cutouts: Library | None,
    split: str,
    indices: np.ndarray,
    size: tuple[int, int],
    device: torch.device,
) -> Sample:
    """Scenes of a split by index, as one batch."""
    draw = Draw(f"collage {VERSION} {split}", indices, device)
    count = torch.where(draw.chance(EMPTY), 0, 1 + (draw.uniform(0, 1) ** 4 * MOST).long())
    bg, fg_bg, view = camera.pair(draw, plates, size)
    fg_bg = camera.lit(draw, fg_bg, 0.6)
    fg_bg, bg = camera.shaded(draw, fg_bg, 0.3), camera.shaded(draw, bg, 0.1)
    mask = torch.zeros_like(bg[:, :1])
    number, scene = _pairs(count)
    if len(scene):
        objects = Draw(
            f"collage object {VERSION} {split}", indices[scene.cpu().numpy()] * MOST + number.cpu().numpy(), device
        )
        parts = Laid.make(objects, split, textures, cutouts, bg[scene])
        for each in range(int(count.max())):
            here = number == each
            parts.lay(bg, fg_bg, mask, scene[here], here)
    bg, fg_bg = (camera.exposed(draw, image) for image in (bg, fg_bg))
    metas: tuple[dict[str, Any], ...] = tuple(
        {"source": f"collage{VERSION}", "split": split, "index": index, "bg": plates.names[photo], "objects": objects}
        for index, photo, objects in zip(indices.tolist(), view.which.tolist(), count.tolist(), strict=True)
    )
    nothing = torch.zeros_like(mask)
    return Sample(bg, fg_bg, mask, nothing, torch.cat([nothing + 1, nothing], 1), metas)


def _pairs(count: Tensor) -> tuple[Tensor, Tensor]:
    """For each object of the batch its number in its scene, and its scene."""
    number, scene = (torch.arange(MOST, device=count.device)[:, None] < count).nonzero().unbind(1)
    return number, scene


@dataclass(frozen=True)
class Laid:
    """Every object of a batch by itself, ready to be laid over its scene: (n, ...)."""

    light: Tensor  # (n, 1, h, w): what its shadow leaves
    colour: Tensor  # (n, 3, h, w)
    alpha: Tensor  # (n, 1, h, w)
    taken: Tensor  # (n, 1, 1, 1): it stands in the plate

    @classmethod
    def make(cls, draw: Draw, split: str, textures: Library, cutouts: Library | None, plates: Tensor) -> "Laid":
        """plates (n, 3, h, w): each object's."""
        n, _, h, w = plates.shape
        taken = draw.chance(TAKEN)[:, None, None, None]
        objects = Objects.make(draw, split, (h, w), cutouts)
        light, place = objects.light(), objects.place()
        colour, alpha = plates.new_zeros(n, h, w, 3), plates.new_zeros(n, 1, h, w)
        colour.view(-1, 3)[place.at] = objects.paint(place, textures, plates)
        alpha.view(-1)[place.at] = objects.cover(place)
        return cls(light, colour.permute(0, 3, 1, 2), alpha, taken)

    def lay(self, bg: Tensor, fg_bg: Tensor, mask: Tensor, scene: Tensor, here: Tensor) -> None:
        """Change plate, photo and mask, in place, by some of the objects, at most one for each scene."""
        taken, alpha = self.taken[here], self.alpha[here]
        target = torch.where(taken, bg[scene], fg_bg[scene])
        target = torch.lerp(target * self.light[here], self.colour[here], alpha)
        bg[scene] = torch.where(taken, target, bg[scene])
        fg_bg[scene] = torch.where(taken, fg_bg[scene], target)
        mask[scene] = torch.where(taken, mask[scene], torch.lerp(mask[scene], torch.ones_like(alpha), alpha))
