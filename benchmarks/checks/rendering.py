"""How fast PairBench is rendered: `python -m benchmarks.checks rendering`; `benchmarks.checks.reading` shows it, too.

Batches are made by worker processes with one thread each on the CPU, as training has them; on a GPU by that device.
Exit code 1 where a goal is missed.
"""

from functools import partial
from itertools import product

import torch

from benchmarks.checks.ways import in_rounds, per_second, settled, told, where
from benchmarks.show.terminal import print_table
from benchmarks.timing.rounds import sample
from zoo import data, machine
from zoo.data.feeding.loader import Loader
from zoo.progress import progress

GOALS = {("cpu", "clean", 128): 150, ("cpu", "hard", 128): 80, ("cuda", "hard", 224): 20_000}  # samples/s
TIERS = ("clean", "hard")
PIXELS = {"cpu": (64, 128), "cuda": (224,)}
HEAD = ["rendered", "pixels", "samples/s", "95 % interval", "goal at least"]


def run(rounds: int, samples: int, workers: int, batch: int) -> int:
    """Measure and show; 1 where a goal is missed."""
    device = machine.choose("auto")
    ways = {}
    for tier, pixels in product(TIERS, PIXELS[device.type]):
        dataset = data.load(f"pairbench:{tier}", split="train", size=pixels, device=str(device))
        ways[tier, pixels] = partial(milliseconds, dataset, device, samples, workers, batch)
    with progress() as tick:
        times = in_rounds(
            {f"pairbench:{tier} at {pixels} px": way for (tier, pixels), way in ways.items()}, rounds, tick
        )
    body, missed = [], False
    for (tier, pixels), found in zip(ways, times.values(), strict=True):
        speed, goal = per_second(found), GOALS.get((device.type, tier, pixels))
        missed |= goal is not None and speed.high < goal
        body.append([f"pairbench:{tier}", f"{pixels}", *told(speed), f"{goal:,}" if goal else ""])
    how = f"{workers} worker processes, one thread each" if device.type == "cpu" else device.type
    print_table(HEAD, body, notes=[f"{rounds} shuffled rounds, {how}; higher is better.", where(device)])
    return int(missed)


def milliseconds(
    dataset: data.PairDataset, device: torch.device, samples: int, workers: int, batch: int, turn: int
) -> float:
    """Milliseconds per sample, once the workers have settled; each turn has samples of its own."""
    indices = range(turn * samples, (turn + 1) * samples)
    if device.type == "cuda":
        dataset.batch(indices)
        return sample(lambda: dataset.batch(indices), device) / samples
    return settled(Loader(dataset, indices, batch=batch, workers=workers), 2 * workers)
