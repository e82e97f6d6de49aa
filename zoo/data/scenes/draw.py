"""Random numbers that are a pure function of (stream, index, position): no state, so any order gives the same scene."""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.data.hashing import GOLDEN, mix

BLOCK = 128  # numbers of each stream that are made at once


class Draw:
    """Numbers for a batch of scenes; each call takes the next positions of every scene's own stream.

    >>> Draw("a", np.array([3, 4])).uniform(0, 1).shape
    torch.Size([2])
    """

    def __init__(self, stream: str, indices: np.ndarray, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        start = np.array([zlib.crc32(stream.encode())], dtype=np.uint64) * GOLDEN
        self._begin(mix(indices.astype(np.uint64) * GOLDEN + start))

    def _begin(self, seeds: np.ndarray) -> None:
        self.seeds = seeds  # (b,)
        self.at = 0  # positions that are used up
        self.begin, self.ahead = 0, np.zeros((len(seeds), 0))  # the numbers from a position on, made in blocks

    def __len__(self) -> int:
        return len(self.seeds)

    def spread(self, n: int) -> "Draw":
        """Streams for n things of every scene, (b * n): each is a stream of its own."""
        start = mix(self.seeds[:, None] + np.arange(1, n + 1, dtype=np.uint64) * GOLDEN)
        return Draw._of(mix(start + np.uint64(n)).flatten(), self.device)

    @classmethod
    def joined(cls, draws: "Sequence[Draw]") -> "Draw":
        """Streams that have nothing in common, one after the other; each begins anew."""
        return cls._of(mix(np.concatenate([each.seeds for each in draws])), draws[0].device)

    @classmethod
    def _of(cls, seeds: np.ndarray, device: torch.device) -> "Draw":
        draw = cls.__new__(cls)
        draw.device = device
        draw._begin(seeds)
        return draw

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(b, *shape) in [low, high)."""
        return self._there(low + (high - low) * self._unit(*shape))

    def normal(self, *shape: int) -> Tensor:
        """(b, *shape) of the normal distribution."""
        radius = np.sqrt(-2 * np.log(1 - self._unit(*shape)))
        return self._there(radius * np.cos(2 * np.pi * self._unit(*shape)))

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

    def _there(self, numbers: np.ndarray) -> Tensor:
        found = torch.from_numpy(numbers.astype(np.float32))
        return found if self.device.type == "cpu" else found.to(self.device)

    def _unit(self, *shape: int) -> np.ndarray:
        """(b, *shape) in [0, 1), with 53 bits."""
        n, end = math.prod(shape), self.begin + self.ahead.shape[1]
        if self.at + n > end:
            self.begin, count = self.at, max(n, BLOCK)
            positions = np.arange(self.at, self.at + count, dtype=np.uint64) + np.uint64(1)
            bits = mix(self.seeds[:, None] + positions * GOLDEN)
            self.ahead = (bits >> np.uint64(11)).astype(np.float64) / 2**53
        first = self.at - self.begin
        self.at += n
        return self.ahead[:, first : first + n].reshape(len(self.seeds), *shape)


def log_uniform(draw: Draw, low: float, high: float, p: float) -> Tensor:
    """(b,): a strength with probability p, else 0."""
    return torch.where(draw.chance(p), torch.exp(draw.uniform(math.log(low), math.log(high))), 0.0)


AT_X, AT_Y, OF_SEED = 374761393, 668265263, 974634777


def lattice(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """A number in [0, 1) for places on a grid (int32 tensors); the same on every device, as integers wrap alike."""
    return scattered(x * AT_X + y * AT_Y + seed * OF_SEED)


def scattered(n: Tensor) -> Tensor:
    """A number in [0, 1) for each whole one (int32), of which nothing is left."""
    n.bitwise_xor_((n >> 13).bitwise_and_(0x7FFFF)).mul_(1274126177)
    n.bitwise_xor_((n >> 16).bitwise_and_(0xFFFF)).mul_(1911520717)
    return n.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).float().mul_(1 / 2**24)
