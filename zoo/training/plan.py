"""From a recipe and a budget to steps: what each stage does, and which part of the data's order it reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import torch
from torch import nn

from registry import OptionError, is_count, nearest, require
from zoo.training.recipe import Recipe, RecipeError, Stage


@dataclass(frozen=True)
class Phase:
    """A stage with its numbers: step and sample counts run on over the stages before."""

    number: int  # from 1
    stage: Stage
    steps: int
    first_step: int  # steps of the stages before
    first_sample: int  # samples of the stages before

    @property
    def samples(self) -> int:
        return self.steps * self.stage.batch

    @property
    def title(self) -> str:
        h, w = self.stage.hw
        return self.stage.name or (f"{self.number}, {h} px" if h == w else f"{self.number}, {h} x {w} px")


def plan(recipe: Recipe, length: int, samples: int | None = None) -> tuple[Phase, ...]:
    """The stages of a recipe in steps. length: samples of the data. samples: scale all stages to this sum."""
    require(samples is None or is_count(samples), "samples", samples, "a whole number from 1 up")
    if not length:
        raise RecipeError(f"{recipe.data} has no samples to train on")
    amounts = [float(stage.samples or (stage.epochs or 0) * (recipe.epoch or length)) for stage in recipe.stages]
    batches = [stage.batch for stage in recipe.stages]
    is_whole = all(amount % batch == 0 for amount, batch in zip(amounts, batches, strict=True))
    scale = 1.0
    if samples is not None and not (is_whole and abs(sum(amounts) - samples) <= sum(batches) / 2):
        scale = samples / sum(amounts)  # else it has been scaled to this sum before, and to do it again changes nothing
    phases: list[Phase] = []
    step = sample = 0
    for number, (stage, amount) in enumerate(zip(recipe.stages, amounts, strict=True), start=1):
        phase = Phase(number, stage, max(1, round(amount * scale / stage.batch)), step, sample)
        step, sample = step + phase.steps, sample + phase.samples
        phases.append(phase)
    return tuple(phases)


def at_rate(phases: Sequence[Phase], rate: float) -> tuple[Phase, ...]:
    """With this learning rate in the first stage, and those of the others in proportion."""
    first = phases[0].stage.lr
    stages = (replace(phase.stage, lr=rate * (phase.stage.lr / first)) for phase in phases)
    return tuple(replace(phase, stage=stage) for phase, stage in zip(phases, stages, strict=True))


def samples_at(phases: Sequence[Phase], step: int) -> int:
    """Samples seen after so many steps."""
    return sum(min(max(step - phase.first_step, 0), phase.steps) * phase.stage.batch for phase in phases)


def pixels(phases: Sequence[Phase], samples: int) -> int:
    """That have been seen after so many samples: a stage of larger images takes longer."""
    return sum(min(max(samples - phase.first_sample, 0), phase.samples) * math.prod(phase.stage.hw) for phase in phases)


def choice_step(recipe: Recipe, phases: Sequence[Phase]) -> int:
    """The step after which one of the recipe's rates is chosen; 0 where there are none."""
    if not recipe.rates:
        return 0
    share = (recipe.choose_after or 0) * (phases[-1].first_sample + phases[-1].samples)
    here = next(phase for phase in reversed(phases) if phase.first_sample <= share)
    return here.first_step + max(1, round((share - here.first_sample) / here.stage.batch))


def effort(recipe: Recipe, phases: Sequence[Phase]) -> int:
    """Samples that all steps see together: those of a training, and of the rates that it leaves."""
    left = max(0, len(recipe.rates or ()) - 1)
    return phases[-1].first_sample + phases[-1].samples + left * samples_at(phases, choice_step(recipe, phases))


def freeze(model: nn.Module, stage: Stage) -> list[nn.Parameter]:
    """Let only those parameters learn that the stage does not freeze; they are returned."""
    names = [name for name, _ in model.named_parameters()]
    if not names:
        raise RecipeError("this network has no parameters, so there is nothing to train; use it as it is")
    for pattern in stage.freeze:
        if not any(fnmatchcase(name, pattern.removeprefix("!")) for name in names):
            heads = sorted({".".join(name.split(".")[:2]) for name in names})
            raise RecipeError(f"freeze={pattern!r} matches no parameter of this network; {nearest(pattern, heads)}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not is_frozen(name, stage.freeze))
    chosen = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not chosen:
        raise RecipeError(f"freeze={', '.join(stage.freeze)} leaves nothing to train")
    return chosen


def is_frozen(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the last pattern that fits a parameter's name freezes it.

    >>> is_frozen("decoders.mask.out.weight", ("*", "!decoders.mask*"))
    False
    """
    fitting = [pattern for pattern in patterns if fnmatchcase(name, pattern.removeprefix("!"))]
    return bool(fitting) and not fitting[-1].startswith("!")


def set_modes(model: nn.Module, stage: Stage) -> None:
    """Training mode, but for batch norms that are frozen: they use their running statistics, and leave them alone."""
    model.train()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            own = [part for part, _ in module.named_parameters(recurse=False)]
            parts = own or ["running_mean"]  # one without weights is frozen with the layers around it
            if stage.norms == "frozen" or all(is_frozen(f"{name}.{part}".lstrip("."), stage.freeze) for part in parts):
                module.eval()


def per_process(stage: Stage, world: int) -> int:
    """Samples of a step that one process of `world` takes."""
    if stage.batch % world:
        where = f"stage {stage.name}: " if stage.name else ""
        raise OptionError(
            f"{where}batch={stage.batch} cannot be shared equally by {world} processes; give a multiple of {world}"
        )
    return stage.batch // world
