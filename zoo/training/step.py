"""One step of training: forward, losses, backward, clipping, weights. Nothing here waits for the device."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from zoo.contract import Sample, Task
from zoo.losses import Criterion, Losses
from zoo.model import PairModel, computing
from zoo.precision import half
from zoo.training.ema import Average, Buffers
from zoo.training.recipe import Recipe

FP16_SCALE = 2.0**16  # of the loss at first, so that small gradients are not rounded to 0

Mark = Callable[[str], None]


def unmarked(_: str) -> None:
    """What a step calls between its parts where nobody measures them."""


class Network(NamedTuple):
    """A network as it is trained: what a step calls, what it changes, and what follows that."""

    forward: Callable[..., Any]  # compiled, or shared with other processes
    model: PairModel
    average: Average | None


class Step:
    """Trains a network on batches. Values that people want to see are summed on the device, in `meter`.

    A step whose loss or gradients are not finite leaves weights, optimizer and running statistics as they are: the
    fused optimizers pass over it by themselves, so that nobody has to look.
    """

    def __init__(
        self,
        network: Network,
        objective: Criterion,
        optimizer: Optimizer,
        recipe: Recipe,
        tasks: tuple[Task, ...],
        device: torch.device,
        mark: Mark = unmarked,
    ):
        self.forward, self.model, self.average = network
        self.objective, self.optimizer = objective, optimizer
        # notes gradients that are not finite in every precision, and scales in one
        self.scaler = torch.amp.GradScaler(device.type, init_scale=FP16_SCALE if recipe.precision == "fp16" else 1.0)
        self.recipe, self.tasks, self.device, self.mark = recipe, tasks, device, mark
        self.statistics = Buffers(network.model)
        self.learning = [p for group in optimizer.param_groups for p in group["params"]]
        self.meter = Meter(device)

    def __call__(self, batch: Sample, lr: float) -> None:
        """One step at a rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        kept = self.statistics.floats()
        before = flat(kept) if kept else None
        shared = self.forward if isinstance(self.forward, DistributedDataParallel) else None
        with (
            half(self.device, self.recipe.precision),
            shared.no_sync() if shared and self.objective.balance.own_backward else nullcontext(),
            computing(self.model, self.tasks),
        ):
            predictions = self.forward(batch.bg, batch.fg_bg, sides=self.objective.wants_sides)
        self.mark("forward")
        losses = self.objective(predictions, batch, tasks=self.tasks)
        self.mark("loss")
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.backward(losses, self.learning, self._scaled)
        self.mark("backward")
        self.scaler.unscale_(self.optimizer)  # notes whether all is finite, before clipping hides it
        norm = self._clip()
        if before is not None:
            kept = self.statistics.floats()
            restore(kept, torch.where(norm.isfinite(), flat(kept), before))
        self.scaler.step(self.optimizer)
        self.scaler.update(None if self.recipe.precision == "fp16" else 1.0)
        if self.average:
            self.average.update()
        self.mark("optimizer")
        self.meter.add(losses, norm)
        self.mark("logging")

    def _scaled(self, loss: Tensor) -> Tensor:
        """The loss as the scaler wants it; nan where it is not finite, whose gradients may be finite by chance."""
        return self.scaler.scale(loss * torch.where(loss.detach().isfinite(), 1.0, math.nan))

    def _clip(self) -> Tensor:
        """Clip as the recipe says; the norm of all gradients, which is not finite if one of them is not."""
        norm = nn.utils.get_total_norm([p.grad for p in self.learning if p.grad is not None])
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.learning, self.recipe.clip_norm, norm)
        if self.recipe.clip_value is not None:
            nn.utils.clip_grad_value_(self.learning, self.recipe.clip_value)
        return norm


def flat(values: Sequence[Tensor]) -> Tensor:
    """All values in a row, (n,)."""
    return torch.cat([value.flatten() for value in values])


def restore(values: Sequence[Tensor], row: Tensor) -> None:
    """Give tensors the values that `flat` has put in a row."""
    parts = torch.split(row, [value.numel() for value in values])
    torch._foreach_copy_(list(values), [part.view_as(value) for value, part in zip(values, parts, strict=True)])


class Meter:
    """Sums of losses on the device, and how many steps were not finite; looked at now and then, never each step."""

    def __init__(self, device: torch.device):
        self.device = device
        self.names: tuple[str, ...] = ()
        self.sums = torch.zeros(0, dtype=torch.float64, device=device)
        self.counts = torch.zeros(3, dtype=torch.float64, device=device)  # good steps, bad ones, bad ones in a row

    def add(self, losses: Losses, norm: Tensor) -> None:
        """Take the losses of a step; those of one that is not finite are left out of the sums."""
        if not self.names:
            self.names = ("loss", *losses.terms)
            self.sums = torch.zeros(len(self.names), dtype=torch.float64, device=self.device)
        values = torch.stack([losses.total.detach(), *losses.terms.values()]).double()
        good = norm.isfinite()
        self.sums += torch.where(good, values, 0.0)
        fine = good.double()
        self.counts = torch.stack([self.counts[0] + fine, self.counts[1] + 1 - fine, (self.counts[2] + 1) * (1 - fine)])

    def go_on(self, streak: int) -> None:
        """Count on from so many bad steps in a row, before the first step."""
        self.counts[2] = streak

    def take(self, mean: Callable[[Tensor], Tensor] = lambda values: values) -> "Sums":
        """What was summed since the last call; mean: over the processes, each of which has seen its own part."""
        good, bad, streak = (int(count) for count in self.counts.tolist())
        sums = dict(zip(self.names, mean(self.sums).tolist(), strict=True))
        self.sums = torch.zeros_like(self.sums)
        self.counts = self.counts * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64, device=self.device)
        return Sums(sums, good, bad, streak)


@dataclass
class Sums:
    """Sums of losses over good steps, how many these were, and how many were passed over; streak: those at the end."""

    sums: dict[str, float] = field(default_factory=dict)
    good: int = 0
    bad: int = 0
    streak: int = 0

    def add(self, other: "Sums") -> None:
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in other.sums.items()}
        self.good, self.bad, self.streak = self.good + other.good, self.bad + other.bad, other.streak

    def means(self) -> dict[str, float]:
        return {name: value / self.good if self.good else math.nan for name, value in self.sums.items()}


@dataclass
class Elapsed:
    """Time over all starts of a run, and what was counted since the last line of the log."""

    seconds: float = 0.0
    waited: float = 0.0
    skipped: int = 0
    line_seconds: float = 0.0
    line_waited: float = 0.0
    line_augmented: float = 0.0
    line_steps: int = 0


class Clock:
    """Where the time goes: seconds between marks, by name; each mark waits for the device."""

    def __init__(self, device: torch.device):
        self.device, self.seconds = device, dict[str, float]()
        self.last = time.perf_counter()

    def __call__(self, name: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now
