"""Where the time of a training step goes: a table of its parts, and a trace to look into."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import torch

from registry import OptionError
from zoo.files import replacing
from zoo.precision import float32
from zoo.table import table
from zoo.training.augmenting import Marked
from zoo.training.loop import CHECK
from zoo.training.recipe import Recipe
from zoo.training.rehearsal import rehearse
from zoo.training.step import Clock
from zoo.training.trainer import Trainer
from zoo.training.world import joined, share

PARTS = ("data", "augmentation", "forward", "loss", "backward", "optimizer", "logging")
WARM_UP, TRACED = 5, 3  # steps


class Pace(NamedTuple):
    """Seconds of a step, the share of them in which it waits for its batch, and how many samples that has."""

    seconds: float
    waiting: float
    batch: int


@dataclass(frozen=True)
class Profile:
    """Seconds a step spends in each part, as a mean over steps; the parts are all of it.

    beside: seconds of CPU that a worker took to augment a batch, where that is done while the steps go on.
    """

    seconds: dict[str, float]
    steps: int
    batch: int
    title: str
    trace: Path | None = None
    beside: float | None = None

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def share(self, part: str) -> float:
        return self.seconds[part] / self.total

    def table(self) -> str:
        """The parts, their time and their share."""
        rows = [(part, f"{1000 * self.seconds[part]:.2f}", f"{self.share(part):.1%}") for part in PARTS]
        if self.beside is not None:
            rows[PARTS.index("augmentation")] = ("augmentation", f"{1000 * self.beside:.2f}", "in workers")
        rows.append(("all", f"{1000 * self.total:.2f}", f"{self.batch / self.total:.0f} samples/s"))
        return (
            table(("part of a step", "ms", "share"), rows, right=("ms", "share"))
            + f"stage {self.title}, batch {self.batch}; means of {self.steps} steps after {WARM_UP}.\n"
            + (
                "Workers augment batches while steps go on; a step waits for them in data.\n"
                * (self.beside is not None)
            )
            + (f"trace: {self.trace}, for a browser's tracing page\n" if self.trace else "")
        )


def profile(
    recipe: Recipe,
    out: str | PathLike[str] | None = None,
    *,
    steps: int = 40,
    device: str = "auto",
    workers: int | None = None,
) -> Profile:
    """Measure steps of a recipe's first stage; nothing is trained that is kept. out: a folder for the trace.

    On a GPU each part waits for the device, so that its time is its own; whole steps are a little slower for it.
    """
    with _begun(recipe, device, workers, steps) as (trainer, clock):
        timed = trainer.timed
        if timed and not (trainer.workers and trainer.world.device.type == "cpu"):
            trainer.change, timed = Marked(timed, clock), None
        trainer.begin(trainer.phases[0], clock)
        batches = iter(trainer.feed(beside=False))
        _run(trainer, clock, islice(batches, WARM_UP))
        clock.seconds.clear()
        before = timed.total() if timed else torch.zeros(2)
        _run(trainer, clock, islice(batches, steps))
        seconds = {part: clock.seconds.get(part, 0.0) / steps for part in PARTS}
        beside = timed.mean(before) if timed else None
        trace = None if out is None else _traced(trainer, clock, islice(batches, TRACED), Path(out))
    return Profile(seconds, steps, trainer.phase.stage.batch, trainer.phase.title, trace, beside)


def pace(recipe: Recipe, *, steps: int = 40, device: str = "auto", workers: int | None = None) -> Pace:
    """How long a step of a recipe's first stage takes as it is trained, where nobody waits for its parts."""
    with _begun(recipe, device, workers, steps) as (trainer, _):
        trainer.begin(trainer.phases[0])
        feed = trainer.feed()
        with closing(feed.__iter__()) as batches:
            for batch in islice(batches, WARM_UP):
                trainer.train(batch)
            trainer.step.meter.take()  # waits for the device
            begun, waited = time.perf_counter(), feed.waited
            for batch in islice(batches, steps):
                trainer.train(batch)
            trainer.step.meter.take()
            took = time.perf_counter() - begun
        return Pace(took / steps, (feed.waited - waited) / took, trainer.phase.stage.batch)


@contextmanager
def _begun(recipe: Recipe, device: str, workers: int | None, steps: int) -> Iterator[tuple[Trainer, Clock]]:
    """A training that has so many steps to go, and a clock for its device."""
    with joined(device) as world, float32(tf32=recipe.precision == "tf32"):
        if world.size > 1:
            raise OptionError("--profile measures one process; start it without torchrun")
        trainer = Trainer(recipe, world, workers=share() if workers is None else workers)
        rehearse(trainer)
        needed, there = WARM_UP + steps + TRACED, trainer.phases[0].steps
        if there < needed:
            raise OptionError(f"the first stage has {there} steps, and a profile needs {needed}; more --samples")
        yield trainer, Clock(world.device)


def _run(trainer: Trainer, clock: Clock, batches: "islice") -> None:
    clock("between")
    for n, batch in enumerate(batches, start=1):
        clock("data")
        trainer.train(batch)
        if n % CHECK == 0:
            trainer.step.meter.take()
        clock("logging")


def _traced(trainer: Trainer, clock: Clock, batches: "islice", out: Path) -> Path:
    activities = [torch.profiler.ProfilerActivity.CPU]
    if trainer.world.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as trace:
        _run(trainer, clock, batches)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "trace.json") as draft:
        trace.export_chrome_trace(str(draft))
    return out / "trace.json"
