"""Orders: permutations without lists, shards by the window."""

import tracemalloc
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import OptionError
from zoo.data.feeding.order import CHUNK, Order, Permutation

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@given(n=st.integers(0, 3000), seed=st.integers(0, 2**70), epoch=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_index_comes_once(n: int, seed: int, epoch: int) -> None:
    assert sorted(Order(n, seed=seed, epoch=epoch)) == list(range(n))


@given(counts=COUNTS, mix=st.integers(1, 14), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_shards_are_read_without_loss(counts: list[int], mix: int, seed: int) -> None:
    order = Order(sum(counts), seed=seed, shards=counts, mix=mix)
    assert sorted(order) == list(range(sum(counts)))
    assert len(order) == sum(counts)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    orders = [tuple(Order(50, seed=s, epoch=e)) for s in range(5) for e in range(5)]
    assert len(set(orders)) == 25
    assert tuple(Order(50, seed=1, epoch=2)) == orders[7]


def test_golden() -> None:
    assert list(Order(10, seed=1)) == [5, 0, 1, 6, 3, 8, 7, 9, 2, 4]
    shards = Order(10, seed=1, shards=[3, 4, 3], mix=1)
    assert list(shards) == [8, 9, 7, 6, 4, 5, 3, 2, 0, 1]


def test_a_permutation_is_fair() -> None:
    """All 24 orders of four numbers are about equally frequent, and every number of 100 is anywhere as often."""
    orders = Counter(tuple(Order(4, seed=seed)) for seed in range(2400))
    assert len(orders) == 24
    assert sum((count - 100) ** 2 / 100 for count in orders.values()) < 49.7  # chi square, 23 degrees, 99.9 %
    first = Counter(int(Permutation(100, seed)(np.array([7]))[0]) for seed in range(4000))
    assert sum((first[number] - 40) ** 2 / 40 for number in range(100)) < 148.2  # 99 degrees, 99.9 %


def test_neighbours_do_not_stay_together() -> None:
    indices = np.array(list(Order(10_000, seed=2)))
    assert abs(np.corrcoef(indices[:-1], indices[1:])[0, 1]) < 0.04
    assert np.mean(np.abs(np.diff(indices)) == 1) < 0.002  # 0.0002 by chance


def test_shards_are_read_a_window_at_a_time() -> None:
    order = list(Order(1000, seed=1, shards=[100] * 10, mix=2))
    windows = [{index // 100 for index in order[start : start + 200]} for start in range(0, 1000, 200)]
    assert all(len(window) == 2 for window in windows)
    assert set.union(*windows) == set(range(10))
    changes = sum(a // 100 != b // 100 for a, b in pairwise(order[:200]))
    assert changes > 60  # of 199; the two shards of a window are mixed, not one after the other


def test_memory_does_not_grow_with_the_data() -> None:
    def peak(n: int) -> int:
        tracemalloc.start()
        iterator = iter(Order(n, seed=0))
        for _ in range(CHUNK + 1):
            next(iterator)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10_000)
    assert peak(10**12) < 1.5 * peak(10_000)


def test_windows_across_chunks() -> None:
    counts = [CHUNK - 1, 1, 0, CHUNK, 3]
    assert sorted(Order(sum(counts), shards=counts, mix=2)) == list(range(sum(counts)))


def test_as_a_sampler_of_a_data_loader() -> None:
    data = torch.arange(103)
    order = Order(103, seed=1)
    loader = torch.utils.data.DataLoader(data, batch_size=8, sampler=order, num_workers=2)
    assert torch.cat(list(loader)).tolist() == list(order)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shards": [5, 6]}, "n takes the sum of shards"),
        ({"mix": 0}, "mix=0"),
        ({"n": -1}, "n=-1"),
    ],
)
def test_wrong_options(options: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Order(**{"n": 10, **options})
