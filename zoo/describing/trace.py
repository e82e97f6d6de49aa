"""One forward pass on tensors without data, watched: which module ran when, and which operation read whose result."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
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


@dataclass
class Trace:
    """The calls in order (the model first), the operations in order (the inputs first), and what came out."""

    calls: list[Call]
    operations: list[Operation]
    inputs: dict[str, int]  # image -> its operation
    outputs: dict[str, int]  # task -> the operation that wrote it
    peak_bytes: int  # the most that was alive at once: images, features and outputs, without weights


def trace(model: PairModel, size: tuple[int, int], *, batch: int = 1) -> Trace:
    """Run a model once, in eval mode, on images (batch, c, h, w); on the meta device it costs next to nothing."""
    images = blank_images(model, size, batch)
    recorder = Recorder(model, images)
    hooks = list(recorder.attach())
    try:
        with in_mode(model), torch.no_grad(), images[1].device, recorder:
            prediction = model(*images)
    finally:
        for hook in hooks:
            hook.remove()
    recorder.calls[0].shape = ()
    outputs = {
        task: recorder.writer[value.untyped_storage()]
        for task, value in zip(prediction._fields, prediction, strict=True)
        if value is not None
    }
    inputs = {name: index for name, index in recorder.inputs.items() if recorder.is_read(index)}
    return Trace(recorder.calls, recorder.operations, inputs, outputs, recorder.peak)


def blank_images(model: PairModel, size: tuple[int, int], batch: int) -> tuple[Tensor | None, Tensor]:
    """bg (or None for a network without a plate) and fg_bg, black, where the model lies."""
    face, device = model.face, model.normalise.mean.device
    bg, fg_bg = (torch.zeros(batch, face.image_ch, *size, device=device) for _ in INPUTS)
    return (bg if face.plate else None), fg_bg


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation under the call that is running, and the storages that are alive."""

    def __init__(self, model: nn.Module, images: Iterable[Tensor | None]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = model
        self.calls: list[Call] = []
        self.running: list[int] = []
        self.operations: list[Operation] = []
        self.writer: Any = WeakIdKeyDictionary()  # storage -> the last operation that wrote it
        self.live = self.peak = 0
        self.inputs: dict[str, int] = {}
        for name, image in zip(INPUTS, images, strict=True):
            if image is not None:
                self.inputs[name] = self._note(None, frozenset(), [image.untyped_storage()])

    def attach(self) -> Iterator[Any]:
        """Hooks on every module; the caller removes them."""
        for name, module in self.model.named_modules():

            def enter(module: nn.Module, _: Any, name: str = name) -> None:
                parent = self.running[-1] if self.running else None
                if parent is not None:
                    self.calls[parent].children.append(len(self.calls))
                self.running.append(len(self.calls))
                self.calls.append(Call(name, module, parent))

            def leave(_: nn.Module, __: Any, output: Any) -> None:
                call = self.calls[self.running.pop()]
                call.shape = tuple(getattr(_chief(output), "shape", ()))
                if call.parent is not None:
                    self.calls[call.parent].operations += call.operations

            yield module.register_forward_pre_hook(enter)
            yield module.register_forward_hook(leave)

    def is_read(self, index: int) -> bool:
        return any(index in operation.reads for operation in self.operations)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        read = list(_storages([args, kwargs or {}]))
        written = list(_storages(out))
        is_view = not func._schema.is_mutable and all(any(w is r for r in read) for w in written)
        if written and not is_view:
            reads = frozenset(self.writer[storage] for storage in read if storage in self.writer)
            call = self.running[-1] if self.running else 0
            self._note(call, reads, written)
            if self.calls:
                self.calls[call].operations += 1
        return out

    def _note(self, call: int | None, reads: frozenset[int], written: list[torch.UntypedStorage]) -> int:
        self.operations.append(Operation(call, reads))
        for storage in written:
            if storage not in self.writer:
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._free, storage.nbytes())
            self.writer[storage] = len(self.operations) - 1
        return len(self.operations) - 1

    def _free(self, size: int) -> None:
        self.live -= size


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _storages(value: Any) -> Iterator[torch.UntypedStorage]:
    return (tensor.untyped_storage() for tensor in _tensors(value))


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
    if len(shape) != 4:
        return None
    at = 1 if is_channels_last(shape, size) else 2
    if shape[at] == 0 or shape[at + 1] == 0:
        return None
    return max(0, round(log2((h / shape[at] + w / shape[at + 1]) / 2)))


def is_channels_last(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether (b, ., ., .) reads (b, h, w, c): some transformers keep their features so."""
    if len(shape) != 4 or 0 in shape:
        return False
    h, w = size
    as_first, as_last = abs(log2(h / shape[2] * shape[3] / w)), abs(log2(h / shape[1] * shape[2] / w))
    return as_last < as_first
