"""Small pictures in the place of photographs, made on the spot."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def smooth(seed: int, h: int = 60, w: int = 80, channels: int = 3) -> np.ndarray:
    """Smooth and colourful, uint8 (h, w, channels)."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC))


def cutout(seed: int, h: int = 40, w: int = 30) -> Image.Image:
    """An ellipse that is cut out."""
    rgba, (y, x) = smooth(100 + seed, h, w, 4).copy(), np.mgrid[:h, :w]
    rgba[..., 3] = 255 * (((x - w / 2) / (w / 3)) ** 2 + ((y - h / 2) / (h / 3)) ** 2 < 1)
    return Image.fromarray(rgba)


def photographs(root: Path, n: int = 9) -> Path:
    """A folder as the source `photos` reads it."""
    for part in ("backgrounds", "cutouts"):
        (root / part).mkdir(parents=True)
    for seed in range(n):
        Image.fromarray(smooth(seed, 60, 90)).save(root / "backgrounds" / f"b{seed}.jpg", quality=95)
        cutout(seed).save(root / "cutouts" / f"c{seed}.png")
    return root


def huge(w: int, h: int) -> bytes:
    """A PNG whose header promises pixels that it has not."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
