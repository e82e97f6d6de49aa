"""JPEG files straight into float arrays, through the libjpeg-turbo that kornia brings along.

It gives what `images` gives, bit for bit, for the files that it takes: upright colour JPEGs as photos and grey JPEGs
as maps. Of all others, damaged ones too, it says None, and `images` reads or refuses them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

START, SCAN, END = b"\xff\xd8", 0xDA, b"\xff\xd9"  # markers (ITU-T T.81, table B.1)
FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, all Huffman-coded
APPLICATION = range(0xE1, 0xF0)  # 1: EXIF, with a rotation perhaps; 2: profile, several pictures; 14: Adobe's colours
LARGEST = 1 << 26  # pixels; above, `images` refuses
WHOLE = np.float32(255)


def shape(data: bytes) -> tuple[int, int, int] | None:
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
            plain = data[at + 4] == 8 and h * w <= LARGEST  # bits of a sample
            return (data[at + 9], h, w) if plain else None
        at += 2 + length
    return None


def decode(
    data: bytes, channels: int, size: tuple[int, ...] | None = None, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32] | None:
    """(3, h, w) of a colour JPEG or (1, h, w) of a grey one, in [0, 1]; None: it is of another kind.

    size: h, w that it must have. out: where to put it.
    """
    found, turbo = shape(data), _turbo()
    if turbo is None or found is None or found[0] != channels or size not in (None, found[1:]):
        return None
    try:
        pixels = turbo(data, "rgb" if channels == 3 else "mono")
    except Exception:  # it raises bare Exception; the other reader says what is wrong, or knows better
        return None
    return np.divide(pixels.transpose(2, 0, 1), WHOLE, out=np.empty(found, np.float32) if out is None else out)


@cache
def _turbo() -> Callable[[bytes, str], Any] | None:
    try:
        from kornia_rs.io import decode_image_jpegturbo
    except ImportError:
        return None
    return decode_image_jpegturbo
