"""The maps of a sample from their files: decoded the fast way where that gives the same, sized, and put together."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.contract import Sample
from zoo.data.files import fast_decode
from zoo.data.files.images import decode, resize, unit

CHANNELS = {"bg": 3, "fg_bg": 3, "mask": 1, "depth": 1, "valid": 1}


def read(which: str, data: bytes, label: str, size: tuple[int, int] | None) -> Tensor:
    """One map, (c, h, w) as the file is: floats in [0, 1], or a photo of uint8, which is resized as such."""
    found = fast_decode.decode(data, CHANNELS[which], size)
    return decode(which, data, label) if found is None else torch.from_numpy(found)


def finish(which: str, image: Tensor, size: tuple[int, int] | None, *, is_nearer: bool = False) -> Tensor:
    """A map as a sample holds it, floats of a size; is_nearer: bright depth is near, and the sample's is far."""
    if size is not None:
        image = resize(image, size, binary=which in ("mask", "valid"))
    values = unit(image.numpy()) if image.dtype == torch.uint8 else image.numpy()
    return torch.from_numpy(1 - values if is_nearer and which == "depth" else values)


def sample_of(maps: dict[str, Tensor], meta: dict[str, Any]) -> Sample:
    """A sample; a task that is not there is zeros, and without a map of what is valid everything is."""
    shape = (1, *maps["fg_bg"].shape[-2:])
    nothing, everything = (torch.from_numpy(make(shape, np.float32)) for make in (np.zeros, np.ones))
    return Sample(**{"mask": nothing, "depth": nothing, "valid": everything, **maps}, meta=meta)
