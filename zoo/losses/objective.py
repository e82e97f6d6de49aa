"""What a network is trained on: losses per task, over the final output or all sides, balanced to one number.

>>> aim = objective(mask="bce + 0.5*dice", depth="0.1*l1 + ssim", weights={"mask": 2}, deep="sum")
>>> losses = aim(model(bg, fg_bg, sides=aim.wants_sides), sample)  # doctest: +SKIP
>>> aim.backward(losses, list(model.parameters()))  # doctest: +SKIP
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from registry import OptionError, Spec, either, nearest, require
from zoo.contract import TASKS, InputError, Prediction, Sample, Task, words
from zoo.losses.balance import Balance, Scale, total
from zoo.losses.balance import build as build_balance
from zoo.losses.catalog import Truth
from zoo.losses.expression import Expression
from zoo.precision import no_autocast

Deep = Literal["final", "sum", "mean"]
DEEP: tuple[Deep, ...] = ("final", "sum", "mean")


class Losses(NamedTuple):
    """The losses of one batch; everything () and on the device.

    total: what the step descends. tasks: each task's terms with their weights, added up, before the balance and the
    task's own weight; in the graph too. terms: each loss without its weight, "mask/bce", for logs; detached.
    """

    total: Tensor
    tasks: dict[str, Tensor]
    terms: dict[str, Tensor]


class Criterion(nn.Module):
    """Predictions and the truth in, losses out; made by `objective`.

    Its parameters (if the balance learns) belong to the optimizer, its state to the checkpoint; `.to(device)` as a
    network's. Losses are computed in float32, or float64 where the logits are, whatever autocast says.

    expressions: of each task. deep: over side outputs. balance: how the tasks become one.

    >>> from zoo import build, data
    >>> batch = data.load("pairbench:clean", size=16).batch(range(2))
    >>> losses = objective(mask="bce", depth="l1")(build("frame_difference")(batch.bg, batch.fg_bg), batch)
    >>> sorted(losses.terms), losses.total.shape
    (['depth/l1', 'mask/bce'], torch.Size([]))
    """

    def __init__(self, expressions: Mapping[Task, Expression], deep: Deep, balance: Balance):
        super().__init__()
        self.expressions = dict(expressions)
        self.tasks: tuple[Task, ...] = tuple(expressions)
        self.deep: Deep = deep
        self.balance = balance

    @property
    def wants_sides(self) -> bool:
        """Whether the network is to be called with sides=True."""
        return self.deep != "final"

    def forward(
        self,
        predictions: Prediction | tuple[Prediction, ...],
        sample: Sample,
        tasks: tuple[Task, ...] | None = None,
    ) -> Losses:
        """Losses of a prediction, or of all sides with the final one first.

        tasks: some of the objective's, for a stage that trains those alone.
        """
        chosen = self.tasks if tasks is None else self._chosen(tasks)
        sides = self._sides(predictions)
        values: dict[str, Tensor] = {}
        terms: dict[str, Tensor] = {}
        with no_autocast(sample.fg_bg.device):
            for task in chosen:
                logits, truth = self._maps(task, sides, sample)
                has_truth = truth.valid.flatten(1).any(1)
                weighted = []
                for term in self.expressions[task].terms:
                    value = total([_mean(term(side, truth), has_truth) for side in logits])
                    value = value / len(logits) if self.deep == "mean" else value
                    terms[f"{task}/{term.name}"] = value.detach()
                    weighted.append(value if term.weight == 1 else term.weight * value)
                values[task] = total(weighted)
            return Losses(self.balance(values), values, terms)

    __call__: Callable[..., Losses]

    def backward(self, losses: Losses, parameters: Iterable[nn.Parameter], scale: Scale = lambda loss: loss) -> None:
        """Add the gradients of a step to .grad, as losses.total.backward() would; PCGrad projects them first.

        parameters: the network's; scale: a gradient scaler's.
        """
        self.balance.backward(losses.total, losses.tasks, parameters, scale)

    def to_dict(self) -> dict[str, Any]:
        """Every setting with every option, as keywords for `objective`."""
        written: dict[str, Any] = {
            task: str(self.expressions[task]) if task in self.expressions else None for task in TASKS
        }
        return written | {"weights": dict(self.balance.weights), "deep": self.deep, "balance": str(self.balance.spec)}

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"objective({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    def _chosen(self, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        given = words("tasks", tasks, f"{' and '.join(self.tasks)}, or one of them")
        if not given or any(task not in self.tasks for task in given):
            raise OptionError(f"tasks={tasks!r} is not accepted; this objective has losses for {either(self.tasks)}")
        return tuple(task for task in self.tasks if task in given)

    def _sides(self, predictions: Prediction | tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        if isinstance(predictions, Prediction):
            if self.wants_sides:
                raise InputError(
                    f"deep={self.deep!r} needs all side outputs, and one prediction arrived; call"
                    " model(bg, fg_bg, sides=True), or give deep='final'"
                )
            return (predictions,)
        sides: tuple[Any, ...] = tuple(predictions) if isinstance(predictions, tuple | list) else ()
        if not sides or not all(isinstance(side, Prediction) for side in sides):
            raise InputError(
                "an objective takes what a network returns, a Prediction(mask, depth) or a tuple of them; it got a"
                f" {type(predictions).__name__}{f' of {type(sides[0]).__name__}' if sides else ''}"
            )
        return sides if self.wants_sides else sides[:1]

    def _maps(self, task: Task, sides: tuple[Prediction, ...], sample: Sample) -> tuple[list[Tensor], Truth]:
        """Logits of every side and the truth of a task, checked and of one dtype."""
        logits = [cast("Tensor", getattr(side, task)) for side in sides]
        if any(side is None for side in logits):
            raise InputError(
                f"the prediction has no {task}, and the objective trains it ({self.expressions[task]}); build the"
                f" network with {task} among its tasks, or the objective with {task}=None"
            )
        final = logits[0]
        target: Tensor = getattr(sample, task)
        checked = [(f"side {number} of {task}", side) for number, side in enumerate(logits[1:], start=1)]
        checked += [(f"sample.{task}", target), ("sample.valid", valid := sample.known(task))]
        for name, tensor in checked:
            _check(name, tensor, task, final, tuple(final.shape))
        _check("sample.fg_bg", sample.fg_bg, task, final, (len(final), sample.fg_bg.shape[-3], *final.shape[2:]))
        work = torch.float64 if final.dtype == torch.float64 else torch.float32
        known = torch.where(valid > 0, target, 0)  # whatever stands where nothing is known, nan included
        truth = Truth(known.to(work), valid.to(work), sample.fg_bg.to(work))
        return [side.to(work) for side in logits], truth


def _mean(values: Tensor, some: Tensor) -> Tensor:
    """The mean over those images of a batch, (b,), whose truth is known somewhere; 0 where none is."""
    return torch.where(some, values, 0).sum() / some.sum().clamp(min=1)


def objective(
    mask: str | None = "bce",
    depth: str | None = "l1",
    *,
    weights: Mapping[str, float] | None = None,
    deep: Deep = "final",
    balance: str | Spec = "fixed",
) -> Criterion:
    """An objective of losses by name.

    mask, depth: an expression per task, "bce + 0.5*dice"; None leaves the task out.
    weights: per task, 1 where none is given. deep: train the final output alone, or the sum or mean over all sides.
    balance: fixed, uncertainty, dwa(temperature=2, every=500) or pcgrad; `zoo.losses.balance.balances` has them all.

    >>> criterion = objective(mask="bce + 0.5*dice", depth=None)
    >>> list(criterion.expressions)
    ['mask']
    """
    given: dict[Task, str | None] = {"mask": mask, "depth": depth}
    expressions = {task: Expression.parse(text, task=task) for task, text in given.items() if text is not None}
    if not expressions:
        raise OptionError("mask=None and depth=None leave nothing to train; give at least one of them losses")
    require(deep in DEEP, "deep", deep, either(DEEP))
    return Criterion(expressions, deep, build_balance(balance, _weights(weights, tuple(expressions))))


def _weights(given: Mapping[str, float] | None, tasks: tuple[str, ...]) -> dict[str, float]:
    require(given is None or isinstance(given, Mapping), "weights", given, "one number per task: {'mask': 2}")
    for task, weight in (given or {}).items():
        if task not in tasks:
            hint = "its losses are None" if task in TASKS else nearest(str(task), tasks)
            raise OptionError(f"weights has {task!r}, which is not a task of this objective; {hint}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            raise OptionError(f"weights[{task!r}]={weight!r} is not accepted; a weight is a number above 0")
    return {task: float((given or {}).get(task, 1.0)) for task in tasks}


def _check(name: str, tensor: Tensor, task: str, logits: Tensor, shape: tuple[int, ...]) -> None:
    """Raise InputError unless a map fits the logits; looks at no value, so it waits for no device."""
    if logits.dim() != 4 or logits.shape[1] != 1 or not logits.shape[0]:
        raise InputError(f"the prediction's {task} is {tuple(logits.shape)}; expected (b, 1, h, w) with b from 1 up")
    if tensor.shape != shape:
        hint = "; a single sample needs the batch axis, as dataset.batch([i]) gives it" if tensor.dim() == 3 else ""
        raise InputError(f"{name} is {tuple(tensor.shape)}, the prediction's {task} {tuple(logits.shape)}{hint}")
    if not tensor.is_floating_point():
        raise InputError(f"{name} is {tensor.dtype}; expected floats in [0, 1]")
    if tensor.device != logits.device:
        raise InputError(f"{name} is on {tensor.device}, the prediction on {logits.device}; move the sample there")
