"""Random numbers that are a pure function of (stream, index, position): no state, so any order gives the same scene."""

import zlib

import numpy as np
import torch
from torch import Tensor

from zoo.data.hashing import GOLDEN, mix


class Draw:
    """Numbers for a batch of scenes; each call takes the next positions of every scene's own stream.

    >>> Draw("a", np.array([3, 4])).uniform(0, 1).shape
    torch.Size([2])
    """

    def __init__(self, stream: str, indices: np.ndarray, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        start = np.array([zlib.crc32(stream.encode())], dtype=np.uint64) * GOLDEN
        self.seeds = mix(indices.astype(np.uint64) * GOLDEN + start)  # (b,)
        self.at = 0

    def __len__(self) -> int:
        return len(self.seeds)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(b, *shape) in [low, high)."""
        return torch.from_numpy(low + (high - low) * self._unit(*shape)).float().to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """(b, *shape) of the normal distribution."""
        radius = np.sqrt(-2 * np.log(1 - self._unit(*shape)))
        return torch.from_numpy(radius * np.cos(2 * np.pi * self._unit(*shape))).float().to(self.device)

    def chance(self, p: float, *shape: int) -> Tensor:
        """(b, *shape) of booleans, true with probability p."""
        return torch.from_numpy(self._unit(*shape) < p).to(self.device)

    def choice(self, values: list[int] | tuple[int, ...], *shape: int) -> Tensor:
        """(b, *shape) of the values, each as likely as the others."""
        picked = np.asarray(values)[(self._unit(*shape) * len(values)).astype(int)]
        return torch.from_numpy(picked).long().to(self.device)

    def seed(self) -> Tensor:
        """(b,) whole numbers below 2**31, to start noise over pixels with."""
        return torch.from_numpy((self._unit() * 2**31).astype(np.int64)).to(self.device)

    def _unit(self, *shape: int) -> np.ndarray:
        """(b, *shape) in [0, 1), with 53 bits."""
        n = int(np.prod(shape, dtype=int))
        positions = np.arange(self.at, self.at + n, dtype=np.uint64) + np.uint64(1)
        self.at += n
        bits = mix(self.seeds[:, None] + positions * GOLDEN)
        return ((bits >> np.uint64(11)).astype(np.float64) / 2**53).reshape(len(self.seeds), *shape)


def lattice(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """A number in [0, 1) for places on a grid (int32 tensors); the same on every device, as integers wrap alike."""
    n = x * 374761393 + y * 668265263 + seed * 974634777
    n = (n ^ ((n >> 13) & 0x7FFFF)) * 1274126177
    n = (n ^ ((n >> 16) & 0xFFFF)) * 1911520717
    return ((n >> 8) & 0xFFFFFF).float() * (1 / 2**24)
