"""Works on gradients instead of losses: if two tasks' gradients conflict, each gives up the conflicting part."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from registry import Card
from zoo.losses.balance import Balance, Scale, average, register

CARD = Card(
    summary="projects conflicting gradients of the tasks onto each other's normal plane",
    group="balance",
    origin="Yu, Kumar, Gupta, Levine, Hausman, Finn: Gradient Surgery for Multi-Task Learning (NeurIPS 2020)",
    paper="https://arxiv.org/abs/2001.06782",
    notes=(
        "on the parameters that both tasks use; a head that one task alone uses keeps its gradient",
        "one backward pass per task",
    ),
)


@register("pcgrad", CARD)
class PCGrad(Balance):
    """The total is the weighted sum; the step is the sum of the projected gradients."""

    own_backward = True

    def backward(
        self, total: Tensor, tasks: Mapping[str, Tensor], parameters: Iterable[nn.Parameter], scale: Scale
    ) -> None:
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        losses = [self.weights[task] * loss for task, loss in tasks.items() if loss.requires_grad]
        gradients = []
        for number, loss in enumerate(losses, start=1):
            found = torch.autograd.grad(scale(loss), trained, retain_graph=number < len(losses), allow_unused=True)
            gradients.append(_averaged(found))
        for parameter, *parts in zip(trained, *_surgery(gradients), strict=True):
            for part in parts:
                if part is not None:
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)  # laid out as it is: fused optimizers rely on that
                    parameter.grad += part


Gradient = list[Tensor | None]  # one per parameter; None where the task does not use it


def _averaged(gradient: Iterable[Tensor | None]) -> Gradient:
    """The mean over the ranks, in one message."""
    gradient = list(gradient)
    used = [part for part in gradient if part is not None]
    if not used:
        return gradient
    parts = iter(_parts(average(_vector(used)), used))
    return [None if part is None else next(parts) for part in gradient]


def _surgery(gradients: list[Gradient]) -> list[Gradient]:
    """Each gradient without what opposes the others, which are taken as they were.

    In the order of the tasks, where the paper draws one: with two tasks there is but one order.
    """
    projected = [list(gradient) for gradient in gradients]
    for i, own in enumerate(projected):
        for other in (*gradients[:i], *gradients[i + 1 :]):
            pairs = enumerate(zip(own, other, strict=True))
            both = {k: (mine, theirs) for k, (mine, theirs) in pairs if mine is not None and theirs is not None}
            if not both:
                continue
            mine, theirs = zip(*both.values(), strict=True)
            along, against = _vector(mine), _vector(theirs)
            dot = along @ against
            share = torch.where(dot < 0, dot / (against @ against), 0)
            for k, part in zip(both, _parts(along - share * against, mine), strict=True):
                own[k] = part
    return projected


def _vector(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def _parts(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    pieces = torch.split(vector, [part.numel() for part in like])
    return [piece.view_as(part) for piece, part in zip(pieces, like, strict=True)]
