"""How fast training data arrives: `python -m benchmarks.checks.reading`.

The same 224-px JPEG tuples, made for the occasion, are read with two workers: loose, opened by PIL and collated by
torch's DataLoader, as the founding systems did; and from shards. Exit code 1 where shards are less than twice as fast.
In the same run, how fast PairBench is rendered: what `python -m benchmarks.checks.rendering` shows.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import at_least
from registry.commandline import Parser, guarded

if TYPE_CHECKING:
    from torch import Tensor

GOAL = 2.0
SETTLE = 4  # batches per worker before the clock starts, so that processes run and every shared block was used once
PER_BACKGROUND = 10
QUALITY = 92  # of JPEG, which makes photos of 22 KB at 224 px; the founding ones have about 25
RENDERED, RENDERED_BATCH = 480, 16  # samples in a round of rendering
DISTINCT = 100  # tuples whose pictures differ; the rest repeats them in files of their own

Batches = Iterable[Sequence[Any]]  # bg, fg_bg, mask and depth come first


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.reading", description="How fast training data arrives.")
    add = parser.add_argument
    add("--tuples", type=at_least(64), default=1500, help="tuples read in a round; default: 1500")
    add("--rounds", type=at_least(2), default=8, help="shuffled rounds; default: 8")
    add("--workers", type=at_least(1), default=2, help="processes that read; default: 2")
    add("--batch", type=at_least(1), default=32, help="default: 32")
    add("--pixels", type=at_least(8), default=224, help="height and width; default: 224")
    add("--reading-only", action="store_true", help="leave out how fast PairBench is rendered")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Measure and show; 1 where shards are not fast enough."""
    import random

    import torch

    from benchmarks.show import terminal
    from benchmarks.statistics.intervals import interval, ratio
    from registry import OptionError
    from zoo import machine
    from zoo.progress import progress

    least = (2 * SETTLE * args.workers + 2) * args.batch
    if args.tuples < least:
        raise OptionError(f"--tuples {args.tuples} is too few; give {least} or more, or a smaller --batch")
    with tempfile.TemporaryDirectory() as folder, progress() as tick:
        make(Path(folder), args.tuples, args.pixels, tick)
        ways = entrants(Path(folder), args)
        names = list(ways)
        times: dict[str, list[list[float]]] = {name: [] for name in ways}
        for i in range(args.rounds):
            random.Random(i).shuffle(names)
            for name in names:
                tick(f"round {i + 1}: {name}", i, args.rounds)
                times[name].append([time_of(ways[name](i), args)])
    founding, *_, best = ways
    body = []
    for name in ways:
        speed = interval([1000 / ms for row in times[name] for ms in row])
        gain = ratio(times[founding], times[name])
        spread = f"{speed.low:,.0f} to {speed.high:,.0f}"
        body.append([name, f"{speed.median:,.0f}", spread, f"{gain.median:.2f}", f"{gain.low:.2f} to {gain.high:.2f}"])
    found = ratio(times[founding], times[best])
    load = machine.load()
    notes = [
        f"{args.tuples} tuples of four {args.pixels}-px JPEGs in each of {args.rounds} shuffled rounds, from the page"
        f" cache; {args.workers} workers, batches of {args.batch}, the first {SETTLE * args.workers} of them not timed;"
        " higher is better.",
        "A tuple has arrived when this process has copied it out of its batch as floats in [0, 1]."
        " Founding: four PIL.Image.open, convert, a float tensor each, default_collate. The bytes of the JPEGs are the"
        " same in all rows, and so are the tensors; zoo's rows also carry a validity map and where each came from.",
        f"{machine.headline(machine.describe(torch.device('cpu')))}, load {load}.",
        f"goal, {best} at least {GOAL} times {founding}: {'reached' if found.low >= GOAL else 'NOT shown'}",
    ]
    terminal.print_table(["way", "tuples/s", "95 % interval", "ratio", "ratio's 95 %"], body, notes=notes)
    missed = int(found.high < GOAL)
    if args.reading_only:
        return missed
    from benchmarks.checks import rendering

    samples = max(RENDERED, RENDERED_BATCH * (2 * args.workers + 8))  # the first two of each worker are not timed
    return max(missed, rendering.run(args.rounds, samples, args.workers, RENDERED_BATCH))


def entrants(folder: Path, args: argparse.Namespace) -> dict[str, Callable[[int], Batches]]:
    """Ways of reading: the epoch's number -> its batches. The first is what the others are compared with."""
    from torch.utils.data import DataLoader

    import zoo.data
    from zoo.data.feeding.loader import Loader
    from zoo.data.feeding.order import Order

    loose = zoo.data.load(str(folder / "loose"), split="all", per_background=PER_BACKGROUND)
    shards: Any = zoo.data.load(str(folder / "shards"), split="all")
    founding = founding_dataset(folder / "loose")

    def by_torch(dataset: Any, **options: Any) -> Callable[[int], Batches]:
        return lambda epoch: DataLoader(
            dataset, args.batch, sampler=Order(args.tuples, seed=epoch), num_workers=args.workers, **options
        )

    def by_zoo(dataset: Any, **options: Any) -> Callable[[int], Batches]:
        return lambda epoch: Loader(
            dataset, Order(args.tuples, seed=epoch, **options), batch=args.batch, workers=args.workers
        )

    return {
        "loose, PIL, DataLoader": by_torch(founding),
        "loose, zoo, Loader": by_zoo(loose),
        "shards, DataLoader": by_torch(shards, collate_fn=zoo.data.collate),
        "shards, Loader": by_zoo(shards, shards=shards.counts),
    }


def founding_dataset(folder: Path) -> Any:
    """The founding systems' loader: every file opened by PIL, and what torchvision's ToTensor does with it."""
    import numpy as np
    import torch
    from PIL import Image

    names = sorted(path.name for path in (folder / "fg_bg").iterdir())
    backgrounds = sorted(path.name for path in (folder / "bg").iterdir())

    def tensor(path: Path, mode: str) -> "Tensor":
        pixels = torch.from_numpy(np.array(Image.open(path).convert(mode)))
        pixels = pixels.view(*pixels.shape[:2], -1).permute(2, 0, 1).contiguous()
        return pixels.to(torch.float32).div(255)

    class Founding(torch.utils.data.Dataset[tuple["Tensor", ...]]):
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, index: int) -> tuple["Tensor", ...]:
            name = names[index]
            return (
                tensor(folder / "bg" / backgrounds[index // PER_BACKGROUND], "RGB"),
                tensor(folder / "fg_bg" / name, "RGB"),
                tensor(folder / "fg_bg_mask" / name, "L"),
                tensor(folder / "fg_bg_depth" / name, "L"),
            )

    return Founding()


def time_of(batches: Batches, args: argparse.Namespace) -> float:
    """Milliseconds per tuple, once the workers have settled."""
    import time

    import torch

    settle, start, seen = SETTLE * args.workers, 0.0, 0
    place: dict[int, Tensor] = {}
    for i, batch in enumerate(batches):
        for j, value in enumerate(batch[:4]):
            if i == 0:
                place[j] = torch.zeros_like(value)
            place[j][: len(value)].copy_(value)
        if i == settle:
            start = time.perf_counter()
        elif i > settle:
            seen += len(batch[0])
    return 1000 * (time.perf_counter() - start) / seen


def make(folder: Path, tuples: int, pixels: int, tick: Callable[[str, float, float], None]) -> None:
    """A data set in the founding layout, and the same files in shards."""
    from registry import Spec
    from zoo.data.making.packing import Plan, pack

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
    import torch
    from torch.nn.functional import interpolate

    from zoo.data.files.images import encode

    seed = torch.Generator().manual_seed(number)
    y, x = torch.meshgrid(torch.linspace(-1, 1, pixels), torch.linspace(-1, 1, pixels), indexing="ij")

    def photo() -> "Tensor":
        parts = [torch.rand(1, 3, cells, cells, generator=seed) for cells in (4, 16, max(8, pixels // 2))]
        return torch.stack([interpolate(part, (pixels, pixels), mode="bilinear")[0] for part in parts]).mean(0)

    def jpeg(image: "Tensor") -> bytes:
        return encode((image.clamp(0, 1) * 255).to(torch.uint8), "jpg", QUALITY)

    bg, centre = photo(), torch.rand(2, generator=seed) - 0.5
    mask = (((x - centre[0]) / 0.3) ** 2 + ((y - centre[1]) / 0.4) ** 2 < 1).float()[None]
    return {
        "bg": jpeg(bg),
        "fg_bg": jpeg(bg * (1 - mask) + photo() * mask),
        "fg_bg_mask": jpeg(mask),
        "fg_bg_depth": jpeg((1 - y[None]) / 2 * (1 - mask) + 0.3 * mask),
    }


if __name__ == "__main__":
    sys.exit(main())
