"""The rate of a recipe that names several: each trains for a share of the samples from one start; the best goes on.

They are judged by the loss on held-out data: what the training itself descends, so that both tasks count as they do
there, and it tells rates apart before any of them finds a mask.

RUN/rates.csv    how each was judged, which RUN/log.jsonl tells too
RUN/rates/0.001/ log, tables and pictures of one; the chosen one's stand in RUN as well
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from zoo.files import sweep, write_text
from zoo.progress import Tick
from zoo.training import checkpoint
from zoo.training.folder import CHECKPOINTS, PICTURES, TRIALS
from zoo.training.journal import LOG, Journal, read
from zoo.training.loop import DivergedError, Loop, StoppedError, Trial
from zoo.training.setup import Setup
from zoo.training.trainer import Trainer, TrainingError

OF_A_LINE = ("kind", "step", "stage", "samples", "seconds")  # of the log, beside figures
START = "start"  # the folder of the state that all rates begin from


def choose(trainer: Trainer, folder: Path, setup: Setup, tick: Tick) -> dict[str, Any] | StoppedError:
    """Try the rates that are not tried yet; the state from which the best goes on, which is in the folder then, too."""
    begin = folder / TRIALS / START  # kept, for a network of one's own may be drawn anew when a run goes on
    if not has_begun(folder):
        Loop(trainer, begin, setup, lambda *_: None, None).save()
    for number, rate in enumerate(trainer.recipe.rates or ()):
        tried = rates(folder)
        trainer.world.barrier()  # all have read before the first process adds a line
        if number < len(tried):
            continue
        home = _opened(folder, rate, trainer)
        state = checkpoint.newest(home / CHECKPOINTS)
        if state is None:  # read for each anew: an optimizer goes on with the very tensors that it is given
            state = (checkpoint.newest(begin / CHECKPOINTS) or {}) | {"rate": rate}
        loop = Loop(trainer, home, setup, tick, state, Trial(number, sum(line["seconds"] for line in tried)))
        with suppress(DivergedError):  # its loss is no number then
            if stopped := loop.run():
                return stopped
        if trainer.world.is_first:
            Journal(folder, upto=loop.end).write("rate", loop.end, _judged(loop))
        trainer.world.barrier()
    return _go_on(trainer, folder)


def rates(folder: Path) -> list[dict[str, Any]]:
    """What the rates of a run gave, in a line each: rate, loss and metrics, samples, seconds, and which was chosen."""
    return [line for line in read(folder / LOG) if line["kind"] == "rate"]


def has_begun(folder: Path) -> bool:
    """Whether the start of all trials is kept."""
    return bool(checkpoint.checkpoints(folder / TRIALS / START / CHECKPOINTS))


def tidy(folder: Path) -> None:
    """Take away the checkpoints of trials, from which nothing goes on any more."""
    for trial in (folder / TRIALS).glob("*"):
        shutil.rmtree(trial if trial.name == START else trial / CHECKPOINTS, ignore_errors=True)


def best(tried: list[dict[str, Any]]) -> dict[str, Any]:
    """The one of the least loss; of equal ones that of the lowest rate. One without a finite loss is never chosen."""
    finite = [line for line in tried if line["loss"] is not None]
    if not finite:
        names = ", ".join(f"{line['rate']:g}" for line in tried)
        raise TrainingError(
            f"none of the rates {names} came to a finite loss on held-out"
            " data. Give lower rates, clip_norm or precision fp32, in a new --out"
        )
    return min(finite, key=lambda line: (line["loss"], line["rate"]))


def _home(folder: Path, rate: float) -> Path:
    return folder / TRIALS / f"{rate:g}"


def _opened(folder: Path, rate: float, trainer: Trainer) -> Path:
    """The folder of a trial, without what a killed process left half written."""
    home = _home(folder, rate)
    if trainer.world.is_first:
        for part in (home, home / CHECKPOINTS):
            part.mkdir(parents=True, exist_ok=True)
            sweep(part)
    trainer.world.barrier()
    return home


def _judged(loop: Loop) -> dict[str, Any]:
    """What a trial came to: the look at its end; no loss where there is none, or where no step changed anything."""
    looks = [line for line in read(loop.folder / LOG) if line["kind"] == "validation" and line["step"] == loop.end]
    found = looks[-1] if looks and loop.clocks.skipped < loop.end else {}
    figures = {name: value for name, value in found.items() if name not in OF_A_LINE}
    facts = {"rate": loop.trainer.rate, "loss": None, **figures}
    return facts | {"samples": loop.trainer.samples_seen, "seconds": loop.clocks.seconds}


def _go_on(trainer: Trainer, folder: Path) -> dict[str, Any]:
    """Make the run's the best trial's, as if it had come last: the seconds of the others are before its own."""
    tried = rates(folder)
    chosen = best(tried)
    home = _home(folder, chosen["rate"])
    state = checkpoint.newest(home / CHECKPOINTS)
    assert state is not None
    before = sum(line["seconds"] for line in tried if line is not chosen)
    state["clocks"]["seconds"] += before
    trainer.world.barrier()  # all have read what the first process changes now
    if trainer.world.is_first:
        lines = [line | {"chosen": line is chosen} for line in tried]
        lines += [line | {"seconds": round(line["seconds"] + before, 6)} for line in read(home / LOG)]
        write_text(folder / LOG, "".join(json.dumps(line) + "\n" for line in lines))
        if (home / PICTURES).exists():
            shutil.copytree(home / PICTURES, folder / PICTURES, dirs_exist_ok=True)
        checkpoint.save(folder / CHECKPOINTS, state["step"], state)
    trainer.world.barrier()
    return state
