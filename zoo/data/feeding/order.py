"""The order in which samples are read: shuffled without a list of them.

A permutation of n numbers is computed number by number, so that ten million samples cost no more memory than ten.
Shards are read a window at a time: the shards are shuffled, `mix` of them make a window, and a window's samples are
shuffled together, so that a disk reads a few files at once and not all. With one window that is a full shuffle.

>>> list(Order(10, seed=1)), list(Order(10, seed=1, shards=[3, 4, 3], mix=1))
([5, 0, 1, 6, 3, 8, 7, 9, 2, 4], [8, 9, 7, 6, 4, 5, 3, 2, 0, 1])
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from registry import require, require_count
from zoo.data.hashing import GOLDEN, mix

CHUNK = 4096  # numbers computed at a time
ROUNDS = 8  # of the Feistel network; four are enough for independence in theory (Luby and Rackoff), if F is random
MIX = 16  # shards shuffled together

Numbers = NDArray[np.uint64]


class Permutation:
    """A random permutation of range(n), computed where it is asked for; another for every key.

    A number x < a·b is a pair (x % a, x // a); each round adds a hash of one half to the other, which can be undone, so
    the whole is one to one on a·b numbers (Black and Rogaway, 2002). Results from n up are sent round again until they
    are below n; a·b is only a little above n.
    """

    def __init__(self, n: int, *key: int):
        self.n, self.a = n, max(1, math.isqrt(max(0, n - 1)) + 1)
        self.b = max(1, -(-n // self.a))
        self.keys = np.random.SeedSequence([part & (1 << 64) - 1 for part in key]).generate_state(ROUNDS, np.uint64)

    def __call__(self, positions: NDArray[Any]) -> NDArray[np.int64]:
        """The numbers at these positions."""
        found = self._once(positions.astype(np.uint64))
        while len(outside := np.flatnonzero(found >= self.n)):
            found[outside] = self._once(found[outside])
        return found.astype(np.int64)

    def _once(self, x: Numbers) -> Numbers:
        a, b = np.uint64(self.a), np.uint64(self.b)
        low, high = x % a, x // a
        for one, other in self.keys.reshape(-1, 2):
            low = (low + mix((high + np.uint64(1)) * GOLDEN + one) % a) % a
            high = (high + mix((low + np.uint64(1)) * GOLDEN + other) % b) % b
        return high * a + low


class Order(torch.utils.data.Sampler[int]):
    """The indices of one epoch: a sampler for torch's DataLoader.

    n: samples there are. shards: how many each shard has, to read them a window at a time; a dataset of shards has it
        as `counts`. mix: shards in a window.
    """

    def __init__(self, n: int, *, seed: int = 0, epoch: int = 0, shards: Sequence[int] | None = None, mix: int = MIX):
        require_count("n", n, least=0)
        require_count("mix", mix)
        require(shards is None or sum(shards) == n, "n", n, "the sum of shards, the samples in each of them")
        self.n, self.seed, self.epoch, self.mix = n, seed, epoch, mix
        self.shards = None if shards is None else np.array(shards, np.int64)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        for first in range(0, self.n, CHUNK):
            yield from self.indices(first, min(first + CHUNK, self.n)).tolist()

    def indices(self, first: int, end: int) -> NDArray[np.int64]:
        """The indices at positions first to end."""
        positions = np.arange(first, end)
        if self.shards is None:
            return Permutation(self.n, self.seed, self.epoch)(positions)
        many = len(self.shards)
        shards = Permutation(many, self.seed, self.epoch)(np.arange(many))
        ends = np.cumsum(self.shards[shards])  # of the shuffled shards, in the order of all
        firsts = (np.cumsum(self.shards) - self.shards)[shards]  # of the same shards, in the data
        lasts = np.minimum(np.arange(0, many, self.mix) + self.mix, many) - 1  # each window's last shard
        windows = np.searchsorted(ends[lasts], positions, side="right")
        found = np.empty_like(positions)
        for window in np.unique(windows):
            here = windows == window
            before = ends[lasts[window - 1]] if window else 0
            permutation = Permutation(int(ends[lasts[window]] - before), self.seed, self.epoch, 1 + int(window))
            shuffled = before + permutation(positions[here] - before)
            shard = np.searchsorted(ends, shuffled, side="right")
            found[here] = firsts[shard] + shuffled - (ends[shard] - self.shards[shards[shard]])
        return found


def spread(length: int, limit: int | None) -> list[int]:
    """Indices evenly over a data set, so that a part of it sees all backgrounds of an ordered folder.

    >>> spread(10, 4), spread(3, 9), spread(3, None)
    ([0, 2, 5, 7], [0, 1, 2], [0, 1, 2])
    """
    count = length if limit is None else min(limit, length)
    return [i * length // count for i in range(count)]
