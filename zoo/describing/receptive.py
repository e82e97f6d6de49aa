"""The receptive field, measured: how far from the centre a pixel of the input can still change the centre's output.

The gradient of the centre output reaches exactly the pixels that matter, provided that nothing cancels or dies on the
way. So the network is run with other arithmetic of the same reach: every convolution averages (positive weights),
norms pass their input on, max pooling becomes average pooling, and images are so faint that no activation saturates.
Double precision, because the rim of a deep network's field weighs some 1e-100 of its centre.

A convolution whose weights are all alike is one average over the channels, one box, and one ramp over the outputs:
the width of a network costs next to nothing. A strip, as narrow as the network takes, gives the extent along it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from zoo.model import PairModel

LONGEST = 1024  # pixels of a strip: beyond it gets slow, and few networks see farther without seeing everything
FAINT = 1e-20  # brightness of the images: far below every activation's bend, far above the smallest double


@dataclass(frozen=True)
class Extent:
    """Pixels along one side of the image, and how many of its two borders they touch."""

    pixels: int
    side: int
    borders: int
    is_least: bool = False  # a strip shorter than the side was looked at, and the field fills it

    def __str__(self) -> str:
        if self.pixels == 0:
            return "none"
        if self.borders == 2:
            return f"all of {self.side}"
        return f"{'at least ' if self.borders or self.is_least else ''}{self.pixels} px"


def receptive_field(model: PairModel, size: tuple[int, int]) -> dict[str, tuple[Extent, Extent]]:
    """For each task, the extent of the centre's receptive field down and across, for images of a size.

    model: with its weights anywhere, the meta device included; its buffers beside batch norms' must hold their values.
    """
    model = _averaging(model)
    down = _along(model, size[0], vertical=True)
    across = _along(model, size[1], vertical=False)
    return {task: (down[task], across[task]) for task in down}


def has_lost_buffers(model: nn.Module) -> bool:
    """Whether a buffer that the measurement reads lies on the meta device, so that the model must be built anew."""
    return any(
        buffer.is_meta
        for name, buffer in model.named_buffers()
        if not name.startswith("normalise.") and name.rpartition(".")[2] not in STATISTICS
    )


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _averaging(model: PairModel) -> PairModel:
    """A copy whose weights are one positive number each, spread over their shape without memory."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            number = 0.0 if name.endswith("bias") else 1.0
            spread = torch.full((), number, dtype=torch.float64).expand(parameter.shape)
            module.register_parameter(name, nn.Parameter(spread, requires_grad=False))
        for name, buffer in module.named_buffers(recurse=False):
            value = torch.zeros((), dtype=buffer.dtype) if buffer.is_meta else buffer.cpu()
            setattr(module, name, (value.double() if value.is_floating_point() else value).expand(buffer.shape))
    model.normalise.active = False
    return model


def _along(model: PairModel, side: int, *, vertical: bool) -> dict[str, Extent]:
    """The extent along one side, from a strip that is as narrow as the network takes and not too long."""
    # as much is left out before the centre as behind it, in whole strides: the centre lies as it did in its cell
    length = side - max(0, -((LONGEST - side) // (2 * model.stride))) * 2 * model.stride
    shape = (length, model.min_size) if vertical else (model.min_size, length)
    face, random = model.face, torch.Generator().manual_seed(0)
    bg, fg_bg = (torch.rand(1, face.image_ch, *shape, generator=random, dtype=torch.float64) for _ in range(2))
    # fg_bg is everywhere the brighter one: no |fg_bg - bg| changes its sign between pixels
    bg, fg_bg = (FAINT * bg).requires_grad_(), (FAINT * (1 + fg_bg)).requires_grad_()
    with torch.enable_grad(), Averaging():
        prediction = model(bg if face.plate else None, fg_bg)
    extents = {}
    for task, output in zip(prediction._fields, prediction, strict=True):
        if output is not None:
            centre = output[0, 0, shape[0] // 2, shape[1] // 2]
            extents[task] = _extent(centre, [bg, fg_bg], side, length, vertical)
    return extents


def _extent(centre: Tensor, leaves: list[Tensor], side: int, length: int, vertical: bool) -> Extent:
    reached = torch.zeros(length, dtype=torch.bool)
    if centre.requires_grad:  # a plane over the position depends on no pixel
        for gradient in torch.autograd.grad(centre, leaves, retain_graph=True, materialize_grads=True):
            reached |= (gradient != 0).any(1).any(2 if vertical else 1)[0]
    at = reached.nonzero()[:, 0].tolist()
    if not at:
        return Extent(0, side, 0)
    borders = (at[0] == 0) + (at[-1] == length - 1)
    pixels = at[-1] - at[0] + 1
    return Extent(pixels, side, borders) if length == side else Extent(pixels, side, 0, is_least=borders > 0)


class Averaging(TorchFunctionMode):
    """Replaces what could cancel, die or stop a gradient by something positive of the same reach."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


def _convolve(
    function: Callable[..., Tensor], order: str, x: Tensor, weight: Tensor, bias: Any = None, *args: Any, **kwargs: Any
) -> Tensor:
    """Means over each group's channels, convolved with an average: (b, c, h, w) or (c, h, w) -> x's batch, channels.

    Each output has another weight: alike, they could cancel where a network compares its channels.
    """
    options = dict(zip(order.split(), args, strict=False)) | kwargs
    groups = options.pop("groups", 1)
    outputs = weight.shape[1] if function is F.conv_transpose2d else weight.shape[0] // groups  # of each group
    *batch, c, h, w = x.shape
    means = x.reshape(*batch, groups, c // groups, h, w).mean(-3).reshape(-1, 1, h, w)
    kh, kw = weight.shape[2:]
    y = function(means, weight.new_full((1, 1, kh, kw), 1 / (kh * kw)), **options)
    y = y.reshape(*batch, groups, 1, *y.shape[-2:]).expand(*batch, groups, outputs, -1, -1)
    return y.flatten(-4, -3) * _ramp(groups * outputs)[:, None, None]


def _ramp(n: int) -> Tensor:
    return torch.linspace(0.5, 1.5, n, dtype=torch.float64)


def _linear(x: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    return x.mean(-1, keepdim=True) * _ramp(weight.shape[0])


def _same(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x


def _layer_norm(x: Tensor, normalized_shape: Any, *args: Any, **kwargs: Any) -> Tensor:
    return x if len(normalized_shape) == 1 else x + x.mean(tuple(range(-len(normalized_shape), 0)), keepdim=True)


def _instance_norm(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Statistics over the whole image: every pixel matters a little."""
    return x + x.mean(tuple(range(2, x.dim())), keepdim=True) if x.dim() > 2 else x


def _max_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    if return_indices or dilation not in (1, (1, 1), [1, 1]):  # no average pooling does this
        pool = F.max_pool2d_with_indices if return_indices else F.max_pool2d
        return pool(x, kernel_size, stride, padding, dilation, ceil_mode)
    return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)


REPLACED: dict[Any, Callable[..., Any]] = {
    F.conv2d: partial(_convolve, F.conv2d, "stride padding dilation groups"),
    F.conv_transpose2d: partial(_convolve, F.conv_transpose2d, "stride padding output_padding groups dilation"),
    F.linear: _linear,
    F.batch_norm: _same,
    F.layer_norm: _layer_norm,
    F.rms_norm: _same,
    F.group_norm: lambda x, *args, **kwargs: _instance_norm(x),
    F.instance_norm: _instance_norm,
    F.max_pool2d: _max_pool2d,
    torch.max_pool2d: _max_pool2d,
    F.adaptive_max_pool2d: lambda x, output_size, *args, **kwargs: F.adaptive_avg_pool2d(x, output_size),
    Tensor.detach: _same,  # what is not learned still matters
    Tensor.float: lambda x, *args, **kwargs: x.double(),  # a rim of 1e-100 is nothing in single precision
}
