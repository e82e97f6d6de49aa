"""In which order samples are read: shuffled without a list of them, split over nodes and workers, resumable.

A permutation of n numbers is computed number by number, so that ten million samples cost no more memory than ten.
Shards are read a window at a time: the shards are shuffled, `mix` of them make a window, and a window's samples are
shuffled together, so that a disk reads a few files at once and not all. With one window that is a full shuffle.

>>> order = Order(10, seed=1, part=Part(rank=0, world=2))
>>> len(order), sorted([*order, *Order(10, seed=1, part=Part(rank=1, world=2))])
(5, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from registry import OptionError, require, require_count, require_each
from zoo.data.hashing import GOLDEN, mix

Shuffle = Literal["full", "shards", "none"]
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
        seed = np.random.SeedSequence([part & (1 << 64) - 1 for part in key])
        self.keys = seed.generate_state(ROUNDS, np.uint64)

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


@dataclass(frozen=True, kw_only=True)
class Part:
    """A node's or a worker's part of an order: one run of it; no two parts overlap, lengths differ by one at most.

    rank, world: this node's (or process's) number and how many there are; worker, workers: the same inside of it.
    even: parts of the same length, as training on many devices needs; what is over is left out, other samples each
        epoch.
    """

    rank: int = 0
    world: int = 1
    worker: int = 0
    workers: int = 1
    even: bool = False

    def __post_init__(self) -> None:
        for name, many in (("rank", "world"), ("worker", "workers")):
            number, count = getattr(self, name), getattr(self, many)
            require_count(many, count)
            if not 0 <= number < count:
                raise OptionError(f"{name}={number} is not accepted; with {many}={count} it is one of 0 to {count - 1}")

    @property
    def place(self) -> tuple[int, int]:
        """Its number, and how many there are."""
        return self.rank * self.workers + self.worker, self.world * self.workers

    def bounds(self, n: int) -> tuple[int, int]:
        """Where it starts and ends in an order of n."""
        number, count = self.place
        n -= n % count if self.even else 0
        return number * n // count, (number + 1) * n // count


WHOLE = Part()


class Order(torch.utils.data.Sampler[int]):
    """The indices of one epoch, all or a part of them: a sampler for torch's DataLoader.

    n: samples there are. shards: how many each shard has, where shuffle="shards"; a dataset of shards has it as
        `counts`.
    """

    def __init__(
        self,
        n: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        shuffle: Shuffle = "full",
        shards: Sequence[int] | None = None,
        mix: int = MIX,
        part: Part = WHOLE,
    ):
        require_each("shuffle", shuffle, (shuffle,), get_args(Shuffle))
        require_count("n", n, least=0)
        require_count("mix", mix)
        if shuffle == "shards" and (shards is None or sum(shards) != n):
            raise OptionError('shuffle="shards" needs shards, the samples in each shard, that sum to n')
        self.n, self.seed, self.epoch, self.shuffle, self.mix, self.part = n, seed, epoch, shuffle, mix, part
        self.shards = np.array(shards if shuffle == "shards" else [n], np.int64)
        self.start = 0  # indices of the part that are done already

    @property
    def bounds(self) -> tuple[int, int]:
        """Where this part starts and ends in the order of all."""
        return self.part.bounds(self.n)

    def __len__(self) -> int:
        first, end = self.bounds
        return end - first - self.start

    def __iter__(self) -> Iterator[int]:
        first, end = self.bounds
        for position in range(first + self.start, end, CHUNK):
            yield from self.indices(position, min(position + CHUNK, end)).tolist()

    def indices(self, first: int, end: int) -> NDArray[np.int64]:
        """The indices at positions first to end of the order of all, whatever this part's own are."""
        positions = np.arange(first, end)
        if self.shuffle == "none":
            return positions
        if self.shuffle == "full":
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

    def set_epoch(self, epoch: int) -> None:
        """Another epoch has another order, and starts at its beginning."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def state_dict(self, done: int | None = None) -> dict[str, Any]:
        """The position to go on from; done: indices of this part that were used.

        A DataLoader asks for indices ahead of time, so the order cannot know that number: its user counts.
        """
        return {**self._identity(), "epoch": self.epoch, "done": self.start if done is None else done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position; refused where data, seed or parts are others, because samples would be lost."""
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise OptionError(
                    f"cannot go on: the order was made with {name}={state.get(name)!r}, this one has {value!r}."
                    " Give the same again, or start an epoch anew"
                )
        self.epoch = int(state["epoch"])
        first, end = self.bounds
        require(
            0 <= int(state["done"]) <= end - first, "done", state["done"], f"0 to {end - first}, this part's samples"
        )
        self.start = int(state["done"])

    def _identity(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("n", "seed", "shuffle", "mix")}
        part, parts = self.part.place
        return {**own, "part": part, "parts": parts, "even": self.part.even, "shards": len(self.shards)}


def spread(length: int, limit: int | None) -> list[int]:
    """Indices evenly over a data set, so that a part of it sees all backgrounds of an ordered folder.

    >>> spread(10, 4), spread(3, 9), spread(3, None)
    ([0, 2, 5, 7], [0, 1, 2], [0, 1, 2])
    """
    count = length if limit is None else min(limit, length)
    return [i * length // count for i in range(count)]
