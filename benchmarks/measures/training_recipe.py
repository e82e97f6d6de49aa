"""The recipe that trains a cell: cut to its size, and known by what it says, for a name may come to mean another."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.store.names import WITH
from benchmarks.store.record import AccuracySettings
from registry import Spec
from zoo import losses, recipes
from zoo.contract import TASKS, Task
from zoo.data.augment import augment
from zoo.losses.balance import balances
from zoo.own import code_of
from zoo.training import Recipe
from zoo.training.optimizers import optimizers
from zoo.training.plan import plan
from zoo.training.recipe import Stage
from zoo.training.schedules import schedules
from zoo.training.splits import training_data
from zoo.training.start import digest_of

FIRST = {  # digests of what the recipes said when records began to tell it: a record without a digest is of these
    "equal": "cd2feb2f5832b038", "resnet18-unet": "f8151a620a593fa6", "resunet-dice": "e85856558297ac6f",
    "two-stream": "813bda82043dbd8e", "u2net-multi-bce": "2182a0e13e616b83", "unet-two-stage": "2f9b634e649c5869",
    "effort": "452714a9b6829a10", "zoo-best": "e1394378c9de831e", "zoo-quick": "d4013242ec657a5e",
}  # fmt: skip


def recipe_named(name: str) -> Recipe:
    """A recipe by its name or its file, or one of these as `with_losses` changes it."""
    base, _, changed = name.partition(WITH)
    given = changed.split("; ") if changed else []
    named = set[str]().union(*(losses.code(losses.task_of(text)[1]) for text in given))
    recipe = recipes.build(base, named=named)
    return recipe.changed(**_by_task(recipe, given))


def with_losses(name: str, given: Sequence[str]) -> str:
    """The name of a recipe with other losses, each [TASK=]LOSSES; with every option of them, and digests of code."""
    changed = _by_task(recipes.build(name), given) if given else {}
    spelled = (f"{task}={losses.Expression.parse(text, task=task)}" for task, text in changed.items())
    return f"{name}{WITH}{'; '.join(spelled)}" if changed else name


def _by_task(recipe: Recipe, given: Sequence[str]) -> dict[Task, str]:
    return losses.by_task(given, [task for task in TASKS if getattr(recipe.objective, task)])


def recipe_for(spec: str, cell: AccuracySettings, tasks: Sequence[Task] = TASKS) -> Recipe:
    """The recipe of a cell with this network, data and seed.

    No stage is larger than the cell's size. Where that is larger than all stages, the largest gets it, and the others
    grow in proportion. tasks: those that the network predicts and the data has; losses of others are left out, and
    stages of those alone.
    """
    recipe = recipe_named(cell.recipe)
    largest = [max(side) for side in zip(*(stage.hw for stage in recipe.stages), strict=True)]

    def scaled(stage: Stage) -> Stage:
        h, w = (
            round(side * to / of) if to > of else min(side, to)
            for side, to, of in zip(stage.hw, cell.size, largest, strict=True)
        )
        return replace(stage, size=(h, w))

    without = {task: "" for task in TASKS if task not in tasks}
    stages = tuple(scaled(stage) for stage in recipe.stages if {*stage.tasks} & {*tasks})
    precision = cell.precision or recipe.precision
    return recipe.changed(model=spec, data=cell.data, seed=cell.seed, precision=precision, stages=stages, **without)


def predicted(spec: str) -> tuple[Task, ...]:
    """The tasks in a complete spec; both where it says nothing of them."""
    said = Spec.parse(spec).options.get("tasks", TASKS)
    return tuple(task for task in TASKS if isinstance(said, tuple) and task in said)


def content(name: str) -> str | None:
    """The digest of a recipe that no longer says what it said in FIRST, that starts from weights, or whose losses,
    optimizer, schedules or augmentations are not ours, with their code: cells trained by it are others."""
    recipe = recipe_named(name)
    begun = recipe.start and digest_of(recipe.start)  # the same weights are the same, wherever they lie
    said = replace(recipe.spelled(), model="any", data="any", seed=0, start=begun).to_dict()
    if code := sorted({digest for factory in _factories(recipe) if (digest := code_of(factory))}):
        said["code"] = code
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    return None if FIRST.get(name) == digest else digest


def _factories(recipe: Recipe) -> Iterator[Callable[..., Any]]:
    """What computes all that a recipe names."""
    aim = recipe.objective.build()
    for expression in aim.expressions.values():
        yield from (term.function for term in expression.terms)
    yield balances.get(aim.balance.spec.name).factory
    yield optimizers.get(Spec.parse(recipe.optimizer).name).factory
    yield from (schedules.get(Spec.parse(stage.schedule).name).factory for stage in recipe.stages)
    yield from (entry.factory for entry, _ in augment(recipe.augment).steps) if recipe.augment else ()


def amount(name: str, source: str) -> int:
    """Samples that a recipe asks for by itself."""
    recipe = recipe_named(name)
    length = recipe.epoch or len(training_data(source, recipe.stages[0].hw))
    return sum(phase.samples for phase in plan(recipe, length))


def own(name: str) -> str | None:
    """The recipe that a founding network was published with; None for others."""
    for entry in recipes.recipes:
        if entry.card.group == "founding" and Spec.parse(entry.factory().model).name == name:
            return entry.name
    return None
