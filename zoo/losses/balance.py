"""How the tasks' losses become one step: the base of every balance, and the catalog of them.

A new balance is one class in a file of `zoo/losses/balances/`:

@register("harmonic", Card(summary="the harmonic mean of the weighted losses"))
class Harmonic(Balance):
    def forward(self, tasks: Mapping[str, Tensor]) -> Tensor:
        return len(tasks) / total([1 / (self.weights[task] * loss) for task, loss in tasks.items()])

Its keyword-only arguments are its options, as in "dwa(temperature=2, every=500)".
"""

from collections.abc import Callable, Iterable, Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn

from registry import Catalog, Spec, require

Scale = Callable[[Tensor], Tensor]  # what a gradient scaler does to a loss before the backward pass


class Balance(nn.Module):
    """Takes each task's loss to the total. What it learns is a parameter, what it remembers is a buffer.

    weights: the user's own, per task; every balance multiplies with them.
    """

    spec: Spec  # name and every option; set by `build`
    own_backward = False  # whether backward averages over the ranks by itself, so that DDP is to be told no_sync

    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        self.weights: dict[str, float] = dict(weights)

    def forward(self, tasks: Mapping[str, Tensor]) -> Tensor:
        """The total, (), of losses () by task: their weighted sum; a stage of training may give some tasks only."""
        weights = self.weights
        return total([loss if weights[task] == 1 else weights[task] * loss for task, loss in tasks.items()])

    def backward(
        self, total: Tensor, tasks: Mapping[str, Tensor], parameters: Iterable[nn.Parameter], scale: Scale
    ) -> None:
        """Add this step's gradients to .grad. The balance's own parameters are in no DDP module: averaged here."""
        torch.autograd.backward(scale(total))
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = average(parameter.grad)


balances: Catalog[Callable[..., Balance]] = Catalog("balance", package="zoo.losses.balances", group="zoo.balances")
register = balances.register


def build(spec: str | Spec, weights: Mapping[str, float]) -> Balance:
    """A balance by name: `build("dwa(every=500)", {"mask": 1, "depth": 1})`."""
    require(isinstance(spec, str | Spec), "balance", spec, "text, as dwa(every=500)")
    entry, options = balances.resolve(spec)
    balance = entry.factory(weights, **options)
    balance.spec = Spec(entry.name, options)
    return balance


def total(losses: list[Tensor]) -> Tensor:
    """The sum of losses (), without the 0 that Python's sum starts from."""
    first, *others = losses
    for loss in others:
        first = first + loss
    return first


def average(values: Tensor) -> Tensor:
    """The mean over the processes of a distributed run; the values themselves in any other."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values
    shared = values.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(shared)
    return shared / dist.get_world_size()
