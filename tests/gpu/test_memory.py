"""Memory on a device: what a network takes there, what is left, and how the largest batch is found."""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

import zoo
from benchmarks.measures import footprint, memory, speed
from benchmarks.networks.entrants import enter
from benchmarks.store.record import TimedSettings
from zoo.deploy.memory import free
from zoo.machine import is_out_of_memory

ROOM = 400_000_000  # bytes that a process may take in all, beyond what it has


@pytest.fixture
def little(cuda: torch.device) -> Iterator[torch.device]:
    """A device that has little memory to give."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(cuda) + ROOM) / total, cuda)
    yield cuda
    torch.cuda.set_per_process_memory_fraction(1.0, cuda)
    torch.cuda.empty_cache()


def test_a_step_of_training_takes_more_than_weights_and_a_call(device: torch.device) -> None:
    model = zoo.build("unet(width=8)")
    settings = TimedSettings((64, 64), 4, device=device.type)
    weights = sum(p.nbytes for p in model.parameters())
    called = footprint.measured(model.to(device), settings, device, "inference")
    trained = footprint.measured(model, settings, device, "training")
    assert weights < called["inference_bytes"] < trained["training_bytes"]
    if device.type == "cuda":
        assert called["inference_bytes"] <= called["inference_reserved_bytes"]
        assert trained["training_bytes"] <= trained["training_reserved_bytes"]


def test_a_process_of_its_own_tells_what_it_took_of_the_device(cuda: torch.device) -> None:
    (entrant,) = enter("unet(width=8)")
    settings = TimedSettings((64, 64), device="cuda")
    found = memory.fresh(entrant, settings, cuda, "inference", seconds=120)
    weights = sum(p.nbytes for p in entrant.make().parameters())
    assert weights < found["inference_bytes"] <= found["inference_reserved_bytes"] < 1e9


def test_what_is_free_is_some_of_what_there_is(device: torch.device) -> None:
    before = free(device)
    assert before
    kept = torch.zeros(1 << 25, device=device)
    if device.type == "cuda":
        assert before < torch.cuda.get_device_properties(device).total_memory
        assert free(device) < before
    assert kept.sum() == 0


def test_where_memory_ends_the_largest_batch_is_found(little: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speed.LONGEST, "cuda", math.inf)
    (entrant,) = enter("unet(width=16)")
    settings = TimedSettings((256, 256), None, device="cuda")
    batch, ended = speed.largest_batch(entrant, settings, little)
    assert ended == "memory"
    assert batch >= 1
    cell = speed.prepare(entrant, replace(settings, batch=8 * batch), little, kind="throughput")
    assert cell.failed is None
    assert cell.batch < cell.facts["shrunk_from"] == 8 * batch
    latency = speed.prepare(entrant, replace(settings, batch=64 * batch), little)
    assert "memory" in str(latency.failed).lower(), "a batch that was asked for is not made smaller for latency"


def test_the_device_s_own_error_is_known_as_lack_of_memory(cuda: torch.device) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8, device=cuda)
    assert is_out_of_memory(caught.value)
