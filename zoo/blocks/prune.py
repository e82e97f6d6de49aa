"""Take away the layers that a network never uses, before anything is counted, saved or trained."""

import torch
from torch import Tensor, nn

from zoo.model import PairModel


class Unused(nn.Module):
    """Stands where a layer was whose result nobody uses; it may still be called, with whatever that layer took."""

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        return x


def drop_unused(model: PairModel) -> None:
    """Run the network once at its smallest size, unequal sides, and replace every module that no output depends on.

    It is also the test whether a decoder and an encoder fit together: what does not fit raises here.
    """
    training = model.training
    model.eval()
    parameters = dict(model.named_parameters())
    device = next(iter(parameters.values())).device
    image = torch.full((1, model.face.image_ch, model.min_size, model.min_size + model.stride), 0.5, device=device)
    with torch.enable_grad():
        maps = [value for value in model(image, image) if value is not None]
        total = torch.stack([value.sum() for value in maps]).sum()
        gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    unused = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None}
    _drop(model, "", unused)
    model.train(training)


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
