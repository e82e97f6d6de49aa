"""Batch norms as part of the convolutions before them: in eval mode both are one linear map."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from registry import ZooError
from zoo.model import PairModel

Convolution = nn.Conv2d | nn.ConvTranspose2d
CLOSE = 1e-4  # of the largest logit, to which both must agree


class FoldError(ZooError, ArithmeticError):
    """A network that computes something else with its batch norms folded."""


def folded(model: PairModel, pair: tuple[Tensor | None, Tensor]) -> tuple[PairModel, int]:
    """A copy in eval mode whose batch norms went into the convolutions that feed them, and how many did.

    Which one feeds which is seen in a call on the pair, and both networks are compared on it: FoldError where they
    differ, as they do where a convolution's output is used twice.
    """
    made = copy.deepcopy(model).eval().requires_grad_(False)
    with torch.no_grad():
        feeds = _feeds(made, pair)
        for norm, conv in feeds.items():
            _fold(conv, norm)
        _replace(made, set(feeds))
        for one, other in zip(model.eval()(*pair), made(*pair), strict=True):
            if one is not None and other is not None:
                _require_close(one, other)
    return made, len(feeds)


def _feeds(model: nn.Module, pair: tuple[Tensor | None, Tensor]) -> dict[nn.BatchNorm2d, Convolution]:
    """Each norm that always gets what the same convolution gives, and gets it first."""
    given: dict[int, tuple[Convolution, Tensor]] = {}  # the tensor is kept, so that its id stays its own
    found: dict[nn.BatchNorm2d, set[Convolution | None]] = {}
    users: dict[Convolution, set[nn.Module]] = {}

    def after(conv: Any, _: Any, output: Tensor) -> None:
        given[id(output)] = conv, output

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        conv = given[id(inputs[0])][0] if inputs and id(inputs[0]) in given else None
        if conv is not None:
            users.setdefault(conv, set()).add(module)
        if isinstance(module, nn.BatchNorm2d):
            found.setdefault(module, set()).add(conv)

    hooks = [module.register_forward_pre_hook(before) for module in model.modules()]
    hooks += [m.register_forward_hook(after) for m in model.modules() if isinstance(m, Convolution)]
    try:
        model(*pair)
    finally:
        for hook in hooks:
            hook.remove()
    pairs = {norm: convs.pop() for norm, convs in found.items() if len(convs) == 1}
    return {
        norm: conv
        for norm, conv in pairs.items()
        if conv is not None and users[conv] == {norm} and norm.running_mean is not None
    }


def _fold(conv: Convolution, norm: nn.BatchNorm2d) -> None:
    """In double precision, since rounding would stay."""
    if conv.groups > 1 and isinstance(conv, nn.ConvTranspose2d):
        raise FoldError("a transposed convolution in groups is not folded")
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, mean, var = (value.double() for value in (conv.weight, norm.running_mean, norm.running_var))
    bias, scale, shift = (None if value is None else value.double() for value in (conv.bias, norm.weight, norm.bias))
    made = fuse_conv_bn_weights(
        weight, bias, mean, var, norm.eps, scale, shift, transpose=isinstance(conv, nn.ConvTranspose2d)
    )
    conv.weight, conv.bias = (nn.Parameter(value.to(conv.weight.dtype), requires_grad=False) for value in made)


def _replace(model: nn.Module, norms: set[nn.BatchNorm2d]) -> None:
    for module in model.modules():
        for name, child in module.named_children():
            if child in norms:
                setattr(module, name, nn.Identity())


def _require_close(one: Tensor, other: Tensor) -> None:
    away, scale = float((one - other).abs().max()), float(one.abs().max())
    if not away <= CLOSE * max(scale, 1.0):
        raise FoldError(f"with its batch norms folded its logits differ by {away:.2g}, of {scale:.2g} at most")
