"""A training from beginning to end, in a folder: it can be stopped, killed and resumed, and reports its progress."""

from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

from registry import OptionError
from zoo.lock import locked
from zoo.model import PairModel
from zoo.precision import float32
from zoo.progress import Tick
from zoo.training import checkpoint, rates
from zoo.training.folder import CHECKPOINTS, Run, finished, open_folder, settle
from zoo.training.journal import summary_writer
from zoo.training.loop import Loop, StoppedError
from zoo.training.recipe import Recipe
from zoo.training.rehearsal import rehearse
from zoo.training.setup import Setup
from zoo.training.trainer import Trainer
from zoo.training.world import joined, share


def fit(
    recipe: Recipe | None,
    out: str | PathLike[str],
    *,
    samples: int | None = None,
    resume: bool = False,
    model: PairModel | None = None,
    setup: Setup = Setup(),
    tick: Tick | None = None,
) -> Run:
    """Train by a recipe, and write weights, log, pictures and checkpoints into the folder `out`.

    recipe: as `zoo.recipes.build` gives, or one of your own.
    out: a folder that all processes see, where there are several.
    samples: scales all stages, so that this many samples are seen in all.
    resume: go on where the folder's run stopped; recipe may then be None.
    model: a network of one's own in place of the recipe's, as `zoo.wrap` gives; it is trained itself, not a copy.
    setup: device, workers, and how often checkpoints are written.
    tick: called with what is done, how much of it is done, and how much there is.

    >>> from zoo.training import Recipe, Stage
    >>> tiny = Recipe(model="frame_difference", stages=(Stage(size=16, samples=16, batch=8),), validate_samples=8)
    >>> fit(tiny, "run", setup=Setup(workers=0, device="cpu")).folder.name
    'run'
    """
    _check(recipe, model)
    if setup.tensorboard:
        summary_writer()  # before a folder is made
    folder = Path(out)
    with joined(setup.device) as world, locked(folder) if world.is_first else nullcontext():
        recipe = settle(recipe, folder, samples, resume)
        with float32(tf32=recipe.precision == "tf32"):
            state = checkpoint.newest(folder / CHECKPOINTS) if resume else None
            workers = share() if setup.workers is None else setup.workers
            is_filled = state is not None or (resume and rates.has_begun(folder))
            trainer = Trainer(recipe, world, model=model, workers=workers, is_filled=is_filled)
            rehearse(trainer)
            open_folder(folder, recipe, world)
            stopped = _train(trainer, folder, setup, tick or (lambda *_: None), state)
        outcome = stopped or finished(folder, trainer, world)
    if isinstance(outcome, StoppedError):  # raised here, after the processes have taken leave of each other
        raise outcome
    return outcome


def _train(
    trainer: Trainer, folder: Path, setup: Setup, tick: Tick, state: dict[str, Any] | None
) -> StoppedError | None:
    """Go through what is left of a training; what is given where a signal has ended that."""
    if trainer.recipe.rates:
        found = state or rates.choose(trainer, folder, setup, tick)
        if isinstance(found, StoppedError):
            return found
        state = found
        if trainer.world.is_first:
            rates.tidy(folder)
    return Loop(trainer, folder, setup, tick, state).run()


def _check(recipe: object, model: object) -> None:
    if recipe is not None and not isinstance(recipe, Recipe):
        raise OptionError(
            f"recipe={recipe!r:.80} is not accepted; fit takes a Recipe, as zoo.recipes.build('zoo-quick') gives"
        )
    if model is not None and not isinstance(model, PairModel):
        raise OptionError(
            f"a {type(model).__name__} is not a network of the zoo; zoo.wrap makes one of your own module, and a"
            " network by name belongs into the recipe"
        )
