"""Orders: permutations without lists, parts without loss, positions to go on from."""

import tracemalloc
from collections import Counter
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import OptionError
from zoo.data.feeding.order import CHUNK, Order, Part, Permutation

SECOND = Part(rank=1, world=2)
COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@given(n=st.integers(0, 3000), seed=st.integers(0, 2**70), epoch=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_index_comes_once(n: int, seed: int, epoch: int) -> None:
    assert sorted(Order(n, seed=seed, epoch=epoch)) == list(range(n))


@given(counts=COUNTS, mix=st.integers(1, 14), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=80, deadline=None)
def test_nodes_and_workers_share_without_loss(counts: list[int], mix: int, seed: int, data: st.DataObject) -> None:
    n = sum(counts)
    world, workers = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    shuffle = data.draw(st.sampled_from(["full", "shards", "none"]))
    parts = [
        Order(n, seed=seed, part=part, shuffle=shuffle, shards=counts, mix=mix)
        for r in range(world)
        for part in (Part(rank=r, world=world, worker=w, workers=workers) for w in range(workers))
    ]
    read = [list(part) for part in parts]
    assert sorted(chain.from_iterable(read)) == list(range(n))
    assert [len(part) for part in parts] == [len(indices) for indices in read]
    assert max(map(len, read)) - min(map(len, read)) <= 1


@given(n=st.integers(1, 500), world=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_even_parts_take_as_many_steps(n: int, world: int) -> None:
    read = [list(Order(n, seed=3, part=Part(rank=rank, world=world, even=True))) for rank in range(world)]
    assert {len(indices) for indices in read} == {n // world}
    assert len(set(chain.from_iterable(read))) == world * (n // world)


@given(counts=COUNTS, shuffle=st.sampled_from(["full", "shards", "none"]), data=st.data())
@settings(max_examples=40, deadline=None)
def test_going_on_gives_what_was_left(counts: list[int], shuffle: str, data: st.DataObject) -> None:
    def order() -> Order:
        return Order(sum(counts), seed=5, part=SECOND, shuffle=shuffle, shards=counts, mix=3)

    first = order()
    first.set_epoch(4)
    whole = list(first)
    done = data.draw(st.integers(0, len(whole)))
    again = order()
    again.load_state_dict(first.state_dict(done))
    assert list(again) == whole[done:]
    assert len(again) == len(whole) - done
    assert again.state_dict()["done"] == done
    again.set_epoch(5)
    assert len(again) == len(whole)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    orders = [tuple(Order(50, seed=s, epoch=e)) for s in range(5) for e in range(5)]
    assert len(set(orders)) == 25
    assert tuple(Order(50, seed=1, epoch=2)) == orders[7]


def test_golden() -> None:
    assert list(Order(10, seed=1)) == [5, 0, 1, 6, 3, 8, 7, 9, 2, 4]
    shards = Order(10, seed=1, shuffle="shards", shards=[3, 4, 3], mix=1)
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
    order = list(Order(1000, seed=1, shuffle="shards", shards=[100] * 10, mix=2))
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
    assert sorted(Order(sum(counts), shuffle="shards", shards=counts, mix=2)) == list(range(sum(counts)))


def test_as_a_sampler_of_a_data_loader() -> None:
    data = torch.arange(103)
    order = Order(103, seed=1, part=SECOND)
    loader = torch.utils.data.DataLoader(data, batch_size=8, sampler=order, num_workers=2)
    assert torch.cat(list(loader)).tolist() == list(order)
    batches = torch.utils.data.BatchSampler(order, 8, drop_last=True)
    assert sum(len(batch) for batch in torch.utils.data.DataLoader(data, batch_sampler=batches)) == 48


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shuffle": "shard"}, "did you mean shards"),
        ({"shuffle": "shards"}, "needs shards"),
        ({"shuffle": "shards", "shards": [5, 6]}, "sum to n"),
        ({"mix": 0}, "mix=0"),
        ({"n": -1}, "n=-1"),
    ],
)
def test_wrong_options(options: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Order(**{"n": 10, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rank": 2, "world": 2}, "rank=2"), ({"worker": 1}, "workers=1"), ({"world": 0}, "world=0")],
)
def test_wrong_parts(options: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Part(**options)


def test_a_position_beyond_the_end_is_refused() -> None:
    order = Order(10)
    with pytest.raises(OptionError, match="10, this part's samples"):
        order.load_state_dict(order.state_dict(11))


def test_a_position_of_another_order_is_refused() -> None:
    half, fifth = Part(world=2), Part(world=5)
    state = Order(10, seed=1, part=half).state_dict(3)
    for other in (Order(10, seed=2, part=half), Order(11, seed=1, part=half), Order(10, seed=1, part=fifth)):
        with pytest.raises(OptionError, match="cannot go on"):
            other.load_state_dict(state)
