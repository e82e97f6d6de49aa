"""Weighted sums of losses as people type them: `bce + 0.5*dice(squared=True)`.

Losses are added. A weight is a number above 0 and stands before its loss: `2*dice`, `0.1*l1`, `1e-3*ssim`.

>>> expression = Expression.parse("bce + 0.5*dice(squared=true)", task="mask")
>>> [(term.name, term.weight) for term in expression.terms]
[('bce', 1.0), ('dice', 0.5)]

Printed, it has every option, and reads back as the same expression.
"""

import math
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from registry import Entry, OptionError, Spec, SpecError, ZooError, either, require_each
from registry.errors import place_of, raised
from registry.spec import Reader
from zoo.contract import TASKS, Task
from zoo.losses.catalog import Loss, LossCard, Truth, losses
from zoo.own import Place, is_place, resolve

NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?(?![A-Za-z0-9_])")
NAME = re.compile(r"[A-Za-z_./~][A-Za-z0-9_.\-/:~]*")  # without the + and * that join losses
EXPECTED = "expected a loss, as in bce, 0.5*dice or dice(squared=True)"


class OtherTaskError(OptionError):
    """A loss that is not for the task it was given for."""


@dataclass(frozen=True)
class Term:
    """One loss with all its options, its weight in the sum, and the name it has in logs.

    >>> build("l1").weight
    1.0
    """

    name: str
    weight: float
    spec: Spec
    function: Loss = field(compare=False, repr=False)

    def __call__(self, logits: Tensor, truth: Truth) -> Tensor:
        """One value per image, without the weight: (b, 1, h, w) -> (b,)."""
        try:
            value: Tensor = self.function(logits, truth)
        except Exception as error:
            is_own = is_place(self.spec.name) or place_of(error)
            if not is_own or isinstance(error, ZooError | MemoryError | torch.OutOfMemoryError):
                raise
            raise ZooError(f"the loss {self.spec.name} raised {raised(error, 200)}") from error
        if value.shape != logits.shape[:1]:
            raise ZooError(
                f"the loss {self.spec.name} gave values of shape {tuple(value.shape)} for a batch of {len(logits)};"
                f" a loss gives one value per image, ({len(logits)},)"
            )
        return value

    def __str__(self) -> str:
        weight = repr(self.weight).removesuffix(".0")
        return str(self.spec) if self.weight == 1 else f"{weight}*{self.spec}"


@dataclass(frozen=True)
class Expression:
    """The losses of one task, weighted and named.

    A loss may come twice with different options, as ssim(window=3) + ssim(window=11); the second is ssim#2 in logs.

    >>> from zoo.losses import objective
    >>> str(objective(mask="bce + 0.5*dice").expressions["mask"]).partition("(")[0]
    'bce + 0.5*dice'
    """

    task: Task
    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str, *, task: Task) -> "Expression":
        """Read an expression for a task; an error points at the character that is wrong, or names what is known."""
        require_each("task", task, (task,), TASKS)
        if not isinstance(text, str):
            raise SpecError(f"{task} takes losses as text, as in 'bce + 0.5*dice', and not {text!r}")
        terms: list[Term] = []
        for weight, spec in read(text):
            terms.append(_bind(spec, weight, task, terms))
        return cls(task, tuple(terms))

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms))


def read(text: str) -> list[tuple[float, Spec]]:
    """The weights and losses of an expression as they are written; which losses there are is not looked at."""
    reader = Reader(text)
    terms = [_term(reader)]
    while reader.take("+"):
        terms.append(_term(reader))
    if following := reader.peek():
        hints = {
            "*": "the weight stands before its loss, as in 2*dice",
            "-": "losses are only added; expected + or the end",
        }
        reader.fail(hints.get(following, "expected + or the end"))
    return terms


def code(text: str) -> set[str]:
    """The losses of an expression that are code of one's own, as a person names them: my_loss.py:fn.

    text: an expression.

    >>> code("bce + 0.5*my_loss.py:cube")
    {'my_loss.py:cube'}
    """
    names = {spec.name for _, spec in read(text)}
    return {Place.parse(name).asked for name in names if is_place(name) and name not in losses}


def task_of(text: str) -> tuple[Task | None, str]:
    """[TASK=]LOSSES, taken apart.

    text: as it was typed.

    >>> task_of("depth=l1"), task_of("bce + dice")
    (('depth', 'l1'), (None, 'bce + dice'))
    """
    for task in TASKS:
        if text.replace(" ", "").startswith(f"{task}="):
            return task, text.partition("=")[2].strip()
    return None, text


def by_task(texts: Iterable[str], trained: Collection[Task]) -> dict[Task, str]:
    """Expressions as a command takes them, [TASK=]LOSSES: without a task for each trained one that they fit.

    texts: each for a task that it names, or for all it fits. trained: the tasks there are.

    >>> by_task(["bce + dice", "depth=l1"], ("mask", "depth"))["depth"]
    'l1'
    """
    found: dict[Task, str] = {}
    for text in texts:
        one, text = task_of(text)
        if one:
            found[one] = text
            continue
        for task in trained:
            with suppress(OtherTaskError):
                Expression.parse(text, task=task)
                found[task] = text
        if text not in found.values():
            Expression.parse(text, task=next(iter(trained)))  # its error says for which task they are
    return found


def build(spec: str | Spec, task: Task | None = None) -> Term:
    """One loss by name, with weight 1: `build("dice(squared=true)")(logits, truth)` is one value per image, (b,).

    task: refuse a loss that is not for this task.

    spec: a name with options, or a loss of one's own by its place.

    >>> build("dice(squared=true)").name
    'dice'
    """
    return _bind(Spec.parse(spec) if isinstance(spec, str) else spec, 1.0, task, [])


def _term(reader: Reader) -> tuple[float, Spec]:
    if reader.peek() == "-":
        reader.fail("a weight is a number above 0, and losses are only added")
    weight, start = 1.0, reader.at
    if number := NUMBER.match(reader.text, start):
        weight = float(number.group())
        if not 0 < weight < math.inf:
            reader.fail("a weight is a finite number above 0; to switch a loss off, leave it out")
        reader.at = number.end()
        if not reader.take("*"):
            reader.fail("expected * and a loss, as in 0.5*dice")
    name = reader.match(NAME, EXPECTED)
    return weight, Spec(name, reader.options() if reader.take("(") else {})


def _bind(spec: Spec, weight: float, task: Task | None, before: list[Term]) -> Term:
    entry, options = resolve(losses, spec)
    tasks = _tasks(entry)
    if task is not None and task not in tasks:
        fitting = [other.name for other in losses if task in _tasks(other)]
        raise OtherTaskError(f"{entry.name} is a loss for {either(tasks)}; for {task} there are {', '.join(fitting)}")
    complete = Spec(entry.name, options)
    short = Place.parse(entry.name).name if is_place(entry.name) and entry.name not in losses else entry.name
    same = [term for term in before if term.name.partition("#")[0] == short]
    if any(term.spec == complete for term in same):
        raise SpecError(f"{complete} is given twice; give it once, with a larger weight: 2*{complete}")
    name = f"{short}#{len(same) + 1}" if same else short
    return Term(name, weight, complete, partial(entry.factory, **options))


def _tasks(entry: Entry[Loss]) -> tuple[Task, ...]:
    """What a loss is for; a plug-in's plain card restricts nothing."""
    return entry.card.tasks if isinstance(entry.card, LossCard) else TASKS
