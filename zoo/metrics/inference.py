"""How the images of a data set go through a network: in batches, without gradients."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import nn

from registry import ZooError, require_each
from registry.vocabulary import PRECISIONS, Precision
from zoo.contract import Prediction, Sample
from zoo.data.warp import each
from zoo.machine import choose, memory_or
from zoo.model import in_mode
from zoo.precision import float32, half


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Where and how a network is called.

    workers: processes that read data; 0: this one does.
    device: where to; the network stays there. None: where it is.

    batch: images of one call.
    precision: fp32, tf32, bf16 or fp16. channels_last: how images and weights lie in memory.

    >>> Inference(batch=4).precision
    'fp32'
    """

    batch: int = 16
    workers: int = 0
    device: str | torch.device | None = None
    precision: Precision = "fp32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        require_each("precision", self.precision, (self.precision,), PRECISIONS)

    def place(self, model: nn.Module) -> torch.device:
        """Where to compute; the network is moved there."""
        if self.device is None:
            return next((value.device for value in (*model.parameters(), *model.buffers())), torch.device("cpu"))
        place = choose(self.device, mps=True)
        model.to(place)
        return place

    def predict(self, model: nn.Module, batches: Iterable[Sample]) -> Generator[tuple[Prediction, Sample]]:
        """Each batch with its prediction, both on the device, without gradients and in eval mode."""
        device = self.place(model)
        bare = _undistributed(model)  # DDP sends buffers around with each batch, and not all processes have as many
        dtype = next((value.dtype for value in bare.parameters() if value.is_floating_point()), torch.float32)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        with in_mode(bare):
            for batch in batches:
                sample = each(lambda value: value.to(device, non_blocking=True), batch)
                bg, fg_bg = (image.to(dtype).contiguous(memory_format=layout) for image in (sample.bg, sample.fg_bg))
                much = " x ".join(map(str, fg_bg.shape))
                refusal = partial(ZooError, f"{device} has no room for a batch of {much}; give a smaller batch")
                float_as = float32(tf32=self.precision == "tf32")
                with memory_or(refusal), torch.inference_mode(), float_as, half(device, self.precision):
                    prediction = bare(bg, fg_bg)
                yield cast("Prediction", prediction), sample


def _undistributed(model: nn.Module) -> nn.Module:
    while isinstance(model, nn.parallel.DistributedDataParallel):
        model = model.module
    return model
