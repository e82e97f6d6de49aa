"""What is drawn by chance for a batch of scenes: worlds, what stands and what visits them, and who looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw, lattice
from zoo.data.wild.chances import chances
from zoo.data.wild.parts import SLOTS
from zoo.data.wild.raster import Shown, Solids
from zoo.data.wild.things import around, made, visiting
from zoo.data.wild.views import Camera, Light
from zoo.data.wild.world import World, surfaces

VERSION = 2  # of PairBench's renderer; raised whenever a picture changes
EMPTY, GLASS = 0.1, 0.05  # shares: of scenes, of objects
TAKEN = 0.08  # of objects: it stands in the plate alone
MOST = 6  # objects of a scene
ELSEWHERE = 1 << 40  # where the worlds of wrong plates begin
PLATE, PHOTO, BEHIND = range(3)  # who looks: BEHIND sees the photo without its objects of glass
SWAY = 0.06  # metres


@dataclass
class Views:
    """v pictures: the b plates, the b photos, then what is needed to make them: behind glass, and mirror images."""

    role: Tensor  # (v,)
    row: Tensor  # (v,) of the world
    scene: Tensor  # (v,)
    flipped: Tensor  # (v,) it is the image in the ground
    camera: Camera
    light: Light

    def __getitem__(self, rows: Tensor) -> "Views":
        return Views(**{name: value[rows] for name, value in vars(self).items()})


@dataclass
class Stage:
    """Everything that there is, and who looks at it."""

    world: World
    materials: Tensor  # (columns, n)
    solids: Solids
    visits: Tensor  # (p,) the solid is there in: 0 all pictures, 1 the photo, 2 the plate
    is_glass: Tensor  # (things,)
    first: int  # row of the first thing that visits
    seed: Tensor  # (b,)
    count: Tensor  # (b,) objects
    sway: float  # metres that leaves move, at one metre over the ground
    views: Views

    @classmethod
    def draw(
        cls, split: str, indices: np.ndarray, size: tuple[int, int], device: torch.device, only: str | None
    ) -> "Stage":
        chance = chances(only)
        b = len(indices)
        draw = Draw(f"wild {VERSION} {split}", indices, device)
        wrong = draw.chance(chance["wrong_plate"]).nonzero()[:, 0]
        numbers = np.concatenate([indices, indices[wrong.cpu().numpy()] + ELSEWHERE])
        worlds = Draw(f"wild world {VERSION} {split}", numbers, device)
        world = World.draw(worlds, split)
        walls = surfaces(worlds, split, world)
        still, camera = around(worlds, world), Camera.draw(worlds, world)
        rows = torch.arange(b, device=device)
        plate_row = rows.clone()
        plate_row[wrong] = b + torch.arange(len(wrong), device=device)
        cameras, lights = _both(draw, worlds, world, camera, plate_row, chance)
        count = torch.where(draw.chance(EMPTY), 0, 1 + (draw.uniform(0, 1) ** 2.5 * MOST).long())
        number, scene = (torch.arange(MOST, device=device)[:, None] < count).nonzero().unbind(1)
        stream = indices[scene.cpu().numpy()] * MOST + number.cpu().numpy()
        objects = Draw(f"wild object {VERSION} {split}", stream, device)
        taken, is_glass = objects.chance(TAKEN if only is None else 0.0), objects.chance(GLASS)
        things = made(split, world, still, visiting(objects, world, scene, camera.focal[scene], size))
        solids = Solids.of(things, SLOTS)
        solids.material += walls.shape[1]
        views = _views(world, plate_row, scene[is_glass & ~taken], cameras, lights)
        return cls(
            world=world,
            materials=torch.cat([walls, things.materials], 1),
            solids=solids,
            visits=torch.cat([torch.zeros_like(still.world), torch.where(taken, 2, 1)])[solids.thing],
            is_glass=torch.cat([torch.zeros_like(still.world, dtype=torch.bool), is_glass]),
            first=len(still.x),
            seed=draw.seed(),
            count=count,
            sway=SWAY * (chance["wind"] > 0),
            views=views,
        )

    def shown(self, views: Views) -> Shown:
        """Which of the views see which solids; leaves are where the wind has them then."""
        role, solids, visits = views.role, self.solids, self.visits[:, None]
        is_there = (visits == 0) | ((visits == 1) & (role != PLATE)) | ((visits == 2) & (role == PLATE))
        is_there &= ~(self.is_glass[solids.thing][:, None] & (visits > 0) & (role == BEHIND))
        solid, view = ((solids.world[:, None] == views.row) & is_there).nonzero().unbind(1)
        centre = solids.centre[:, solid]
        start = self.seed[views.scene].int()[view]
        wind = lattice((centre[0] * 1000).int(), (role == PLATE).int()[view], start) - 0.5
        sway = wind * (2 * self.sway) * solids.sways[solid] * centre[1].clamp(0, 4)
        return Shown(solid, view, torch.stack([centre[0] + sway, centre[1], centre[2] + 0.5 * sway]))


def _both(
    draw: Draw, worlds: Draw, world: World, camera: Camera, plate_row: Tensor, chance: Mapping[str, float]
) -> tuple[Camera, Light]:
    """Cameras and lights of the b plates, then of the b photos."""
    b = len(plate_row)
    rows = torch.arange(b, device=plate_row.device)
    light = Light.draw(worlds, world)
    moved = camera[plate_row].moved(draw, torch.exp(draw.uniform(0.7, 2.3)), chance)
    later = light[plate_row].later(draw, Light.draw(draw, world[rows]), chance["light"])
    return Camera.both(moved, camera[rows]), Light.both(later, light[rows])


def _views(world: World, plate_row: Tensor, with_glass: Tensor, cameras: Camera, lights: Light) -> Views:
    b = len(plate_row)
    rows = torch.arange(b, device=plate_row.device)
    is_wet = world.wet > 0
    behind = torch.isin(rows, with_glass).nonzero()[:, 0]
    plates, photos = is_wet[plate_row].nonzero()[:, 0], is_wet[rows].nonzero()[:, 0]
    scene = torch.cat([rows, rows, behind, plates, photos])
    looks = ((PLATE, rows), (PHOTO, rows), (BEHIND, behind), (PLATE, plates), (PHOTO, photos))
    role = torch.cat([torch.full_like(some, who) for who, some in looks])
    is_flipped = torch.arange(len(scene), device=scene.device) >= 2 * b + len(behind)
    who = scene + torch.where(role == PLATE, 0, b)
    row = torch.where(role == PLATE, plate_row[scene], scene)
    return Views(role, row, scene, is_flipped, cameras[who], lights[who])
