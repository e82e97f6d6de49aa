"""A training in memory: the network and all that changes with it, over the stages of a recipe."""

import warnings
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Optimizer

from registry import OptionError, ZooError
from zoo.contract import TASKS, Sample, Task
from zoo.data.augment import Augment, augment
from zoo.factory import build
from zoo.machine import memory_or
from zoo.model import PairModel
from zoo.precision import HALVES
from zoo.saved import build_offline
from zoo.trained import Trained
from zoo.training import optimizers, schedules
from zoo.training.augmenting import Timed
from zoo.training.checkpoint import random_states, seed_all, set_random_states
from zoo.training.ema import Average
from zoo.training.feed import Feed, Place, Positions, statistics
from zoo.training.plan import Phase, at_rate, freeze, per_process, plan, set_modes
from zoo.training.recipe import Recipe, Stage
from zoo.training.splits import training_data
from zoo.training.start import fill
from zoo.training.step import Mark, Network, Step, flat, restore, unmarked
from zoo.training.world import World

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class TrainingError(ZooError):
    """A training that cannot go on; the message says where it stands and what to do."""


class Trainer:
    """Network, objective, and for the stage it is in: optimizer, schedule, scaler, and the step made of them."""

    def __init__(
        self,
        recipe: Recipe,
        world: World,
        *,
        model: PairModel | None = None,
        workers: int = 1,
        is_filled: bool = False,  # from a checkpoint: pretrained weights are not needed again
    ):
        self.recipe, self.world, self.workers = recipe, world, workers
        self.layout = LAYOUTS[recipe.layout]
        data = training_data(recipe.data, recipe.stages[0].hw, world.device)
        data.keep_split()
        self.length, self.split = len(data), data.split
        self.rate: float | None = None  # the one of the recipe's rates that is tried, or was chosen
        self.phases = plan(recipe, self.length)
        for phase in self.phases:
            per_process(phase.stage, world.size)
        self.timed = Timed(augment(recipe.augment, seed=recipe.seed)) if recipe.augment else None
        self.change: Augment | None = self.timed
        seed_all(recipe.seed)
        self.model = model or (build_offline if is_filled else build)(recipe.model)
        self.earlier = fill(self.model, recipe.start) if recipe.start and not is_filled else None
        self._require_tasks(getattr(data, "tasks", TASKS))
        if recipe.normalise == "data":
            rows = self.model.normalise.mean.shape[0]  # one, of fg_bg, where the network sees nothing else
            self.model.normalise.set(*(figures[-rows:] for figures in statistics(data)))
        if recipe.sync_norms:
            if world.device.type == "cpu":
                raise OptionError('sync_norms works on GPUs only; on the CPU use norms = "frozen", or larger batches')
            self.model = with_shared_norms(self.model)
        self.model.to(world.device, memory_format=self.layout)  # type: ignore[call-overload]
        self.objective = recipe.objective.build().to(world.device)
        self.average = Average(self.model, recipe.ema) if recipe.ema else None
        self.compiled = torch.compile(self.model) if recipe.compile else self.model
        self.idle: dict[int, bool] = {}  # stages in which something that learns gets no gradient; `rehearse` finds out
        seed_all(recipe.seed + 1_000_003 * (1 + world.rank))  # each process drops out other units
        self.phase, self.done = self.phases[0], 0

    @property
    def best(self) -> PairModel:
        """The network to keep: the average where there is one."""
        return self.average.model if self.average else self.model  # type: ignore[return-value]

    @property
    def step_number(self) -> int:
        return self.phase.first_step + self.done

    @property
    def samples_seen(self) -> int:
        return self.phase.first_sample + self.done * self.phase.stage.batch

    @property
    def total_samples(self) -> int:
        return self.phases[-1].first_sample + self.phases[-1].samples

    def tasks(self, stage: Stage) -> tuple[Task, ...]:
        """Those of the objective's tasks that a stage trains."""
        return tuple(task for task in self.objective.tasks if task in stage.tasks)

    def story(self) -> Trained:
        """How many samples the losses of each task have seen by the end; of a task that no stage trains, none."""
        seen: dict[Task, int] = {}
        for phase in self.phases:
            for task in self.tasks(phase.stage):
                seen[task] = seen.get(task, 0) + phase.samples
        return Trained(self.recipe.data, seen).after(self.earlier)

    def begin(self, phase: Phase, mark: Mark = unmarked) -> None:
        """Enter a stage: what learns, with a new optimizer and schedule."""
        stage = phase.stage
        parameters = freeze(self.model, stage)
        set_modes(self.model, stage)
        self.phase, self.done = phase, 0
        self.optimizer = optimizers.build(self.recipe.optimizer, parameters, stage.lr)
        if own := list(self.objective.parameters()):
            self.optimizer.add_param_group({"params": own, "weight_decay": 0.0})  # decay would pull the balance to 1
        _start_momentum(self.optimizer)
        self.schedule = schedules.build(stage.schedule)
        network = Network(self._shared(phase), self.model, self.average)
        tasks, device = self.tasks(stage), self.world.device
        self.step = Step(network, self.objective, self.optimizer, self.recipe, tasks, device, mark)

    def feed(self, *, beside: bool = True) -> Feed:
        """The batches that are left of this stage; beside: made ready while steps go on, where the device allows it."""
        return Feed(
            training_data(self.recipe.data, self.phase.stage.hw, self.world.device),
            Positions(self.phase, done=self.done, rank=self.world.rank, world=self.world.size),
            seed=self.recipe.seed,
            change=self.change,
            place=Place(self.world.device, self.layout, beside),
            workers=self.workers,
        )

    @property
    def augmented(self) -> float:
        """Seconds that augmentation has taken so far in each process that does it; 0 on a GPU, where nobody waits."""
        if self.timed is None or self.world.device.type != "cpu":
            return 0.0
        return self.timed.total()[0].item() / max(1, self.workers)

    @property
    def lr(self) -> float:
        """The rate of the next step."""
        return self.phase.stage.lr * self.schedule.factor(self.done / self.phase.steps)

    def train(self, batch: Sample) -> None:
        """One step."""
        with self.memory(self.phase):
            try:
                self.step(batch, self.lr)
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise TrainingError(
                    f"in stage {self.phase.title} a batch norm sees one value per channel, and cannot learn from it."
                    ' Give a batch of 2 or more for each process, or norms = "frozen"'
                ) from None
        self.done += 1

    def state_dict(self) -> dict[str, Any]:
        """All that the run depends on, but for the data, which depends on the step's number alone."""
        return {
            "recipe": self.recipe.to_toml(),
            "steps": [phase.steps for phase in self.phases],
            "length": self.length,
            "earlier": self.earlier and self.earlier.to_text(),
            "phase": self.phase.number,
            "done": self.done,
            "rate": self.rate,
            "average": self.average and {"model": self.average.model.state_dict(), "updates": self.average.updates},
            "random": random_states(),
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as the training was that gave this state."""
        self._require_own(state)
        self.rate = state.get("rate")  # older checkpoints do not say
        self.phases = plan(self.recipe, self.length)
        if self.rate is not None:
            self.phases = at_rate(self.phases, self.rate)
        self.begin(self.phases[state["phase"] - 1], self.step.mark if hasattr(self, "step") else unmarked)
        self.done = state["done"]
        self.earlier = Trained.from_text(state.get("earlier"))
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        if self.average:
            self.average.model.load_state_dict(state["average"]["model"])
            self.average.updates = state["average"]["updates"]
        set_random_states(state["random"])

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own."""
        return {
            "model": self.model,
            "objective": self.objective,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.step.scaler,
        }

    def share_norms(self) -> None:
        """Give all processes the mean of their running statistics: each has followed its own part of the batches."""
        models = (self.model, self.average.model) if self.average else (self.model,)
        kept = [value for model in models for value in model.buffers() if value.is_floating_point()]
        if kept and self.world.size > 1:
            restore(kept, self.world.mean(flat(kept)))

    def _require_tasks(self, known: tuple[Task, ...]) -> None:
        """Raise OptionError where something is to be trained that the network, the data or the objective has not."""
        for task in TASKS:
            if getattr(self.recipe.objective, task) and task not in known:
                raise OptionError(
                    f"the objective has losses for {task}, but the data has only {', '.join(known)}"
                    f' ({self.recipe.data}); leave them out ({task} = "" in [objective], or --set {task}=)'
                )
            if getattr(self.recipe.objective, task) and task not in self.model.face.tasks:
                raise OptionError(
                    f"the objective has losses for {task}, but {self.recipe.model} gives only"
                    f" {', '.join(self.model.face.tasks)};"
                    f' leave them out ({task} = "" in [objective]), or build the network with both tasks'
                )
        for phase in self.phases:
            if not any(getattr(self.recipe.objective, task) for task in phase.stage.tasks):
                raise OptionError(
                    f"stage {phase.title} trains {', '.join(phase.stage.tasks)}, but the objective has no losses for it"
                )

    def _require_own(self, state: dict[str, Any]) -> None:
        """Raise TrainingError where a state is of another training: steps would be counted wrongly, or not at all."""
        if state["recipe"] != self.recipe.to_toml():
            raise TrainingError(
                "the checkpoint was written with another recipe.toml than is there now; put that back, or start"
                " again in another --out"
            )
        steps = [phase.steps for phase in self.phases]
        if state["steps"] != steps:
            raise TrainingError(
                f"the data has changed: the stages had {state['steps']} steps and would now have {steps}. Put the data"
                " back, or start again in another --out"
            )
        if state.get("length", self.length) != self.length:  # older checkpoints do not say
            raise TrainingError(
                f"the data has changed: it had {state['length']:,} training samples, and now has {self.length:,}."
                " Put it back, or start again in another --out"
            )
        own, saved = (
            {name: value.shape for name, value in each.items()} for each in (self.model.state_dict(), state["model"])
        )
        if own != saved:
            raise TrainingError("the checkpoint belongs to another network; give the one that the training began with")

    def _shared(self, phase: Phase) -> Any:
        """The network as the step calls it: with gradients averaged over the processes where there are several."""
        if self.world.size == 1:
            return self.compiled
        with warnings.catch_warnings():  # torch announces another name for it, which its older versions do not know
            warnings.filterwarnings("ignore", message=r"`broadcast_buffers` is deprecated", category=FutureWarning)
            return DistributedDataParallel(
                self.compiled,
                device_ids=[self.world.device.index] if self.world.device.type == "cuda" else None,
                broadcast_buffers=False,  # each process keeps its own statistics; `share_norms` brings them together
                find_unused_parameters=self.idle.get(phase.number, True),
            )

    def memory(self, phase: Phase, batch: int | None = None) -> AbstractContextManager[None]:
        """Say what to do where memory runs out; batch: samples at a time, the stage's where it is None."""
        return memory_or(lambda: self._no_memory(phase, batch or phase.stage.batch))

    def _no_memory(self, phase: Phase, much: int) -> TrainingError:
        world, (h, w) = self.world.size, phase.stage.hw
        smaller = 2 ** ((much - 1) // world).bit_length() // 2 * world  # a power of two for each process
        advice = f"a smaller batch, as --batch {smaller}" if smaller else "a smaller size or network"
        return TrainingError(
            f"memory ran out in stage {phase.title}: {much} sample{'s' * (much > 1)} of {h} x {w} pixels in a step."
            f" Give {advice}{'' if self.recipe.precision in HALVES else ', or precision bf16'}"
        )


def with_shared_norms(model: PairModel) -> PairModel:
    """Batch norms over all processes together. timm's conversion knows its own, which hold an activation; torch's
    would leave that out."""
    from timm.layers import convert_sync_batchnorm

    return convert_sync_batchnorm(model)


def _start_momentum(optimizer: Optimizer) -> None:
    """Movements of 0 to begin with: torch's fused SGD would leave them unset if its very first step is passed over."""
    if isinstance(optimizer, SGD):
        for group in optimizer.param_groups:
            if group["momentum"] and not group["dampening"]:  # with dampening a first movement is not as the others
                for parameter in group["params"]:
                    optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
