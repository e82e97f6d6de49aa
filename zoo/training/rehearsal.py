"""Each stage tried on one sample before the first step, so that an error costs seconds and not hours."""

from typing import Any

from registry import ZooError
from zoo.data.warp import each
from zoo.model import computing, in_mode
from zoo.precision import half
from zoo.training import optimizers, schedules
from zoo.training.checkpoint import random_states, set_random_states
from zoo.training.feed import Stream
from zoo.training.plan import Phase, freeze
from zoo.training.splits import training_data
from zoo.training.trainer import Trainer, TrainingError


def rehearse(trainer: Trainer) -> None:
    """Read, augment, predict, compare and go back, once for each stage; what the training depends on stays as it is.

    The network is in eval mode, so that no running statistics move. What of it gets no gradient is noted in the
    trainer, because processes that share gradients must know.
    """
    states = random_states()
    try:
        with in_mode(trainer.model), in_mode(trainer.objective):
            for phase in trainer.phases:
                _try(trainer, phase)
    finally:
        trainer.model.zero_grad(set_to_none=True)
        trainer.objective.zero_grad(set_to_none=True)
        set_random_states(states)


def _try(trainer: Trainer, phase: Phase) -> None:
    try:
        with trainer.memory(phase, batch=1):
            trainer.idle[phase.number] = _tried(trainer, phase)
    except ZooError as error:
        where = f"stage {phase.title}: " if len(trainer.phases) > 1 else ""
        raise TrainingError(f"{where}{error}") from error


def _tried(trainer: Trainer, phase: Phase) -> bool:
    """Go through one sample; whether something that learns in this stage gets no gradient."""
    stage, device, recipe = phase.stage, trainer.world.device, trainer.recipe
    parameters = freeze(trainer.model, stage)
    optimizers.build(recipe.optimizer, parameters, stage.lr)
    schedules.build(stage.schedule)
    batch = Stream(training_data(recipe.data, stage.hw), seed=recipe.seed).batch([0])
    batch = trainer.change(batch, step=0) if trainer.change else batch
    batch = each(lambda value: value.to(device).contiguous(memory_format=trainer.layout), batch)
    network: Any = trainer.model  # typed for sides=True and for sides=False, not for either
    with half(device, recipe.precision), computing(trainer.model, trainer.tasks(stage)):
        predictions = network(batch.bg, batch.fg_bg, sides=trainer.objective.wants_sides)
    losses = trainer.objective(predictions, batch, tasks=trainer.tasks(stage))
    trainer.model.zero_grad(set_to_none=True)
    if losses.total.requires_grad:
        trainer.objective.backward(losses, parameters)
    without = [parameter.grad is None for parameter in parameters]
    if all(without):
        raise TrainingError(
            f"nothing that learns in it takes part in {' and '.join(trainer.tasks(stage))}; look at freeze and tasks"
        )
    return any(without)
