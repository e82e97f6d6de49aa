"""One forward pass on tensors without data, watched: which module ran when, and which operation read whose result."""

import weakref
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import log2
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from zoo.model import PairModel, in_mode

INPUTS = ("bg", "fg_bg")


@dataclass
class Call:
    """One call of one module."""

    name: str  # its path in the model; empty for the model itself
    module: nn.Module
    parent: int | None
    shape: tuple[int, ...] = ()  # of what it returned; of a list, of the last
    operations: int = 0  # in it and below
    children: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Operation:
    """One tensor operation: the call it ran in (None: it stands for an input), and the operations it read."""

    call: int | None
    reads: frozenset[int]


def trace(model: PairModel, size: tuple[int, int]) -> "Trace":
    """Run a model once, in eval mode, on images of a size; on the meta device it costs next to nothing."""
    images = blank_images(model, size, batch=1)
    watched = Trace(images)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(partial(watched.enter, name)))
            hooks.enter_context(module.register_forward_hook(watched.leave))
        with in_mode(model), torch.no_grad(), images[1].device, watched:
            prediction = model(*images)
    watched.calls[0].shape = ()
    for task, value in prediction._asdict().items():
        if value is not None:
            watched.outputs[task] = watched.writer[value.untyped_storage()]
    return watched


def blank_images(model: PairModel, size: tuple[int, int], batch: int) -> tuple[Tensor | None, Tensor]:
    """bg (or None for a network without a plate) and fg_bg, black, where the model lies."""
    face, device = model.face, model.normalise.mean.device
    bg, fg_bg = (torch.zeros(batch, face.image_ch, *size, device=device) for _ in INPUTS)
    return (bg if face.plate else None), fg_bg


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation under the call that is running, and the storages that are alive.

    calls: in order, the model first. operations: in order, the images first. inputs: image -> its operation. outputs:
    task -> the operation that wrote it. peak_bytes: the most that was alive at once, without weights.
    """

    def __init__(self, images: Iterable[Tensor | None]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.running: list[int] = []
        self.operations: list[Operation] = []
        self.writer: Any = WeakIdKeyDictionary()  # storage -> the last operation that wrote it
        self.live_bytes = self.peak_bytes = 0
        self.outputs: dict[str, int] = {}
        self.inputs = {
            name: self._note(None, frozenset(), [image.untyped_storage()])
            for name, image in zip(INPUTS, images, strict=True)
            if image is not None
        }

    def enter(self, name: str, module: nn.Module, _: Any) -> None:
        parent = self.running[-1] if self.running else None
        if parent is not None:
            self.calls[parent].children.append(len(self.calls))
        self.running.append(len(self.calls))
        self.calls.append(Call(name, module, parent))

    def leave(self, _: nn.Module, __: Any, output: Any) -> None:
        call = self.calls[self.running.pop()]
        call.shape = tuple(getattr(_chief(output), "shape", ()))
        if call.parent is not None:
            self.calls[call.parent].operations += call.operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        read, written = _storages((args, kwargs)), _storages(out)
        is_view = not func._schema.is_mutable and all(any(w is r for r in read) for w in written)
        if written and not is_view:
            call = self.running[-1]
            self._note(call, frozenset(self.writer[storage] for storage in read if storage in self.writer), written)
            self.calls[call].operations += 1
        return out

    def _note(self, call: int | None, reads: frozenset[int], written: list[torch.UntypedStorage]) -> int:
        self.operations.append(Operation(call, reads))
        for storage in written:
            if storage not in self.writer:
                self.live_bytes += storage.nbytes()
                self.peak_bytes = max(self.peak_bytes, self.live_bytes)
                weakref.finalize(storage, self._free, storage.nbytes())
            self.writer[storage] = len(self.operations) - 1
        return len(self.operations) - 1

    def _free(self, size: int) -> None:
        self.live_bytes -= size


def _storages(value: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _chief(output: Any) -> Any:
    """The tensor that stands for a module's output: of a list of features the last, of a tuple the first."""
    while isinstance(output, (list, tuple, Mapping)) and output:
        items = list(output.values()) if isinstance(output, Mapping) else output
        output = items[-1] if isinstance(output, list) else items[0]
    return output


def scale_of(shape: tuple[int, ...], size: tuple[int, int]) -> int | None:
    """How often a feature's resolution is halved against the image's, rounded; None where it has no resolution.

    >>> [scale_of(shape, (224, 224)) for shape in ((1, 64, 28, 28), (1, 28, 28, 64), (1, 197, 192), (1, 1000))]
    [3, 3, 4, None]
    """
    h, w = size
    if len(shape) == 3 and shape[1] > 1:  # tokens (b, n, c)
        return max(0, round(log2(h * w / shape[1]) / 2))
    if len(shape) != 4 or 0 in shape:
        return None
    rows, columns = shape[1:3] if is_channels_last(shape, size) else shape[2:]
    return max(0, round(log2((h / rows + w / columns) / 2)))


def is_channels_last(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether (b, ., ., .) reads (b, h, w, c): some transformers keep their features so."""
    if len(shape) != 4 or 0 in shape:
        return False
    h, w = size
    as_first, as_last = abs(log2(h / shape[2] * shape[3] / w)), abs(log2(h / shape[1] * shape[2] / w))
    return as_last < as_first
