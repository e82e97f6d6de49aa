"""The folder of a run: which recipe it follows, and what lies in it.

RUN/recipe.toml         what was asked for, complete: run it again and the same comes out
RUN/environment.json    what it was begun on, and what it was resumed on
RUN/log.jsonl, log.csv, validation.csv, pictures/
RUN/checkpoints/        the newest two
RUN/rates/, rates.csv   of a recipe that chooses its rate: what each gave
RUN/model.safetensors   the network, for zoo.load; when the training is over
"""

import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zoo import machine
from zoo.begun import differences
from zoo.files import from_json, sweep, write_text
from zoo.model import PairModel
from zoo.saved import save
from zoo.training.journal import LOG, TABLES, read
from zoo.training.plan import plan
from zoo.training.recipe import Recipe, RecipeError
from zoo.training.splits import training_data
from zoo.training.trainer import Trainer, TrainingError
from zoo.training.world import World
from zoo.version import __version__

RECIPE, ENVIRONMENT, CHECKPOINTS, PICTURES = "recipe.toml", "environment.json", "checkpoints", "pictures"
TRIALS = "rates"  # folders of those that a recipe chooses among
WEIGHTS, STATE = "model.safetensors", "model.pt"  # the second of older versions, for a network of one's own
WRITTEN = (ENVIRONMENT, LOG, *TABLES.values(), PICTURES, CHECKPOINTS, TRIALS, WEIGHTS, STATE)  # beside the recipe


@dataclass(frozen=True)
class Run:
    """A finished training."""

    folder: Path
    recipe: Recipe
    model: PairModel
    log: list[dict[str, Any]]

    @property
    def weights(self) -> Path:
        """What the network was written to, for zoo.load."""
        return self.folder / WEIGHTS


def settle(recipe: Recipe | None, folder: Path, samples: int | None, resume: bool) -> Recipe:
    """The recipe of a run, with its budget: the folder's own when it is resumed, else the one given."""
    path = folder / RECIPE
    if not resume:
        if recipe is None:
            raise RecipeError("no recipe; give --recipe NAME or FILE.toml, or --resume")
        if path.exists():
            raise TrainingError(f"{folder} holds a run already; --resume continues it, or give another --out")
        if there := [name for name in WRITTEN if (folder / name).exists()]:
            raise TrainingError(
                f"{folder} holds {', '.join(there)}, which a run would write over; give another --out, as a new folder"
            )
        return budgeted(recipe, samples).resolved()
    if not path.exists():
        raise TrainingError(f"{folder} holds no run to resume: there is no {RECIPE}; leave --resume out")
    begun = Recipe.read(path, recipe.code if recipe else ())
    if recipe is None and samples is None:
        return begun
    wanted = budgeted(recipe or begun, samples)
    if wanted.start and (begun.start or "").startswith(f"{wanted.start}@"):  # what it names may be gone by now
        wanted = replace(wanted, start=begun.start)
    wanted = wanted.resolved()
    if wanted != begun:
        different = differences(dict(_flat(begun.to_dict())), dict(_flat(wanted.to_dict())))
        raise RecipeError(
            f"{folder} was begun with another recipe: {different}. Resume without naming one, or give another --out"
        )
    return begun


def budgeted(recipe: Recipe, samples: int | None) -> Recipe:
    """The recipe with all stages scaled, so that `samples` are seen in all; None changes nothing.

    A stage has one step at least: where that makes more of them, a warning says so.

    recipe: any. samples: of all stages together.

    >>> from zoo.recipes import build
    >>> sum(stage.samples for stage in budgeted(build("zoo-quick"), 1_600).stages)
    1600
    """
    if samples is None:
        return recipe
    length = recipe.epoch or len(training_data(recipe.data, recipe.stages[0].hw))
    stages = [replace(phase.stage, samples=phase.samples, epochs=None) for phase in plan(recipe, length, samples)]
    seen, least = sum(stage.samples or 0 for stage in stages), sum(stage.batch for stage in stages)
    if samples < least and seen != samples:
        warnings.warn(
            f"samples={samples} is less than one step of each stage takes, so {seen:,} are seen; give a smaller batch",
            stacklevel=2,
        )
    return replace(recipe, stages=tuple(stages))


def open_folder(folder: Path, recipe: Recipe, world: World) -> None:
    """Write what the run is and what it runs on, and take away what a killed process left half written."""
    world.barrier()  # all have seen the folder as it was
    if world.is_first:
        for part in (folder, folder / CHECKPOINTS):
            sweep(part)
        facts = {"pairzoo": __version__, **machine.describe(world.device), "command": sys.argv, "processes": world.size}
        facts |= {"start": recipe.start} if recipe.start else {}
        if (folder / RECIPE).exists() and (folder / ENVIRONMENT).exists():
            begun = environment(folder)
            facts = begun | {"resumed": [*begun.get("resumed", []), facts]}
        write_text(folder / ENVIRONMENT, json.dumps(facts, indent=1) + "\n")
        if not (folder / RECIPE).exists():
            write_text(folder / RECIPE, recipe.to_toml())
    world.barrier()


def environment(folder: Path) -> dict[str, Any]:
    """Where a run was begun, as it tells; nothing where the file is damaged, with a warning: no training needs it."""
    path = folder / ENVIRONMENT
    try:
        found = from_json(path.read_bytes())
        if not isinstance(found, dict) or not isinstance(found.get("resumed", []), list):
            raise ValueError("it is not what a training writes")
    except ValueError as error:
        warnings.warn(f"{path} cannot be read ({error}), so where the run was begun is not known", stacklevel=2)
        return {}
    return found


def finished(folder: Path, trainer: Trainer, world: World) -> Run:
    """Write the network, on the CPU and as contiguous tensors."""
    recipe, model = trainer.recipe, trainer.best
    model = model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    model.requires_grad_(True)
    model.trained_at = recipe.stages[-1].hw
    model.trained = trainer.story()
    if world.is_first:
        save(model, folder / WEIGHTS)
    world.barrier()
    return Run(folder, recipe, model, read(folder / LOG))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a recipe by name, those of a stage by its number: stages[1].samples."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, value
