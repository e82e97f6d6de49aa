"""Batches for training: which samples a step sees, over processes, workers, epochs and restarts."""

import pickle
import threading
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_runs import SMALL, Blots

from registry import Spec
from zoo.contract import Sample
from zoo.data import load
from zoo.data.augment import augment
from zoo.data.dataset import PairDataset
from zoo.training import Stage
from zoo.training.ahead import ahead
from zoo.training.feed import Feed, Place, Positions, Stream, statistics
from zoo.training.plan import Phase
from zoo.training.trainer import Trainer
from zoo.training.validation import validate
from zoo.training.world import World

CPU = torch.device("cpu")
MAPS = Sample._fields[:5]


class Numbered(PairDataset):
    """Every value of sample i is i / 1000; both images and all maps, 8 x 8."""

    def __init__(self, n):
        self.n, self.spec, self.split, self.size = n, Spec("numbered"), "train", (8, 8)

    def __len__(self):
        return self.n

    def sample(self, index):
        image, one = torch.full((3, 8, 8), index / 1000), torch.full((1, 8, 8), index / 1000)
        return Sample(image, image + 0.1, one, one, torch.ones(1, 8, 8), {"index": index})


class Sharded(Numbered):
    """The same in shards, and filling memory that is given to it."""

    def __init__(self, *counts):
        super().__init__(sum(counts))
        self.counts = list(counts)

    def batch_into(self, indices, out):
        for row, index in enumerate(indices):
            for place, value in zip(out[:5], self.sample(index)[:5], strict=True):
                place[row] = value
        return tuple({"index": index, "direct": True} for index in indices)


def phase(steps, batch, *, first_step=0, first_sample=0, size=8):
    return Phase(1, Stage(samples=steps * batch, batch=batch, size=size), steps, first_step, first_sample)


def feed(data, of, *, seed=3, change=None, workers=0, **rest):
    return Feed(data, Positions(of, **rest), seed=seed, change=change, place=Place(CPU), workers=workers)


def seen(batches):
    return [[meta["index"] for meta in batch.meta] for batch in batches]


# ---- positions


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 6), st.integers(1, 7), st.integers(0, 50))
def test_processes_share_every_batch(world, part, done, steps, first_sample):
    done = min(done, steps)
    of = phase(steps, world * part, first_sample=first_sample)
    alone = list(Positions(of, done=done, rank=0, world=1))
    parts = [list(Positions(of, done=done, rank=rank, world=world)) for rank in range(world)]
    assert alone == list(range(first_sample + done * world * part, first_sample + steps * world * part))
    assert sorted(position for found in parts for position in found) == alone  # all, and none twice
    for step in range(steps - done):
        together = [position for found in parts for position in found[step * part : (step + 1) * part]]
        assert together == alone[step * world * part : (step + 1) * world * part]
    assert [len(Positions(of, done=done, rank=rank, world=world)) for rank in range(world)] == [len(parts[0])] * world


# ---- order


def test_an_epoch_sees_every_sample_once_and_the_next_in_another_order():
    first, second, third, fourth = seen(feed(Numbered(24), phase(4, 12)))
    assert sorted(first + second) == sorted(third + fourth) == list(range(24))
    assert first + second != third + fourth
    assert first + second != list(range(24))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 100))
def test_epochs_wrap_inside_of_a_batch(n, batch, first):
    source = Stream(Numbered(n), seed=1)
    whole = [source.indices([position])[0] for position in range(first, first + batch)]
    assert source.indices(range(first, first + batch)) == whole
    epoch = source.indices(range(n))
    assert sorted(epoch) == list(range(n))


def test_the_seed_decides_the_order():
    orders = [seen(feed(Numbered(50), phase(5, 10), seed=seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_stage_goes_on_where_the_one_before_ended():
    first = seen(feed(Numbered(30), phase(3, 4)))
    later = seen(feed(Numbered(30), phase(3, 6, first_step=3, first_sample=12)))
    assert sorted(chain(*first, *later)) == list(range(30))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("change", [None, "flip, noise"])
def test_a_run_goes_on_after_any_step(workers, change):
    data, of = Numbered(23), phase(5, 6, first_sample=7)
    whole = collect(feed(data, of, change=change and augment(change)))
    for done in (0, 2, 4) if workers else range(6):
        rest = collect(feed(data, of, change=change and augment(change), workers=workers, done=done))
        assert len(rest) == 5 - done
        assert all(map(same, whole[done:], rest))


def collect(batches):
    """Batches in memory of their own."""
    return [batch._replace(**{name: getattr(batch, name).clone() for name in MAPS}) for batch in batches]


def same(a, b):
    return a.meta == b.meta and all(torch.equal(getattr(a, name), getattr(b, name)) for name in MAPS)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_see_together_what_one_sees(world):
    data, of = Numbered(25), phase(4, 6)
    alone = seen(feed(data, of))
    parts = [seen(feed(data, of, rank=rank, world=world)) for rank in range(world)]
    assert [list(chain(*step)) for step in zip(*parts, strict=True)] == alone


# ---- augmentation


@pytest.mark.parametrize("expression", ["flip, rotate, rgb_shift", "noise, wrong_plate(p=1.0)"])
def test_workers_augment_as_one_process_does(expression):
    change = augment(expression, seed=5)
    data, of = load("pairbench:hard", split="train", size=16), phase(3, 4, size=16)
    here, there = (collect(feed(data, of, change=change, workers=workers)) for workers in (0, 2))
    assert len(here) == 3
    assert all(map(same, here, there))
    plain = collect(feed(data, of))
    assert not any(map(same, here, plain))
    assert seen(plain) == seen(here)


@pytest.mark.parametrize("beside", [True, False])
def test_a_device_augments_what_a_worker_would_have(beside):
    change, data, of = augment("flip, noise"), Numbered(30), phase(4, 5, first_sample=11)
    early = collect(feed(data, of, change=change, done=1))
    late = feed(data, of, change=change, done=1)
    late.late, late.loader.dataset.change = True, None  # as an accelerator has it
    late.place = Place(CPU, beside=beside)
    late._moved = lambda value: value
    assert all(map(same, early, collect(late)))
    assert len(early) == 3


class Rendered(Numbered):
    """Made on a device of its own; notes how many samples it is asked for."""

    device = "elsewhere"

    def __init__(self, n):
        super().__init__(n)
        self.asked = []

    def batch(self, indices):
        self.asked.append(len(indices))
        return super().batch(indices)


def test_what_a_device_renders_is_rendered_for_several_steps_at_once(monkeypatch):
    monkeypatch.setattr("zoo.training.feed.RENDERED", 3 * 5 * 8 * 8)
    data, of = Rendered(30), phase(7, 5, first_sample=11)
    found = collect(feed(data, of, change=augment("flip"), workers=2))
    expected = collect(feed(Numbered(30), of, change=augment("flip")))
    assert len(found) == 7
    assert all(one.meta == other.meta and len(one.fg_bg) == 5 for one, other in zip(found, expected, strict=True))
    assert data.asked == [15, 15, 5]
    rest = collect(feed(data, of, done=2))
    assert seen(rest) == seen(expected[2:])
    shared = feed(data, phase(2, 4), rank=1, world=2)
    assert seen(shared) == seen(feed(Numbered(30), phase(2, 4), rank=1, world=2)), "their positions have gaps"


def test_held_out_scenes_are_rendered_together_and_looked_at_in_batches(monkeypatch):
    monkeypatch.setattr("zoo.training.feed.RENDERED", 3 * 4 * 16 * 16)

    class Scenes(Blots):
        device, asked = "elsewhere", []

        def batch(self, indices):
            self.asked.append(len(indices))
            return super().batch(indices)

    trainer = Trainer(SMALL, World(), workers=0)
    trainer.begin(trainer.phases[0])
    found, expected = (validate(trainer, kind(split="val", size=None), range(27)) for kind in (Scenes, Blots))
    assert Scenes.asked == [12, 12, 3]
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])


# ---- beside the steps


def numbered(count, made, fails=None):
    for number in range(count):
        if number == fails:
            raise ValueError("no such batch")
        made.append((number, threading.current_thread() is threading.main_thread()))
        yield Sample(*[torch.full((1,), float(number))] * 5, ())


def test_batches_are_made_beside_whoever_uses_them():
    made = []
    found = [int(batch.bg) for batch in ahead(numbered(9, made), CPU)]
    assert found == [number for number, _ in made] == list(range(9))
    assert [here for _, here in made] == [True] + [False] * 8, "the first begins the workers"
    assert list(ahead(numbered(0, made), CPU)) == []


def test_what_a_source_raises_is_raised_where_its_batches_are_taken():
    found = []
    with pytest.raises(ValueError, match="no such batch"):
        found.extend(int(batch.bg) for batch in ahead(numbered(9, [], fails=4), CPU))
    assert found == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="no such batch"):
        next(ahead(numbered(9, [], fails=0), CPU))


def test_who_wants_no_more_leaves_no_thread():
    made, before = [], threading.active_count()
    batches = ahead(numbered(1000, made), CPU)
    assert int(next(batches).bg) == 0
    assert int(next(batches).bg) == 1
    batches.close()
    assert threading.active_count() == before
    assert len(made) < 8, "a few ahead, not all"


def test_no_two_parts_of_a_training_are_augmented_by_the_same_numbers():
    steps = []

    def note(batch, step):
        steps.append(step)
        return batch

    for of in (phase(3, 8), phase(2, 4, first_sample=24), phase(3, 16, first_sample=32)):
        for rank in (0, 1):
            list(feed(Numbered(9), of, change=note, rank=rank, world=2))
    assert len(steps) == len(set(steps)) == 16


# ---- reading


def test_shards_are_read_a_window_at_a_time_and_directly():
    data = Sharded(*[10] * 40)
    source = Stream(data, seed=1)
    indices = source.indices(range(160))  # the first window: 16 shards of 10
    assert len({index // 10 for index in indices}) == 16
    assert sorted(source.indices(range(400))) == list(range(400))
    full = Stream(Numbered(400), seed=1).indices(range(160))
    assert len({index // 10 for index in full}) > 30


@pytest.mark.parametrize("workers", [0, 1])
def test_direct_reading_gives_the_same_batches(workers):
    data, of = Sharded(7, 9, 4), phase(6, 5)
    plain = collect(feed(data, of))
    direct = collect(feed(data, of, workers=workers))
    assert [batch.fg_bg.flatten(1)[:, 0].tolist() for batch in direct] == [
        batch.fg_bg.flatten(1)[:, 0].tolist() for batch in plain
    ]
    assert seen(direct) == seen(plain)
    assert all(meta.get("direct", False) == bool(workers) for batch in direct for meta in batch.meta)


def test_what_is_augmented_is_not_read_directly():
    batches = collect(feed(Sharded(4, 4), phase(1, 4), change=augment("flip"), workers=1))
    assert not any("direct" in meta for batch in batches for meta in batch.meta)


def test_streams_travel_to_workers_that_are_started_anew():
    for change in (None, augment("flip, noise")):
        source = Stream(Sharded(4, 4), seed=1, change=change)
        copy = pickle.loads(pickle.dumps(source))
        assert same(copy.batch(range(3)), source.batch(range(3)))


def test_layout_is_that_of_the_recipe():
    last = Feed(
        Numbered(4), Positions(phase(1, 2)), seed=0, change=None, place=Place(CPU, torch.channels_last), workers=0
    )  # fmt: skip
    assert next(iter(last)).fg_bg.is_contiguous(memory_format=torch.channels_last)
    assert next(iter(feed(Numbered(4), phase(1, 2)))).fg_bg.is_contiguous()


def test_time_waited_for_data_is_measured(monkeypatch):
    from zoo.training import feed as module

    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(clock)))
    batches = feed(Numbered(8), phase(3, 2))
    list(batches)
    assert batches.waited == 7 * 4  # three batches and the end


# ---- statistics


def test_statistics_by_hand():
    mean, deviation = statistics(Numbered(101))  # 0, 0.001, ..., 0.1 of both; fg_bg 0.1 more
    torch.testing.assert_close(mean, torch.tensor([[0.05] * 3, [0.15] * 3]))
    torch.testing.assert_close(deviation, torch.full((2, 3), 0.001 * ((101**2 - 1) / 12) ** 0.5))


def test_statistics_of_some_samples_are_spread_over_all():
    mean, _ = statistics(Numbered(1001), count=3)  # samples 0, 333 and 667
    torch.testing.assert_close(mean[0], torch.full((3,), 1 / 3))


def test_constant_pictures_have_a_deviation_to_divide_by():
    assert statistics(Numbered(1))[1].min() == pytest.approx(1e-3)


def test_statistics_are_of_each_channel():
    data = load("pairbench:hard", split="train", size=16)
    mean, deviation = statistics(data, count=40)
    batch = data.batch([i * len(data) // 40 for i in range(40)])
    torch.testing.assert_close(mean[1], batch.fg_bg.mean((0, 2, 3)), atol=1e-5, rtol=0)
    torch.testing.assert_close(deviation[0], batch.bg.transpose(0, 1).flatten(1).std(1), atol=1e-4, rtol=0)
