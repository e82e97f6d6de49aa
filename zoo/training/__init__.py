"""Training by recipe: `fit(Recipe(...), "runs/first")`, or `zoo train` on the command line."""

from zoo.training.adapting import Adaptation, Adapted, adapt
from zoo.training.fit import fit
from zoo.training.folder import Run, budgeted
from zoo.training.loop import StoppedError
from zoo.training.recipe import Objective, Recipe, RecipeError, Stage
from zoo.training.setup import Setup
from zoo.training.trainer import TrainingError

__all__ = [
    "Adaptation",
    "Adapted",
    "Objective",
    "Recipe",
    "RecipeError",
    "Run",
    "Setup",
    "Stage",
    "StoppedError",
    "TrainingError",
    "adapt",
    "budgeted",
    "fit",
]
