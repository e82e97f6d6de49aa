"""Losses by name, and objectives made of them.

>>> objective = objective(mask="bce + 0.5*dice", depth="0.1*l1 + ssim + gradient", weights={"mask": 2, "depth": 1})
>>> losses = objective(model(bg, fg_bg, sides=True), sample)  # doctest: +SKIP
>>> losses.total.backward()  # doctest: +SKIP
"""

from zoo.losses.catalog import Loss, LossCard, Truth, losses, register
from zoo.losses.expression import Expression, Term, build, by_task, code, task_of
from zoo.losses.objective import Criterion, Losses, objective

names = losses.names

__all__ = [
    "Criterion",
    "Expression",
    "Loss",
    "LossCard",
    "Losses",
    "Term",
    "Truth",
    "build",
    "by_task",
    "code",
    "losses",
    "names",
    "objective",
    "register",
    "task_of",
]
