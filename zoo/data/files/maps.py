"""The maps of a sample from their files: decoded the fast way where that gives the same, sized, and put together.

The fast way is the libjpeg-turbo that kornia brings along. It gives what `images` gives, bit for bit, for upright
colour JPEGs as photos and grey JPEGs as maps; all others, damaged ones too, `images` reads or refuses.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from registry.vocabulary import LARGEST_PHOTO
from zoo.contract import TASKS, Sample
from zoo.data.files.images import decode, resize, unit

CHANNELS = {"bg": 3, "fg_bg": 3, "mask": 1, "depth": 1, "valid": 1}
START, SCAN, END = b"\xff\xd8", 0xDA, b"\xff\xd9"  # markers (ITU-T T.81, table B.1)
FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, all Huffman-coded
APPLICATION = range(0xE1, 0xF0)  # 1: EXIF, with a rotation perhaps; 2: profile, several pictures; 14: Adobe's colours
WHOLE = np.float32(255)


def read(which: str, data: bytes, label: str, size: tuple[int, int] | None) -> Tensor:
    """One map, (c, h, w) as the file is: floats in [0, 1], or a photo of uint8, which is resized as such."""
    found = fast(data, CHANNELS[which], size)
    return decode(which, data, label) if found is None else torch.from_numpy(found)


def finish(which: str, image: Tensor, size: tuple[int, int] | None, *, is_nearer: bool = False) -> Tensor:
    """A map as a sample holds it, floats of a size; is_nearer: bright depth is near, and the sample's is far."""
    if size is not None:
        image = resize(image, size, binary=which in ("mask", "valid"))
    values = unit(image.numpy()) if image.dtype == torch.uint8 else image.numpy()
    return torch.from_numpy(1 - values if is_nearer and which == "depth" else values)


def sample_of(maps: dict[str, Tensor], meta: dict[str, Any]) -> Sample:
    """A sample; a task that is not there is zeros and known nowhere, another where `valid`, or its own `valid_mask` or
    `valid_depth`, says so, or everywhere."""
    shape = (1, *maps["fg_bg"].shape[-2:])
    nothing, everything = (torch.from_numpy(make(shape, np.float32)) for make in (np.zeros, np.ones))
    valid = maps.get("valid", everything)
    known = torch.cat([maps.get(f"valid_{task}", valid) if task in maps else nothing for task in TASKS])
    there = {name: found for name, found in maps.items() if not name.startswith("valid")}
    return Sample(**{"mask": nothing, "depth": nothing, **there, "valid": known}, meta=meta)


def fast(
    data: bytes, channels: int, size: tuple[int, ...] | None = None, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32] | None:
    """(3, h, w) of a colour JPEG or (1, h, w) of a grey one, in [0, 1]; None: it is of another kind.

    size: h, w that it must have. out: where to put it.
    """
    found, turbo = _shape(data), _turbo()
    if turbo is None or found is None or found[0] != channels or size not in (None, found[1:]):
        return None
    try:
        pixels = turbo(data, "rgb" if channels == 3 else "mono")
    except Exception:  # it raises bare Exception; the other reader says what is wrong, or knows better
        return None
    return np.divide(pixels.transpose(2, 0, 1), WHOLE, out=np.empty(found, np.float32) if out is None else out)


def _shape(data: bytes) -> tuple[int, int, int] | None:
    """Channels, height and width of a JPEG without surprises; None for any other file."""
    if data[:2] != START or data[-2:] != END:
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in APPLICATION or marker == SCAN:
            return None
        if marker in FRAMES:
            h, w = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            plain = data[at + 4] == 8 and h * w <= LARGEST_PHOTO  # bits of a sample
            return (data[at + 9], h, w) if plain else None
        at += 2 + length
    return None


@cache
def _turbo() -> Callable[[bytes, str], Any] | None:
    try:
        from kornia_rs.io import decode_image_jpegturbo
    except ImportError:
        return None
    return decode_image_jpegturbo
