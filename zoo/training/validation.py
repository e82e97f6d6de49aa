"""A look at held-out data during training: the loss, a few metrics, and a picture."""

from collections.abc import Sequence

import torch
from torch import Tensor

from registry import split
from zoo.contract import TASKS, Prediction, Sample, Task
from zoo.data.dataset import PairDataset
from zoo.data.feeding.loader import Loader
from zoo.data.inspecting.sheet import gallery
from zoo.data.warp import each
from zoo.metrics import Accumulator, build
from zoo.model import in_mode
from zoo.precision import half
from zoo.training.feed import parts, together
from zoo.training.recipe import Recipe
from zoo.training.trainer import Trainer

METRICS = ("mask_iou", "depth_rmse")
SHOWN = 6  # scenes in a picture
LARGEST = 64  # samples in a batch


def validate(trainer: Trainer, data: PairDataset, indices: Sequence[int]) -> tuple[dict[str, float], Tensor | None]:
    """Loss and metrics over samples, shared out over the processes; and a picture of the first ones."""
    objective, world = trainer.objective, trainer.world
    most = min(trainer.phase.stage.batch, LARGEST)
    made = Loader(data, indices[world.rank :: world.size], batch=together(data, most))
    accumulator = Accumulator(metrics=measured(trainer.recipe, objective.tasks))
    loss = torch.zeros(2, dtype=torch.float64, device=world.device)
    picture = None
    with in_mode(trainer.best), torch.inference_mode():
        for raw in (part for batch in made for part in parts(batch, most)):
            here = each(lambda value: value.to(world.device).contiguous(memory_format=trainer.layout), raw)
            with half(world.device, trainer.recipe.precision):
                predictions = trainer.best(here.bg, here.fg_bg, sides=True)
            losses = objective(predictions, here, tasks=trainer.step.tasks)
            count = len(here.fg_bg)
            loss += torch.stack([losses.total.double() * count, torch.tensor(float(count)).to(loss)])
            accumulator.update(predictions[0], here)
            picture = grid(here, predictions[0]) if picture is None else picture
    if world.size > 1:
        torch.distributed.all_reduce(loss)
        accumulator.reduce()
    return {"loss": float(loss[0] / loss[1].clamp(min=1)), **accumulator.compute().values}, picture


def measured(recipe: Recipe, tasks: Sequence[Task]) -> list[str]:
    """The metrics of a look: two of all trainings, and what the recipe asks for; of the tasks that are trained."""
    names = [*METRICS, *(split(recipe.metrics) if recipe.metrics else ())]
    return [name for name in dict.fromkeys(names) if build(name).card.task in tasks]


def grid(sample: Sample, prediction: Prediction) -> Tensor:
    """(3, h, w): a row for each scene: bg, fg_bg, the true and the predicted mask, the true and the predicted depth.

    What is not known or not predicted is left out.
    """
    columns = [sample.bg, sample.fg_bg]
    for task, logits in zip(TASKS, prediction, strict=True):
        columns += [getattr(sample, task)] if bool(sample.known(task).any()) else []
        columns += [] if logits is None else [logits.float().sigmoid()]
    return gallery([column[:SHOWN] for column in columns])
