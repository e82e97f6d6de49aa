"""What a network costs before it runs: weights, and operations counted on the meta device, where a 4K image is free.

PyTorch's own flop counter does the counting, at 2 FLOPs per multiply-add; biases are not counted. It knows matrix
products, convolutions and attention. Every other operation that computes is listed in `uncounted`, with its calls.
"""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.store.files import one_line
from registry import ZooError
from zoo.model import PairModel

# Operations that allocate or move numbers and compute none; views and factories are recognised by their schema.
ALLOCATE = "empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like zeros_like"
FILL = "constant_pad_nd fill_ masked_fill masked_fill_ reflection_pad2d replication_pad2d tril triu zero_"
COPY = "alias_copy cat clone copy copy_ detach expand_copy lift_fresh lift_fresh_copy repeat stack _to_copy"
PICK = "_unsafe_index embedding flip gather index index_select roll select_scatter slice_scatter"
SHAPE = "_reshape_alias _unsafe_view as_strided_"
SHUFFLE = "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle"
ALLOCATES = frozenset(f"empty {ALLOCATE} {SHAPE}".split())
MOVES = frozenset(f"{ALLOCATE} {FILL} {COPY} {PICK} {SHAPE} {SHUFFLE}".split())


class CountError(ZooError, RuntimeError):
    """A network whose operations cannot be counted."""


@dataclass(frozen=True)
class Weights:
    """Parameters, trainable ones among them, and the bytes of all parameters and buffers."""

    params: int
    trainable: int
    weight_bytes: int


@dataclass(frozen=True)
class Cost(Weights):
    """Weights and the operations of one forward pass; `flops` is 2 x `macs`, whatever was not counted is named."""

    macs: int
    flops: int
    moved_bytes: int = 0  # that all operations together read and write
    uncounted: dict[str, int] = field(default_factory=dict)  # operation -> calls


def weigh(model: nn.Module) -> Weights:
    """The size of a network; tensors that are shared count once."""
    params = list(model.parameters())
    return Weights(
        params=sum(p.numel() for p in params),
        trainable=sum(p.numel() for p in params if p.requires_grad),
        weight_bytes=sum(t.nbytes for t in (*params, *model.buffers())),
    )


def count(model: PairModel, height: int, width: int, batch: int = 1) -> Cost:
    """The cost of one forward pass in eval mode, padding to the stride included; the model itself is not touched.

    >>> count(zoo.build("unet"), 224, 224).flops  # doctest: +SKIP
    76197265408
    """
    model = getattr(model, "_orig_mod", model)  # of a compiled network, the one that was compiled
    image = torch.empty(batch, model.face.image_ch, height, width, device="meta")
    try:
        twin = on_meta(model).eval()
        with torch.no_grad():
            found = operations(lambda: twin(image, image))
    except ZooError:
        raise
    except Exception as error:  # whatever the network does that needs numbers
        who = getattr(model, "spec", type(model).__name__)
        raise CountError(
            f"{who} does not run on the meta device, where operations are counted: {one_line(error)}\nA network that"
            " reads values (item, a branch on a tensor) or keeps tensors outside its buffers cannot be counted"
        ) from error
    flops = found.flops
    return Cost(
        **vars(weigh(model)), macs=flops // 2, flops=flops, moved_bytes=found.moved_bytes, uncounted=found.uncounted
    )


@cache
def known(spec: str, make: Callable[[], PairModel], size: tuple[int, int]) -> Cost | None:
    """The cost of one image, counted once for each network and size; None where it cannot be counted."""
    try:
        return count(make(), *size)
    except Exception:  # whatever a network of one's own does
        return None


class Operations(NamedTuple):
    """FLOPs, operations that computed and were not counted, and the bytes that all operations read and write.

    Bytes are of operations one by one, as they are carried out in eager mode: what a compiler fuses moves fewer.
    """

    flops: int
    uncounted: dict[str, int]
    moved_bytes: int


def operations(call: Any) -> Operations:
    """What a call consists of."""
    counter = FlopCounterMode(display=False)
    with counter, _Listing(counter) as listing:
        call()
    return Operations(int(counter.get_total_flops()), dict(sorted(listing.calls.items())), listing.moved_bytes)


def on_meta(model: nn.Module) -> nn.Module:
    """A copy whose parameters, buffers and plain tensor attributes have shapes and no numbers."""
    memo: dict[int, Any] = {}
    plain = (value for module in model.modules() for value in vars(module).values() if isinstance(value, Tensor))
    for tensor in (*model.parameters(), *model.buffers(), *plain):
        twin = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(twin, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin
    return copy.deepcopy(model, memo)


class _Listing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names the operations that the counter has no formula for."""

    def __init__(self, counter: FlopCounterMode):
        super().__init__()  # type: ignore[no-untyped-call]
        self.counted = counter.flop_registry
        self.calls: Counter[str] = Counter()
        self.moved_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):  # attention with a formula of its own, control flow
            self.calls.update([] if func in self.counted else [str(func)])
            return func(*args, **kwargs)
        packet = func.overloadpacket
        if packet not in self.counted:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
            if _computes(func):
                self.calls[str(packet).removeprefix("aten.")] += 1
        result = func(*args, **kwargs)
        if not func.is_view and packet.__name__ not in ALLOCATES:
            values = tree_leaves((args, kwargs, result))
            self.moved_bytes += sum(value.nbytes for value in values if isinstance(value, Tensor))
        return result


def _computes(func: torch._ops.OpOverload) -> bool:
    takes_tensor = any("Tensor" in str(argument.type) for argument in func._schema.arguments)
    gives_tensor = any("Tensor" in str(value.type) for value in func._schema.returns)
    return takes_tensor and gives_tensor and not func.is_view and func.overloadpacket.__name__ not in MOVES
