"""Peaks of the device, and the share of them that a network reaches."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.measures import roofline
from benchmarks.timing import rounds
from registry import OptionError

CPU = torch.device("cpu")


def test_shares_by_hand() -> None:
    peaks = {"matmul_flops_per_s": 4e11, "copy_bytes_per_s": 1e10}
    # 10 ms: 1 GFLOP is 100 GFLOP/s of 400; 20 MB are 2 GB/s of 10
    found = roofline.share(1e9, 2e7, 10.0, peaks)
    assert found == {"matmul_share": pytest.approx(0.25), "copy_share": pytest.approx(0.2)}


def test_peaks_are_counted_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device on which every call takes 2 ms."""
    monkeypatch.setattr(roofline, "SIDES", (64, 128))
    monkeypatch.setitem(roofline.COPIED, "cpu", 4096)
    monkeypatch.setattr(rounds, "sample", lambda call, device: 2.0)
    found = roofline.peaks(CPU, "fp32", 1.0)
    assert found["matmul_flops_per_s"] == pytest.approx(2 * 128**3 / 0.002)
    assert found["copy_bytes_per_s"] == pytest.approx(2 * 4096 / 0.002)  # read and written


def test_the_best_call_counts_and_the_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([50.0, 4.0, 3.0, 5.0, 40.0, 9.0])
    monkeypatch.setattr(rounds, "sample", lambda call, device: next(times))
    assert roofline._best(lambda: None, CPU, 0.1) == 0.003  # 50 + 4 + 3 + 5 + 40 ms pass a tenth of a second
    assert next(times) == 9.0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_products_are_of_the_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []

    def sample(call: Callable[[], Any], device: torch.device) -> float:
        call()
        return 1.0

    monkeypatch.setattr(roofline, "_product", lambda a, b, out: seen.append(a.dtype))
    monkeypatch.setattr(roofline, "SIDES", (8,))
    monkeypatch.setitem(roofline.COPIED, "cpu", 4096)
    monkeypatch.setattr(rounds, "sample", sample)
    roofline.peaks(CPU, precision, 0.01)
    assert set(seen) == {roofline.PRECISIONS[precision]}


def test_a_real_peak_is_what_a_plain_loop_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "SIDES", (256,))
    monkeypatch.setitem(roofline.COPIED, "cpu", 2**24)
    a, found, plain = torch.rand(256, 256), [], []
    for _ in range(10):  # in turns, and the best of each: what else the machine does, or its clock, meets both
        found.append(roofline.peaks(CPU, "fp32", 0.02))
        plain += [rounds.sample(lambda: torch.mm(a, a), CPU) / 1e3 for _ in range(10)]
    assert max(peak["matmul_flops_per_s"] for peak in found) == pytest.approx(2 * 256**3 / min(plain), rel=0.5)
    assert max(peak["copy_bytes_per_s"] for peak in found) > 1e8


def test_an_unknown_precision_says_what_is_accepted() -> None:
    with pytest.raises(OptionError, match="fp8"):
        roofline.peaks(CPU, "fp8", 0.1)
