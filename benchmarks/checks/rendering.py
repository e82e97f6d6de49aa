"""How fast PairBench is rendered: `python -m benchmarks.checks rendering`; `benchmarks.checks.reading` shows it, too.

Batches are made by worker processes with one thread each on the CPU, as training has them; on a GPU by that device.
`benchmarks.upkeep.gpu` asks the same of every source. Exit code 1 where a goal is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import get_args

import torch

from benchmarks.checks.interleaved import columns, in_rounds, per_second, settled, where
from benchmarks.show.terminal import print_table
from benchmarks.statistics.intervals import Interval
from benchmarks.timing.rounds import sample
from zoo import data, machine
from zoo.data.dataset import rendered_on, sources
from zoo.data.feeding.loader import Loader
from zoo.progress import Tick, progress

GOALS = {
    ("cpu", "clean", 128): 150,
    ("cpu", "hard", 128): 80,
    ("cuda", "hard", 224): 20_000,
    ("cpu", "wild", 128): 80,
}  # samples/s
PIXELS = {"cpu": (64, 128), "cuda": (128, 224)}
HEAD = ["rendered", "pixels", "samples/s", "95 % interval", "goal at least"]


@dataclass(frozen=True)
class Effort:
    """How much is rendered: shuffled rounds, samples in each, and by whom on the CPU."""

    rounds: int = 8
    samples: int = 480
    workers: int = 2
    batch: int = 16


def run(**effort: int) -> int:
    """Measure and show; 1 where a goal is missed."""
    device, spent = machine.choose("auto"), Effort(**effort)
    with progress() as tick:
        found = measure([f"pairbench:{tier}" for tier in tiers()], PIXELS[device.type], device, spent, tick)
    body, missed = [], False
    for (source, pixels), speed in found.items():
        goal = GOALS.get((device.type, source.partition(":")[2], pixels))
        missed |= goal is not None and speed.high < goal
        body.append([source, f"{pixels}", *columns(speed), f"{goal:,}" if goal else ""])
    how = f"{spent.workers} worker processes, one thread each" if device.type == "cpu" else device.type
    print_table(HEAD, body, notes=[f"{spent.rounds} shuffled rounds, {how}; higher is better.", where(device)])
    return int(missed)


def tiers() -> tuple[str, ...]:
    """Those of PairBench."""
    return get_args(sources.get("pairbench").options["tier"].annotation)


def measure(
    sources: Sequence[str], pixels: Sequence[int], device: torch.device, effort: Effort, tick: Tick
) -> dict[tuple[str, int], Interval]:
    """Samples per second by source and pixels. What the device does not compute comes from worker processes."""
    variants = {}
    for source, size in product(sources, pixels):
        dataset = data.load(source, split="train", size=size, **rendered_on(device, source))
        variants[f"{source} at {size} px"] = partial(milliseconds, dataset, device, effort)
    times = in_rounds(variants, effort.rounds, tick)
    return dict(zip(product(sources, pixels), map(per_second, times.values()), strict=True))


def milliseconds(dataset: data.PairDataset, device: torch.device, effort: Effort, turn: int) -> float:
    """Milliseconds per sample, once the workers have settled; each turn has samples of its own."""
    indices = range(turn * effort.samples, (turn + 1) * effort.samples)
    if str(getattr(dataset, "device", "cpu")) != "cpu":
        dataset.batch(indices)
        return sample(lambda: dataset.batch(indices), device) / effort.samples
    return settled(Loader(dataset, indices, batch=effort.batch, workers=effort.workers), 2 * effort.workers)
