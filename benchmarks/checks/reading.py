"""How fast training data arrives: `python -m benchmarks.checks reading`.

The same 224-px JPEG tuples, made for the occasion, are read with two workers: loose, opened by PIL and collated by
torch's DataLoader, as the founding systems did; and from shards. Exit code 1 where shards are less than twice as fast.
In the same run, how fast PairBench is rendered: what `python -m benchmarks.checks rendering` shows.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, Dataset

from benchmarks.checks import rendering
from benchmarks.checks.interleaved import columns, in_rounds, per_second, settled, where
from benchmarks.show.terminal import print_table
from benchmarks.statistics.intervals import ratio
from registry import OptionError, Spec
from zoo import data
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import Order
from zoo.data.files.images import encode
from zoo.data.making.packing import Plan, pack
from zoo.progress import Tick, progress

GOAL = 2.0
SETTLE = 4  # batches per worker before the clock starts, so that processes run and every shared block was used once
PER_BACKGROUND = 10
QUALITY = 92  # of JPEG, which makes photos of 22 KB at 224 px; the founding ones have about 25
RENDERED, RENDERED_BATCH = 480, 16  # samples in a round of rendering
DISTINCT = 100  # tuples whose pictures differ; the rest repeats them in files of their own
MODES = {"bg": "RGB", "fg_bg": "RGB", "fg_bg_mask": "L", "fg_bg_depth": "L"}  # folder -> what PIL makes of its files
HEAD = ["way to read", "tuples/s", "95 % interval", "ratio", "ratio's 95 %"]

Batches = Iterable[Sequence[Any]]  # bg, fg_bg, mask and depth come first


def run(tuples: int, rounds: int, workers: int, batch: int, pixels: int, *, reading_only: bool) -> int:
    """Measure and show; 1 where shards are not fast enough."""
    least = (2 * SETTLE * workers + 2) * batch
    if tuples < least:
        raise OptionError(f"--tuples {tuples} is too few; give {least} or more, or a smaller --batch")
    settle = SETTLE * workers
    with tempfile.TemporaryDirectory() as folder, progress() as tick:
        make(Path(folder), tuples, pixels, tick)
        variants = entrants(Path(folder), tuples, batch, workers)
        times = in_rounds({name: partial(time_of, variant, settle) for name, variant in variants.items()}, rounds, tick)
    founding, *_, best = times
    gains = {name: ratio(times[founding], found) for name, found in times.items()}
    body = [[name, *columns(per_second(found)), *columns(gains[name], ".2f")] for name, found in times.items()]
    notes = [
        f"{tuples} tuples of four {pixels}-px JPEGs in each of {rounds} shuffled rounds, from the page cache;"
        f" {workers} workers, batches of {batch}, the first {settle} of them not timed; higher is better.",
        "A tuple has arrived when this process has copied it out of its batch as floats in [0, 1]."
        " Founding: four PIL.Image.open, convert, a float tensor each, default_collate. The bytes of the JPEGs are the"
        " same in all rows, and so are the tensors; zoo's rows also carry a validity map and where each came from.",
        where(torch.device("cpu")),
        f"goal, {best} at least {GOAL} times {founding}: {'reached' if gains[best].low >= GOAL else 'NOT shown'}",
    ]
    print_table(HEAD, body, notes=notes)
    missed = int(gains[best].high < GOAL)
    if reading_only:
        return missed
    samples = max(RENDERED, RENDERED_BATCH * (2 * workers + 8))  # the first two of each worker are not timed
    return max(missed, rendering.run(rounds=rounds, samples=samples, workers=workers, batch=RENDERED_BATCH))


def entrants(folder: Path, tuples: int, batch: int, workers: int) -> dict[str, Callable[[int], Batches]]:
    """Variants of reading: the epoch's number -> its batches. The first is what the others are compared with."""
    loose = data.load(str(folder / "loose"), split="all", per_background=PER_BACKGROUND)
    shards: Any = data.load(str(folder / "shards"), split="all")

    def by_torch(dataset: Any, **options: Any) -> Callable[[int], Batches]:
        return lambda epoch: DataLoader(
            dataset, batch, sampler=Order(tuples, seed=epoch), num_workers=workers, **options
        )

    def by_zoo(dataset: Any, **options: Any) -> Callable[[int], Batches]:
        return lambda epoch: Loader(dataset, Order(tuples, seed=epoch, **options), batch=batch, workers=workers)

    return {
        "loose, PIL, DataLoader": by_torch(Founding(folder / "loose")),
        "loose, zoo, Loader": by_zoo(loose),
        "shards, DataLoader": by_torch(shards, collate_fn=data.collate),
        "shards, Loader": by_zoo(shards, shards=shards.counts),
    }


class Founding(Dataset[tuple[Tensor, ...]]):
    """The founding systems' loader: every file opened by PIL, and what torchvision's ToTensor does with it."""

    def __init__(self, folder: Path):
        self.files = {kind: sorted((folder / kind).iterdir()) for kind in MODES}

    def __len__(self) -> int:
        return len(self.files["fg_bg"])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        places = {kind: index // PER_BACKGROUND if kind == "bg" else index for kind in MODES}
        return tuple(_tensor(self.files[kind][place], MODES[kind]) for kind, place in places.items())


def _tensor(path: Path, mode: str) -> Tensor:
    pixels = torch.from_numpy(np.array(Image.open(path).convert(mode)))
    pixels = pixels.view(*pixels.shape[:2], -1).permute(2, 0, 1).contiguous()
    return pixels.to(torch.float32).div(255)


def time_of(variant: Callable[[int], Batches], settle: int, epoch: int) -> float:
    """Milliseconds per tuple, once the workers have settled."""
    return settled(copied(variant(epoch)), settle)


def copied(batches: Batches) -> Iterator[Sequence[Any]]:
    """Each batch once this process has copied it out of where it arrived."""
    places: list[Tensor] = []
    for batch in batches:
        places = places or [torch.zeros_like(value) for value in batch[:4]]
        for place, value in zip(places, batch, strict=False):
            place[: len(value)].copy_(value)
        yield batch


def make(folder: Path, tuples: int, pixels: int, tick: Tick) -> None:
    """A data set in the founding layout, and the same files in shards."""
    made: list[dict[str, bytes]] = []
    for i in range(tuples):
        tick("make pictures", i, tuples)
        if i < DISTINCT:
            made.append(pictures(i, pixels))
        for kind, content in made[i % DISTINCT].items():
            if kind != "bg" or i % PER_BACKGROUND == 0:
                path = folder / "loose" / kind / f"img_{i // PER_BACKGROUND if kind == 'bg' else i:06d}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    spec = Spec("folders", {"path": str(folder / "loose"), "per_background": PER_BACKGROUND})
    plan = Plan(spec=str(spec), split="all", folder=folder / "shards", per_shard=max(1, tuples // 8))
    for done, total in pack(plan):
        tick("pack them", done, total)


def pictures(number: int, pixels: int) -> dict[str, bytes]:
    """Smooth fields with grain, and an ellipse of other ones laid over them: folder -> JPEG."""
    seed = torch.Generator().manual_seed(number)
    y, x = torch.meshgrid(torch.linspace(-1, 1, pixels), torch.linspace(-1, 1, pixels), indexing="ij")

    def photo() -> Tensor:
        parts = [torch.rand(1, 3, cells, cells, generator=seed) for cells in (4, 16, max(8, pixels // 2))]
        return torch.stack([interpolate(part, (pixels, pixels), mode="bilinear")[0] for part in parts]).mean(0)

    def jpeg(image: Tensor) -> bytes:
        return encode((image.clamp(0, 1) * 255).to(torch.uint8), "jpg", QUALITY)

    bg, centre = photo(), torch.rand(2, generator=seed) - 0.5
    mask = (((x - centre[0]) / 0.3) ** 2 + ((y - centre[1]) / 0.4) ** 2 < 1).float()[None]
    return {
        "bg": jpeg(bg),
        "fg_bg": jpeg(bg * (1 - mask) + photo() * mask),
        "fg_bg_mask": jpeg(mask),
        "fg_bg_depth": jpeg((1 - y[None]) / 2 * (1 - mask) + 0.3 * mask),
    }
