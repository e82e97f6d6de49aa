"""How exact a network is in bf16: what autocast gets wrong against what it must, from one product to the next.

Autocast rounds what goes into a product with weights, and what comes out of it, to bf16. The same roundings in float32
arithmetic give the error that is due. In both runs each product goes on with the output that it has in float32, rounded
once: so no error grows from layer to layer, and what is lost between two products shows at the second one.
The ratio is near 1 whatever the weights and the machine are; digits lost on the way make it large.
"""

import copy
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

PRODUCTS = ("conv", "linear", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm", "einsum")
FLOOR = 1e-5  # of the output: float32's own roundings
TINY = 1e-20  # a product may be 0 throughout


class Products(TorchFunctionMode):
    """Follows the products with weights of one forward pass in their order: notes them, or holds them against notes."""

    def __init__(self, notes: list[Tensor] | None = None, *, rounding: bool = False):
        super().__init__()
        self.notes = notes
        self.rounding = rounding
        self.outputs: list[Tensor] = []
        self.errors: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        weights = any(isinstance(value, torch.nn.Parameter) for value in (*args, *kwargs.values()))
        if not (weights and func.__name__.startswith(PRODUCTS)):
            return func(*args, **kwargs)
        if self.rounding:
            args, kwargs = [rounded(value) for value in args], {name: rounded(value) for name, value in kwargs.items()}
        output = func(*args, **kwargs)
        if self.notes is None:
            self.outputs.append(output.clone())  # what follows may change it in place
            return output
        exact = self.notes[len(self.errors)]
        self.errors.append(rms((rounded(output) if self.rounding else output.float()) - exact))
        return rounded(exact).to(output.dtype)


def rounded(value: Any) -> Any:
    return value.bfloat16().float() if isinstance(value, Tensor) and value.is_floating_point() else value


def rms(value: Tensor) -> float:
    return value.square().mean().sqrt().item()


@torch.no_grad()
def well_scaled(model: Any, pair: tuple[Tensor | None, Tensor]) -> Any:
    """A copy whose batch norms have the statistics of this batch: no signal is lost beside a bias, or drowns one."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all that was seen
    model.train()(*pair)
    return model.eval()


@torch.no_grad()
def ratios(model: Any, pair: tuple[Tensor | None, Tensor]) -> list[float]:
    """The error under autocast over the error that is due, at each product with weights and at the outputs."""
    with Products() as noted:
        exact = model(*pair)
    with Products(noted.outputs, rounding=True) as due:
        reference = model(*pair)
    with Products(noted.outputs) as found, torch.autocast("cpu", torch.bfloat16):
        half = model(*pair)
    assert len(found.errors) == len(due.errors) == len(noted.outputs)
    for task in model.face.tasks:
        noted.outputs.append(getattr(exact, task))
        due.errors.append(rms(rounded(getattr(reference, task)) - getattr(exact, task)))
        found.errors.append(rms(getattr(half, task).float() - getattr(exact, task)))
    floors = [FLOOR * rms(output) + TINY for output in noted.outputs]
    return [error / (bound + floor) for error, bound, floor in zip(found.errors, due.errors, floors, strict=True)]
