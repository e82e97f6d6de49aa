"""A PNG file that is written in rows, so that no picture is in memory as a whole."""

import struct
import zlib
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from torch import Tensor

COLOURS = {1: 0, 3: 2, 4: 6}  # channels -> what the header calls them: grey, RGB, RGBA
UP = 2  # the filter: each byte less the one above it, which suits maps that change slowly
LEVEL = 6  # of zlib


class PNG:
    """The file of a picture of h x w pixels; `add` takes its rows from top to bottom, until all are there.

    The header is written with the first of them, which tell the channels and bits: uint8 (1, 3 or 4, rows, w), or
    uint16 (1, rows, w).
    """

    def __init__(self, file: BinaryIO, h: int, w: int):
        self.file, self.h, self.w = file, h, w
        self.left = h
        self.above: np.ndarray | None = None
        self.packer = zlib.compressobj(LEVEL)

    def add(self, rows: Tensor) -> None:
        values = rows.permute(1, 2, 0).contiguous().numpy()
        if values.dtype == np.uint16:
            values = values.astype(">u2")
        if self.above is None:
            header = struct.pack(">IIBBBBB", self.w, self.h, 8 * values.itemsize, COLOURS[len(rows)], 0, 0, 0)
            self.file.write(b"\x89PNG\r\n\x1a\n")
            self._chunk(b"IHDR", header)
        lines = values.reshape(len(values), -1).view(np.uint8)
        above = np.zeros((1, lines.shape[1]), np.uint8) if self.above is None else self.above
        filtered = np.empty((len(lines), lines.shape[1] + 1), np.uint8)
        filtered[:, 0] = UP
        np.subtract(lines, np.concatenate([above, lines[:-1]]), out=filtered[:, 1:])
        self.above = lines[-1:].copy()
        self.left -= len(lines)
        self._chunk(b"IDAT", self.packer.compress(filtered.tobytes()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            if self.left:
                raise ValueError(f"{self.h - self.left} rows of {self.h} came")
            self._chunk(b"IDAT", self.packer.flush())
            self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, data: bytes) -> None:
        if data or kind == b"IEND":
            self.file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
