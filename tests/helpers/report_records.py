"""A whole run of networks that never ran, drawn at random: for tests of the page."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from records import GPU, record
from records import MACHINE as CPU

from benchmarks.store.record import Look, Machine, Raw, Record

__all__ = ["CPU", "GPU", "records"]

NAMES = {
    "founding": ("plain_cnn", "unet", "resnet18_unet", "two_stream", "resunet", "u2net", "u2netp", "densedepth"),
    "family": ("fpn", "linknet", "manet", "pan", "pspnet", "deeplabv3", "deeplabv3plus", "unetplusplus", "upernet"),
    "baseline": ("frame_difference", "aligned_difference"),
    "yours": ("my_net.py:Net",),
}
LAYOUTS = ("contiguous", "channels_last")
PERTURBATIONS = ("plate_shift", "turn", "gain", "shadow", "noise", "compression", "wrong_plate")
GAP = 2


def records(
    folder: Path | None = None,
    *,
    networks: int = 20,
    sizes: Sequence[tuple[int, int]] = ((64, 64),),
    machines: Sequence[Machine] = (CPU,),
    seeds: int = 1,
    tiers: Sequence[str] = ("hard",),
    scenes: int = 4,
) -> list[Record]:
    """A full run: cost, speed in two layouts on every machine, accuracy on the first; pictures where asked."""
    found: list[Record] = []
    for group, name in [(group, name) for group, names in NAMES.items() for name in names][-networks:]:
        chance = random.Random(name)
        heavy, good = chance.lognormvariate(0, 1.1), chance.uniform(0.45, 0.93)
        network = {"model": name, "spec": f"{name}(in_ch=6, width={chance.randrange(8, 64)})", "group": group}
        for size in sizes:
            made = _Cells(network, size, chance, heavy * size[0] * size[1] / 4096, good)
            found += made.costs()
            for number, machine in enumerate(machines):
                found += made.speeds(machine, 1 / (1 + 9 * number))
            for tier in tiers:
                for seed in range(seeds):
                    found += made.accuracies(machines[0], tier, seed, folder, scenes)
    return found


class _Cells:
    """The records of one network at one size."""

    def __init__(
        self, network: dict[str, str], size: tuple[int, int], chance: random.Random, heavy: float, good: float
    ):
        self.network, self.size, self.chance, self.heavy, self.good = network, size, chance, heavy, good

    def costs(self) -> Iterator[Record]:
        flops = int(4e9 * self.heavy)
        params = int(9e6 * self.chance.lognormvariate(0, 1))
        values = {"params": params, "trainable": params, "weight_bytes": 4 * params, "macs": flops // 2, "flops": flops}
        yield self._record("cost", values=values | {"uncounted": {"upsample_bilinear2d": 1}})

    def speeds(self, machine: Machine, factor: float) -> Iterator[Record]:
        for layout in LAYOUTS:
            cell = {"layout": layout, "device": machine.device}
            middle = 9 * factor * self.heavy**0.8 * self.chance.uniform(0.8, 1.2)
            rounds = [[middle * self.chance.gauss(1, 0.02) for _ in range(5)] for _ in range(8)]
            values = {"ms": middle, "p5": 0.96 * middle, "p95": 1.07 * middle, "p99": None}
            spans = {"ms": [0.985 * middle, 1.02 * middle]}
            timed = {"rounds_ms": rounds}
            yield self._record("latency", cell=cell, values=values, intervals=spans, raw=timed, machine=machine)
            speed = 1900 / middle
            yield self._record(
                "throughput", cell=cell, values={"images_per_s": speed, "batch": 8},
                intervals={"images_per_s": [0.98 * speed, 1.01 * speed]}, machine=machine,
            )  # fmt: skip
            memory = int(4e7 * self.heavy**0.6)
            values = {"inference_bytes": memory, "training_bytes": 4 * memory}
            yield self._record("memory", cell=cell, values=values, machine=machine)

    def accuracies(self, machine: Machine, tier: str, seed: int, folder: Path | None, scenes: int) -> Iterator[Record]:
        good = self.good * (1 if tier == "hard" else 1.04) * self.chance.gauss(1, 0.008)
        cell = {"data": f"pairbench:{tier}", "seed": seed, "test_images": 100}
        curve = tuple(
            Look(
                samples=1000 * step,
                seconds=11.0 * step * self.heavy**0.5,
                mask_iou=good * (1 - 0.7 * 0.6**step) + self.chance.gauss(0, 0.008),
                depth_rmse=0.3 - 0.22 * good * (1 - 0.8**step) + self.chance.gauss(0, 0.002),
            )
            for step in range(1, 11)
        )
        rmse = 0.3 - 0.22 * good
        values = {
            "mask_iou": good, "mask_boundary_f": good**1.5, "depth_rmse": rmse, "depth_delta1": None, "seconds": 110.0,
        }  # fmt: skip
        spans = {"mask_iou": [good - 0.012, good + 0.011], "depth_rmse": [rmse - 0.003, rmse + 0.003]}
        images = {"mask_iou_image": [min(self.chance.gauss(good, 0.03), 1) for _ in range(100)]}
        yield self._record(
            "accuracy", cell=cell, values=values, intervals=spans, raw=Raw(curve=curve, per_image=images),
            machine=machine, gallery=self._sheet(folder, tier, scenes) if folder and seed == 0 else None,
        )  # fmt: skip
        for perturbation in PERTURBATIONS if seed == 0 else ():
            fall = self.chance.uniform(0.1, 0.7)
            strength = [0.0, 0.25, 0.5, 0.75, 1.0]
            curves = {
                "mask_iou": [good * (1 - fall * s**1.5) for s in strength],
                "depth_rmse": [rmse * (1 + s * fall) for s in strength],
            }
            yield self._record(
                "sensitivity", cell=cell | {"perturbation": perturbation}, values={"strength": strength} | curves,
                raw={"images": 100}, machine=machine,
            )  # fmt: skip

    def _record(self, measure: str, *, cell: Mapping[str, Any] | None = None, **changes: Any) -> Record:
        return record(measure, **self.network, cell={"size": self.size} | dict(cell or {}), **changes)

    def _sheet(self, folder: Path, tier: str, scenes: int) -> str:
        """Rows of bg, fg_bg, true mask, predicted mask, true depth, predicted depth."""
        height, width = self.size
        sheet = Image.new("RGB", (6 * (width + GAP), scenes * (height + GAP)), "white")
        for scene in range(scenes):
            chance = random.Random(f"{tier} {scene} {self.size}")
            bg = Image.effect_noise((width, height), 30).convert("RGB")
            bg = Image.blend(bg, Image.new("RGB", bg.size, tuple(chance.randrange(60, 220) for _ in range(3))), 0.7)
            x, y, r = chance.uniform(0.3, 0.7) * width, chance.uniform(0.3, 0.7) * height, 0.2 * width
            off = (1 - self.good) * 0.3 * width
            tiles = [bg, _disc(bg, x, y, r, "brown"), _disc(_grey(width, height, 0), x, y, r, "white")]
            tiles.append(_disc(_grey(width, height, 0), x + off, y, r * (1.2 - 0.2 * self.good), "white"))
            depth = Image.linear_gradient("L").resize((width, height)).convert("RGB")
            tiles += [_disc(depth, x, y, r, "#303030"), _disc(depth, x + off, y, r, "#505050")]
            for column, tile in enumerate(tiles):
                sheet.paste(tile, (column * (width + GAP), scene * (height + GAP)))
        name = f"gallery/{self.network['model'].replace('/', '_').replace(':', '_')}-{tier}-{height}.png"
        (folder / "gallery").mkdir(exist_ok=True)
        sheet.save(folder / name)
        return name


def _grey(width: int, height: int, level: int) -> Image.Image:
    return Image.new("RGB", (width, height), (level, level, level))


def _disc(image: Image.Image, x: float, y: float, r: float, colour: str) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).ellipse((x - r, y - r, x + r, y + r), fill=colour)
    return copy
