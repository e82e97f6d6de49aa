"""How fast PairBench is rendered: `python -m benchmarks.checks.rendering`; `benchmarks.checks.reading` shows it, too.

Batches are made by worker processes with one thread each on the CPU, as training has them; on a GPU by that device.
Exit code 1 where a goal is missed.
"""

import sys
import time
from dataclasses import dataclass

from benchmarks.arguments import at_least
from registry.commandline import Parser, guarded

GOALS = {("cpu", "clean", 128): 150, ("cpu", "hard", 128): 80, ("cuda", "hard", 224): 20_000}  # samples/s
TIERS = ("clean", "hard")


@dataclass
class Pace:
    """Samples per second of one tier at one size on one device, a number per round."""

    device: str
    tier: str
    pixels: int
    rounds: list[list[float]]  # milliseconds per sample

    @property
    def goal(self) -> int | None:
        return GOALS.get((self.device, self.tier, self.pixels))


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.rendering", description="How fast PairBench is made.")
    add = parser.add_argument
    add("--rounds", type=at_least(3), default=8, help="shuffled rounds; default: 8")
    add("--samples", type=at_least(64), default=480, help="samples in a round; default: 480")
    add("--workers", type=at_least(1), default=2, help="processes on the CPU; default: 2")
    add("--batch", type=at_least(1), default=16, help="default: 16 on the CPU")
    return guarded(lambda: run(**vars(parser.parse_args(argv))))


def run(rounds: int, samples: int, workers: int, batch: int) -> int:
    """Measure and show; 1 where a goal is missed."""
    import random

    import torch

    from benchmarks.show import terminal
    from benchmarks.statistics.intervals import interval
    from zoo import machine
    from zoo.progress import progress

    device = "cuda" if torch.cuda.is_available() else "cpu"
    paces = [Pace(device, tier, pixels, []) for tier in TIERS for pixels in ((224,) if device == "cuda" else (64, 128))]
    with progress() as tick:
        order = list(paces)
        for i in range(rounds):
            random.Random(i).shuffle(order)
            for pace in order:
                tick(f"round {i + 1}: pairbench:{pace.tier} at {pace.pixels} px", i, rounds)
                pace.rounds.append([milliseconds(pace, samples, workers, batch, i)])
    body, missed = [], False
    for pace in paces:
        speed = interval([1000 / ms for row in pace.rounds for ms in row])
        missed |= bool(pace.goal and speed.high < pace.goal)
        goal = f"{pace.goal:,}" if pace.goal else ""
        spread = f"{speed.low:,.0f} to {speed.high:,.0f}"
        body.append([f"pairbench:{pace.tier}", f"{pace.pixels}", f"{speed.median:,.0f}", spread, goal])
    where = machine.headline(machine.describe(torch.device(device)))
    how = f"{workers} worker processes, one thread each" if device == "cpu" else device
    notes = [f"{rounds} shuffled rounds, {how}; higher is better.", f"{where}, load {machine.load()}."]
    terminal.print_table(["rendered", "pixels", "samples/s", "95 % interval", "goal at least"], body, notes=notes)
    return int(missed)


def milliseconds(pace: Pace, samples: int, workers: int, batch: int, turn: int) -> float:
    """Milliseconds per sample, once the workers have settled."""
    import torch

    from zoo import data
    from zoo.data.feeding.loader import Loader

    dataset = data.load(f"pairbench:{pace.tier}", split="train", size=pace.pixels, device=pace.device)
    start = turn * samples
    if pace.device == "cuda":
        dataset.batch(range(start, start + samples))
        torch.cuda.synchronize()
        begun = time.perf_counter()
        dataset.batch(range(start, start + samples))
        torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - begun) / samples
    settle, seen, begun = 2 * workers, 0, 0.0
    for i, made in enumerate(Loader(dataset, range(start, start + samples), batch=batch, workers=workers)):
        if i == settle:
            begun = time.perf_counter()
        elif i > settle:
            seen += len(made.bg)
    return 1000 * (time.perf_counter() - begun) / seen


if __name__ == "__main__":
    sys.exit(main())
