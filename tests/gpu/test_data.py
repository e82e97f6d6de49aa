"""Scenes and augmentations computed on a device are those of the CPU, within rounding, and batches arrive whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from benchmarks.checks import rendering
from zoo.contract import Sample
from zoo.data.augment import augment, names
from zoo.data.dataset import rendered_on
from zoo.training import Stage
from zoo.training.feed import Feed, Place, Positions
from zoo.training.plan import Phase

CPU = torch.device("cpu")
MAPS = Sample._fields[:5]
DRAWN_THERE = ("noise",)  # its numbers are the device's own
STEPS, BATCH = 12, 4


def off(one: Sample, other: Sample) -> dict[str, tuple[float, float]]:
    """Of each map: the mean difference, and the share of values that differ by more than 0.02."""
    found = {}
    for name in MAPS:
        apart = (getattr(one, name).cpu() - getattr(other, name).cpu()).abs()
        found[name] = float(apart.mean()), float((apart > 0.02).double().mean())
    return found


def assert_alike(one: Sample, other: Sample) -> None:
    for name, (mean, share) in off(one, other).items():
        assert mean < 2e-3, name
        assert share < 1e-2, name


@pytest.mark.parametrize("tier", rendering.tiers())
def test_scenes_are_those_of_the_cpu(tier: str, device: torch.device) -> None:
    spec = f"pairbench:{tier}"
    there = zoo.data.load(spec, split="train", size=(48, 64), **rendered_on(device, spec))
    here = zoo.data.load(spec, split="train", size=(48, 64))
    indices = [5, 6, 7, 1000, 123_456]
    found, expected = there.batch(indices), here.batch(indices)
    assert found.fg_bg.device.type == device.type
    assert found.meta == expected.meta or [m["index"] for m in found.meta] == [m["index"] for m in expected.meta]
    assert_alike(found, expected)
    assert all(torch.equal(getattr(found, name), getattr(there.batch(indices), name)) for name in MAPS), "and again"
    alone = there.batch([7])
    for name in MAPS:
        torch.testing.assert_close(getattr(alone, name)[0], getattr(found, name)[2], atol=1e-4, rtol=0)


def test_collages_are_those_of_the_cpu(device: torch.device, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for n in range(10):
        Image.fromarray(draw.integers(0, 255, (40, 40, 3), np.uint8)).resize((80, 80)).save(tmp_path / f"{n}.png")
    spec = f"collage(plates={tmp_path})"
    there = zoo.data.load(spec, split="train", size=(48, 64), **rendered_on(device, spec))
    assert_alike(there.batch(range(8)), zoo.data.load(spec, split="train", size=(48, 64)).batch(range(8)))


@pytest.mark.parametrize("name", [name for name in names() if name not in DRAWN_THERE])
def test_augmentations_are_those_of_the_cpu(name: str, device: torch.device) -> None:
    batch = zoo.data.load("pairbench:clean", split="train", size=(32, 48)).batch(range(6))
    change = augment(name, seed=7)
    there = batch._replace(**{field: getattr(batch, field).to(device) for field in MAPS})
    found = change(there, step=3)
    assert found.fg_bg.device.type == device.type
    assert_alike(found, change(batch, step=3))
    assert all(torch.equal(getattr(found, field), getattr(change(there, step=3), field)) for field in MAPS), "and again"


def test_what_is_drawn_for_a_batch_waits_for_nothing(cuda: torch.device) -> None:
    batch = zoo.data.load("pairbench:clean", split="train", size=32).batch(range(6))
    there = batch._replace(**{field: getattr(batch, field).to(cuda) for field in MAPS})
    change = augment("flip, rgb_shift, noise, plate_gain, plate_gamma, photo_shadow, wrong_plate")
    change(there, step=0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        change(there, step=1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_noise_is_as_strong_on_the_device(device: torch.device) -> None:
    half = torch.full((16, 3, 32, 32), 0.5)
    plain = Sample(half, half, half[:, :1], half[:, :1], torch.ones(16, 2, 32, 32), ({},) * 16)
    there = plain._replace(**{field: getattr(plain, field).to(device) for field in MAPS})
    change = augment("noise(std=0.1)")
    spread = [(change(each, step=1).fg_bg - 0.5).flatten(1).std(1).cpu() for each in (plain, there)]
    torch.testing.assert_close(*spread, rtol=0.1, atol=1e-3)


def phase() -> Phase:
    return Phase(1, Stage(samples=STEPS * BATCH, batch=BATCH, size=32), STEPS, 0, 0)


def batches(device: torch.device, workers: int, layout: torch.memory_format, *, late: bool) -> list[Sample]:
    """What a training sees, each batch copied away while the next ones are under way."""
    spec = "pairbench:clean"
    data = zoo.data.load(spec, split="train", size=32, **(rendered_on(device, spec) if workers == 0 else {}))
    change = augment("flip, rotate, rgb_shift", seed=2)
    feed = Feed(data, Positions(phase()), seed=1, change=change, place=Place(device, layout), workers=workers)
    assert feed.late == late
    found = []
    for batch in feed:
        assert batch.fg_bg.device.type == device.type
        assert batch.fg_bg.is_contiguous(memory_format=layout)
        found.append(batch._replace(**{name: getattr(batch, name).clone() for name in MAPS}))
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_arrive_whole_and_in_order(workers: int, device: torch.device) -> None:
    """Workers fill their memory anew while copies are under way: one that came too late would be of another batch."""
    found = batches(device, workers, torch.channels_last, late=device.type == "cuda")
    expected = batches(CPU, 0, torch.contiguous_format, late=False)
    assert len(found) == len(expected) == STEPS
    for one, other in zip(found, expected, strict=True):
        assert [meta["index"] for meta in one.meta] == [meta["index"] for meta in other.meta]
        assert_alike(one, other)
