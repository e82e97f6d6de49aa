"""Optimizers by name. All are fused: one kernel for all weights, which also passes over a step that is not finite."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import nn
from torch.optim import Optimizer

from registry import ABOVE_0, BELOW_1, FROM_0, Card, Catalog, Limit, require

optimizers: Catalog[Callable[..., Optimizer]] = Catalog("optimizer", group="zoo.optimizers")
BETAS = Limit("two shares from 0 up to, not including, 1", lambda betas: all(map(BELOW_1.holds, betas)))


def build(spec: str, parameters: Iterable[nn.Parameter], lr: float) -> Optimizer:
    """An optimizer by name, as "sgd(momentum=0.9)"."""
    entry, options = optimizers.resolve(spec)
    return entry.factory(list(parameters), lr, **options)


@optimizers.register("sgd", Card(summary="gradient descent with momentum"))
def sgd(
    parameters: list[nn.Parameter],
    lr: float,
    *,
    momentum: Annotated[float, "share of the last step that is kept", BELOW_1] = 0.9,
    weight_decay: Annotated[float, "pull towards 0, added to the gradient", FROM_0] = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    require(not nesterov or momentum > 0, "nesterov", nesterov, "True only with momentum")
    return torch.optim.SGD(parameters, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True)


@optimizers.register("adamw", Card(summary="Adam with decoupled weight decay", paper="arXiv:1711.05101"))
def adamw(
    parameters: list[nn.Parameter],
    lr: float,
    *,
    weight_decay: Annotated[
        float, "pull towards 0, of matrices and kernels; norms and biases have none", FROM_0
    ] = 0.01,
    betas: Annotated[tuple[float, float], BETAS] = (0.9, 0.999),
    eps: Annotated[float, ABOVE_0] = 1e-8,
) -> Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True
    )
