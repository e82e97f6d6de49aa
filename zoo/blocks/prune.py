"""Remove the layers that a network never uses, before anything is counted, saved or trained."""

import torch
from torch import Tensor, nn

from zoo.model import PairModel, in_mode


class Unused(nn.Module):
    """The placeholder of a layer whose result nobody uses; it may still be called, with the layer's arguments."""

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        return x


def drop_unused(model: PairModel) -> None:
    """Run the network once at its smallest size, unequal sides, and replace every module that no output depends on.

    It is also the test whether a decoder and an encoder fit together: what does not fit raises here.
    """
    parameters = dict(model.named_parameters())
    device = next(iter(parameters.values())).device
    image = torch.full((1, model.face.image_ch, model.min_size, model.min_size + model.stride), 0.5, device=device)
    with in_mode(model), torch.enable_grad():
        used = _leaves([value for value in model(image, image) if value is not None])
    _drop(model, "", {name for name, parameter in parameters.items() if parameter not in used})


def is_dropped(model: nn.Module, name: str) -> bool:
    """Whether a parameter or buffer of this name went with a layer that was never used."""
    *path, last = name.split(".")
    module: nn.Module | None = model
    for part in path:
        module = None if module is None else module._modules.get(part)
        if isinstance(module, Unused):
            return True
    return module is not None and last in module._parameters and module._parameters[last] is None


def _leaves(outputs: list[Tensor]) -> set[Tensor]:
    """The parameters that the outputs were computed from, read off the graph: no gradient has to be computed."""
    nodes, seen, leaves = [output.grad_fn for output in outputs], set(), set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if hasattr(node, "variable"):  # where a gradient would be accumulated
                leaves.add(node.variable)
            nodes += [following for following, _ in node.next_functions]
    return leaves


def _drop(module: nn.Module, prefix: str, unused: set[str]) -> None:
    for name, child in list(module.named_children()):
        own = {f"{prefix}{name}.{key}" for key, _ in child.named_parameters()}
        if own and own <= unused:
            setattr(module, name, Unused())
        elif own & unused:
            _drop(child, f"{prefix}{name}.", unused)
    for name, _ in list(module.named_parameters(recurse=False)):
        if f"{prefix}{name}" in unused:
            setattr(module, name, None)
