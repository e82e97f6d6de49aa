"""How a network copes with one perturbation at a time: IoU and RMSE against its strength, on scenes it has not seen.

PairBench's clean tier is perturbed for networks of any tier; other data is perturbed on its own test split. A curve
needs fewer scenes than a ranking, and each is seen 40 times: MOST_IMAGES of the cell's, spread evenly. Strengths cover
the range that occurs: a plate is off by 1.5 % of the width in the hand, and by 6 to 12 % on another day.
At strength 0 a pair is what it was, to the bit. What is random in a perturbation follows from the scene's index alone,
so it is the same for every network, batch and strength: a shadow stays in its place and gets darker.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.measures.accuracy import at_once, require_numbers
from benchmarks.store.files import number
from benchmarks.store.record import AccuracySettings, Found, Raw, SensitivitySettings
from registry import require_each
from zoo import data, machine
from zoo.contract import TASKS, Sample
from zoo.data.scenes.draw import Draw, lattice
from zoo.data.scenes.jpeg import jpeg
from zoo.data.warp import each, move, turning
from zoo.metrics import Accumulator
from zoo.metrics.bootstrap import intervals
from zoo.metrics.evaluate import indices
from zoo.metrics.inference import Inference
from zoo.model import PairModel
from zoo.progress import Tick

MOST_IMAGES = 128
METRICS = {"mask": "mask_iou", "depth": "depth_rmse"}
NOTHING_THERE = {"mask": "mask_false_area"}  # where the right mask is empty, and depth unknown
AGAIN = (0.2, 0.02, 40.0)  # gain, noise and compression of another exposure
REACH = (0.15, 0.4)  # of a shadow from its middle, as shares of the sides
SOFT = 0.8  # width of a shadow's edge, as a share of its reach
CLEAN = "pairbench:clean"
OTHER = 99991  # from one row of random numbers to another

Change = Callable[[Sample, float, "BatchScenes"], Sample]


@dataclass(frozen=True)
class Perturbation:
    """What is done to the pairs, in which unit its strength is, and at which strengths it is looked at."""

    summary: str
    unit: str
    strengths: tuple[float, ...]  # from 0, nothing, up
    change: Change
    metrics: Mapping[str, str] = field(default_factory=lambda: METRICS)  # by task


def measure(model: PairModel, cell: SensitivitySettings, *, device: str, tick: Tick) -> Found:
    """The curves of a cell with its perturbation; each scene is rendered once and seen at every strength."""
    name, place = cell.perturbation, machine.choose(device)
    require_each("perturbation", name, (name,), PERTURBATIONS)
    scenes, strengths = test_set(cell), PERTURBATIONS[name].strengths
    chosen = indices(len(scenes), images(cell.test_images), scenes)
    damaged = scenes.damaged(chosen)
    chosen = [index for index in chosen if index not in damaged]
    known, of_task = getattr(scenes, "tasks", TASKS), PERTURBATIONS[name].metrics
    metrics = [of_task[task] for task in model.face.tasks if task in known and task in of_task]
    tables = [Accumulator(metrics=metrics) for _ in strengths]
    perturbed_pairs = pairs(name, scenes, chosen, place, strengths)
    seen = 0
    for n, (prediction, sample) in enumerate(Inference(device=place).predict(model, perturbed_pairs)):
        tables[n % len(strengths)].update(prediction, sample)
        seen += len(sample.fg_bg)
        tick(f"sensitivity to {name}", seen, len(chosen) * len(strengths))
    results = [table.compute() for table in tables]
    for result in results:
        require_numbers(result.broken, result.images)
    spans = [intervals(result) for result in results]
    curves = {metric: [number(result.values[metric]) for result in results] for metric in metrics}
    around = {metric: [[*map(number, span[metric])] for span in spans] for metric in metrics}
    return Found({"strength": list(strengths), **curves}, around, Raw(images=len(chosen)))


def images(tested: int) -> int:
    """How many scenes a curve is measured on, where so many are tested."""
    return min(tested, MOST_IMAGES)


def test_set(cell: AccuracySettings) -> data.PairDataset:
    """Clean test scenes of PairBench where one of its tiers was learned from; else the test split of that data."""
    source = cell.tested_on.partition("(")[0].partition(":")[0].strip()
    return data.load(CLEAN if source == "pairbench" else cell.tested_on, split="test", size=cell.size)


def perturbed(name: str, batch: Sample, strength: float, scene: "BatchScenes") -> Sample:
    """A batch with a perturbation; at strength 0 the batch itself."""
    if strength == 0:
        return batch
    changed = PERTURBATIONS[name].change(batch, strength, scene)
    return changed._replace(bg=changed.bg.clamp(0, 1), fg_bg=changed.fg_bg.clamp(0, 1))


class BatchScenes:
    """What a perturbation may ask of a batch's scenes: random numbers of their own, and the plates of others."""

    def __init__(
        self, name: str, scenes: data.PairDataset, here: Sequence[int], others: Sequence[int], place: torch.device
    ):
        self.name, self.scenes, self.here, self.others, self.place = name, scenes, np.asarray(here), others, place

    def draw(self) -> Draw:
        """The same numbers each time."""
        return Draw(f"sensitivity {self.name}", self.here, self.place)

    def other_plates(self) -> Tensor:
        return self.scenes.batch(self.others).bg.to(self.place)


def shift(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    w = batch.bg.shape[-1]
    angle = scene.draw().uniform(0, 2 * math.pi)
    matrix = torch.eye(3).to(batch.bg).repeat(len(batch.bg), 1, 1)
    matrix[:, :2, 2] = strength * w * torch.stack([angle.cos(), angle.sin()], 1)
    return batch._replace(bg=move(batch.bg, matrix))


def turn(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    h, w = batch.bg.shape[-2:]
    return batch._replace(bg=move(batch.bg, turning(strength * _sign(scene), h, w)))


def gain(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    return batch._replace(bg=batch.bg * (1 + strength * _sign(scene))[:, None, None, None])


def shadow(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    return batch._replace(fg_bg=batch.fg_bg * (1 - strength * _shade(batch.fg_bg, scene.draw())))


def noise(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    b, c, h, w = batch.fg_bg.shape
    x = torch.arange(w, device=scene.place, dtype=torch.int32)
    y = torch.arange(2 * c * h, device=scene.place, dtype=torch.int32).view(2 * c, h, 1)
    start = scene.draw().seed().int().view(b, 1, 1, 1)
    radius = (-2 * torch.log(1 - lattice(x, y, start))).sqrt()  # Box and Muller's way to the normal distribution
    grain = radius * torch.cos(2 * math.pi * lattice(x, y, start + OTHER))
    bg, fg_bg = (
        image + strength * part for image, part in zip((batch.bg, batch.fg_bg), grain.chunk(2, 1), strict=True)
    )
    return batch._replace(bg=bg, fg_bg=fg_bg)


def compression(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    quality = torch.full((len(batch.bg),), 100 - strength, device=scene.place)
    return batch._replace(bg=jpeg(batch.bg, quality), fg_bg=jpeg(batch.fg_bg, quality))


def wrong_plate(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    return batch._replace(bg=torch.lerp(batch.bg, scene.other_plates(), strength))


def swapped(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    return _empty(batch._replace(bg=batch.fg_bg, fg_bg=batch.bg))


def unchanged(batch: Sample, strength: float, scene: BatchScenes) -> Sample:
    again = _empty(batch._replace(fg_bg=batch.bg))
    for change, amount in zip((gain, noise, compression), AGAIN, strict=True):
        again = change(again, amount, scene)
        again = again._replace(bg=again.bg.clamp(0, 1), fg_bg=again.fg_bg.clamp(0, 1))
    return again


def _empty(batch: Sample) -> Sample:
    """Without an object, and of unknown depth: what is known of a scene is that of the other picture."""
    known = torch.cat([batch.valid[:, :1], torch.zeros_like(batch.valid[:, 1:])], 1)
    return batch._replace(mask=torch.zeros_like(batch.mask), valid=known)


PERTURBATIONS = {
    "shift": Perturbation(
        "the plate shifted in any direction", "share of the width", (0, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 0.12), shift
    ),
    "turn": Perturbation("the plate turned about its centre, either way", "degrees", (0, 0.5, 1, 2, 4, 5), turn),
    "gain": Perturbation(
        "the plate brighter or darker", "share of the brightness", (0, 0.05, 0.1, 0.2, 0.4, 0.6), gain
    ),
    "shadow": Perturbation("a soft shadow only in fg_bg", "share of light lost", (0, 0.2, 0.4, 0.6, 0.8), shadow),
    "noise": Perturbation(
        "noise in both images, independently", "standard deviation, of 1", (0, 0.01, 0.02, 0.05, 0.1, 0.12), noise
    ),
    "compression": Perturbation(
        "both images compressed again, as JPEG", "100 - quality; 0: not at all", (0, 20, 50, 75, 90), compression
    ),
    "wrong_plate": Perturbation("the plate of another scene", "0: right, 1: wrong", (0, 1), wrong_plate),
    "swapped": Perturbation(
        "the plate as photo and the photo as plate: no object",
        "0: as it was, 1: swapped",
        (0, 1),
        swapped,
        NOTHING_THERE,
    ),
    "unchanged": Perturbation(
        "two exposures of the plate: no object", "0: as it was, 1: no change at all", (0, 1), unchanged, NOTHING_THERE
    ),
}


def _sign(scene: BatchScenes) -> Tensor:
    """-1 or 1 for each scene, (b,)."""
    return torch.where(scene.draw().chance(0.5), -1.0, 1.0)


def _shade(image: Tensor, draw: Draw) -> Tensor:
    """How far each pixel is inside of a soft ellipse, (b, 1, h, w) from 0 to 1."""
    h, w = image.shape[-2:]
    middle, reach = draw.uniform(0.2, 0.8, 2)[..., None, None], draw.uniform(*REACH, 2)[..., None, None]
    x = (torch.arange(w, device=image.device) + 0.5) / w
    y = (torch.arange(h, device=image.device)[:, None] + 0.5) / h
    away = torch.hypot((x - middle[:, 0]) / reach[:, 0], (y - middle[:, 1]) / reach[:, 1])  # 1 on the ellipse
    inside = ((1 - away) / SOFT + 0.5).clamp(0, 1)
    return (inside * inside * (3 - 2 * inside))[:, None]


def pairs(
    name: str, scenes: data.PairDataset, chosen: Sequence[int], place: torch.device, strengths: Sequence[float]
) -> Iterator[Sample]:
    """Each batch at each strength; a wrong plate is that of the next scene."""
    h, w = scenes.size or scenes[chosen[0]].fg_bg.shape[-2:]
    step = at_once(h, w)
    following = [*chosen[1:], chosen[0] if len(chosen) > 1 else (chosen[0] + 1) % len(scenes)]
    for at in range(0, len(chosen), step):
        part = slice(at, at + step)
        batch = each(lambda value: value.to(place), scenes.batch(chosen[part]))
        scene = BatchScenes(name, scenes, chosen[part], following[part], place)
        for strength in strengths:
            yield perturbed(name, batch, strength, scene)
