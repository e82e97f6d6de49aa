"""How long a device takes: by its own events, on whichever stream, for every way of running a network."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import leaderboard
from benchmarks.checks import control
from benchmarks.measures import roofline
from benchmarks.timing import energy
from benchmarks.timing.clocks import Clocks
from benchmarks.timing.rounds import sample

CYCLES = 20_000_000  # of a GPU's clock: about 10 ms


def product(device: torch.device, side: int) -> Callable[[], object]:
    matrix = torch.rand(side, side, device=device)
    return lambda: matrix @ matrix


def test_a_call_takes_what_the_clock_says(device: torch.device) -> None:
    def call() -> None:
        time.sleep(0.005)

    assert 4.9 < sample(call, device) < 100
    assert 4.9 < sample(call, device, burst=3) < 100, "of one of them"


def test_events_wait_for_the_device_and_not_for_the_launch(cuda: torch.device) -> None:
    def call() -> None:
        torch.cuda._sleep(CYCLES)

    sample(call, cuda)
    begun = time.perf_counter()
    call()
    launched = 1e3 * (time.perf_counter() - begun)
    took = sample(call, cuda)
    assert took > 2
    assert launched < took / 2


def test_events_are_of_the_stream_that_is_worked_on(cuda: torch.device) -> None:
    beside = torch.cuda.Stream(cuda)
    with torch.cuda.stream(beside):
        assert sample(lambda: torch.cuda._sleep(CYCLES), cuda) > 2
    torch.cuda.synchronize(cuda)


def test_a_planted_slowdown_is_one(cuda: torch.device) -> None:
    call = product(cuda, 2048)
    slow = control.slowed(call, cuda, by=1.0)
    pairs = [(sample(call, cuda), sample(slow, cuda)) for _ in range(30)]
    plain, slowed = np.median(pairs[10:], axis=0)
    assert 1.3 < slowed / plain < 4


def test_clocks_are_told_while_the_device_works(cuda: torch.device) -> None:
    call = product(cuda, 4096)
    with Clocks(cuda) as clocks:
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            sample(call, cuda, burst=10)
        read = clocks.read()
    if "gpu_mhz" not in read:
        pytest.skip("nvidia-smi does not tell it here")
    assert 100 < read["gpu_mhz"] <= read["gpu_mhz_max"]


def test_a_large_product_takes_energy(cuda: torch.device) -> None:
    joules = energy.each(product(cuda, 8192), cuda)
    if joules is None:
        pytest.skip("the driver does not count it here")
    assert 0.01 < joules < 1000


def test_peaks_are_above_nothing(device: torch.device) -> None:
    precisions = ("fp32", "tf32", "bf16", "fp16") if device.type == "cuda" else ("fp32",)
    found = {precision: roofline.peaks(device, precision, 0.2) for precision in precisions}
    for peaks in found.values():
        assert peaks["matmul_flops_per_s"] > 1e8
        assert peaks["copy_bytes_per_s"] > 1e8
    if device.type == "cuda":
        assert found["bf16"]["matmul_flops_per_s"] > found["fp32"]["matmul_flops_per_s"]


def test_a_comparison_runs_in_every_way_that_the_device_has(device: torch.device, tmp_path: Path) -> None:
    is_cuda = device.type == "cuda"
    found = leaderboard(
        "unet(width=4), frame_difference" if is_cuda else "frame_difference",
        measure="latency",
        sizes=32,
        precisions="fp32,tf32,bf16,fp16" if is_cuda else "fp32,bf16",
        engines="eager,graph" if is_cuda else "eager",
        layouts="contiguous,channels_last",
        seconds=0.05,
        device=str(device),
        out=tmp_path,
        tick=lambda *_: None,
    )
    assert [one.failed for one in found.records if one.failed] == []
    assert len(found.records) == (2 * 2 * 4 * 2 if is_cuda else 2 * 2)
    assert all(one.values["ms"] > 0 for one in found.records)
    assert {one.machine.device for one in found.records} == {device.type}


def test_images_a_second_and_joules_of_each(device: torch.device, tmp_path: Path) -> None:
    found = leaderboard(
        "frame_difference",
        measure="throughput",
        sizes=32,
        batches="4",
        layouts="contiguous",
        seconds=0.05,
        device=str(device),
        out=tmp_path,
        tick=lambda *_: None,
    )
    (record,) = found.records
    assert record.failed is None
    assert record.values["images_per_s"] > 0
    assert ("joules_per_image" in record.values) == (device.type == "cuda")
