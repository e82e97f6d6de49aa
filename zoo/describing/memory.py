"""How much a training step keeps."""

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from zoo.describing.trace import blank_images
from zoo.model import PairModel, in_mode


def training_bytes(model: PairModel, size: tuple[int, int]) -> int:
    """What autograd keeps from the forward to the backward pass for one sample, beside weights and buffers.

    On the meta device nothing is computed for it. Where a batch norm refuses to train on one value,
    one sample is what a third adds to two, from the same fixed part: A(1) = 2 A(2) - A(3).
    """
    try:
        return kept_bytes(model, size, 1)
    except ValueError:
        return 2 * kept_bytes(model, size, 2) - kept_bytes(model, size, 3)


def kept_bytes(model: PairModel, size: tuple[int, int], batch: int) -> int:
    """The storages that autograd keeps for a batch, each counted once."""
    own = {_place(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no place is used twice

    def keep(tensor: Tensor) -> Tensor:
        if _place(tensor) not in own:
            kept[_place(tensor)] = tensor.untyped_storage()
        return tensor

    images = blank_images(model, size, batch)
    watched = saved_tensors_hooks(keep, lambda tensor: tensor)
    with in_mode(model, training=True), torch.enable_grad(), images[1].device, watched:
        model(*images)
    return sum(storage.nbytes() for storage in kept.values())


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
