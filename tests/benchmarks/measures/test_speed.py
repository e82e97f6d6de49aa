"""Latency and throughput: two tracks, precisions, layouts and engines, and what a cell says that cannot be measured."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.measures import memory, speed
from benchmarks.networks.entrants import Entrant, enter, own
from benchmarks.statistics import intervals
from benchmarks.store.record import TimedSettings
from benchmarks.timing import limits, rounds
from benchmarks.timing.rounds import TimedCall
from zoo import machine
from zoo.contract import Interface
from zoo.model import PairModel

CPU = torch.device("cpu")
SETTINGS = TimedSettings((16, 24))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves by what is slept and nothing else: on a busy machine a real sleep is late."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))


class Net(PairModel):
    """Counts what it is called with; subclasses do something in the middle."""

    def __init__(self) -> None:
        super().__init__(Interface())
        self.seen: list[Tensor] = []
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        self.seen.append(fg_bg)
        self.middle(fg_bg)
        mask, depth = self.conv(fg_bg).chunk(2, 1)
        return {"mask": mask, "depth": depth}

    def middle(self, fg_bg: Tensor) -> None:
        pass


class Sleeps(Net):
    """15.625 milliseconds for each image of a batch: a 64th of a second, which adds up without rounding."""

    def middle(self, fg_bg: Tensor) -> None:
        time.sleep(len(fg_bg) / 64)


class Spins(Net):
    def middle(self, fg_bg: Tensor) -> None:
        while True:
            pass


class Nothing(Net):
    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        out = super().logits(bg, fg_bg)
        return out | {"depth": out["depth"] / 0.0 * 0.0}


class Large(Net):
    """No memory for more than four images."""

    def middle(self, fg_bg: Tensor) -> None:
        if len(fg_bg) > 4:
            torch.empty(2**62, dtype=torch.uint8)


class Picky(Net):
    def middle(self, fg_bg: Tensor) -> None:
        if len(fg_bg) > 4:
            raise RuntimeError("five is too many")


def entrant(network: Any) -> Entrant:
    return own(network.__name__, network)


def ready(network: Any, kind: str = "latency", cap: float = 60.0, **changes: Any) -> TimedCall:
    return speed.prepare(entrant(network), replace(SETTINGS, **changes), CPU, kind=kind, cap=cap)


@pytest.mark.usefixtures("clock")
def test_a_sleeping_network_takes_the_time_it_sleeps() -> None:
    cell = ready(Sleeps)
    rounds.warm_up(cell, seconds=1)
    for _ in range(3):
        rounds.visit(cell)
    assert cell.failed is None
    found = speed.summary(cell)
    assert found.values["ms"] == 15.625
    assert found.values["p99"] is None
    low, high = found.intervals["ms"]
    assert low <= found.values["ms"] <= high
    assert [len(row) for row in found.raw.rounds_ms] == [cell.samples] * 3


def test_a_real_clock_is_looked_at() -> None:
    cell = ready(Sleeps)
    rounds.warm_up(cell, seconds=0)
    rounds.visit(cell)
    assert speed.summary(cell).values["p5"] > 15.6  # a sleep is never shorter; longer it may be


@pytest.mark.usefixtures("clock")
def test_throughput_times_a_row_of_calls_as_one() -> None:
    cell = ready(Sleeps, "throughput", batch=2)
    rounds.warm_up(cell, seconds=1)
    rounds.visit(cell)
    rounds.visit(cell)
    assert (cell.samples, cell.burst) == (1, 3), "31.25 ms a call, 100 ms a visit"
    found = speed.summary(cell)
    assert found.values["images_per_s"] == pytest.approx(64)
    assert found.values["batch"] == 2
    low, high = found.intervals["images_per_s"]
    assert low <= found.values["images_per_s"] <= high


def test_images_per_second_by_hand() -> None:
    cell = TimedCall("a", lambda: None, CPU, pipelined=True, batch=8, rounds=[[19.0], [20.0], [21.0]])
    found = speed.summary(cell)
    assert found.values["images_per_s"] == pytest.approx(400)  # eight images in the median, 20 ms
    half = 4.303 / 3**0.5  # milliseconds: Student's t for three values that deviate by 1
    assert found.intervals["images_per_s"] == pytest.approx([8e3 / (20 + half), 8e3 / (20 - half)])


def test_percentiles_by_hand() -> None:
    found = speed.summary(TimedCall("a", lambda: None, CPU, rounds=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).values
    assert found == {"ms": 3.5, "p5": pytest.approx(1.25), "p95": pytest.approx(5.75), "p99": None}
    # a twentieth of the way over five gaps


def test_the_last_percent_needs_a_thousand_samples() -> None:
    samples = [float(n) for n in range(1, 1001)]
    many, few = (
        TimedCall("a", lambda: None, CPU, rounds=[part[:n], part[-n:]]) for part, n in ((samples, 500), (samples, 499))
    )
    assert speed.summary(many).values["p99"] == pytest.approx(990.01)  # 1 + 0.99 * 999
    assert speed.summary(few).values["p99"] is None


def test_nothing_infinite_stands_in_a_record() -> None:
    found = speed.summary(TimedCall("a", lambda: None, CPU, rounds=[[1.0]]))
    assert found.intervals["ms"] == [0.0, None], "one round says nothing of the next"


def test_only_a_lack_of_memory_shrinks_a_batch() -> None:
    shrunk = ready(Large, "throughput", batch=16)
    assert shrunk.failed is None
    assert shrunk.batch == 4
    rounds.warm_up(shrunk, seconds=0)
    rounds.visit(shrunk)
    values = speed.summary(shrunk).values
    assert (values["batch"], values["shrunk_from"]) == (4, 16)
    assert ready(Large, "throughput", batch=4).facts == {}
    said = ready(Picky, "throughput", batch=16).failed
    assert re.fullmatch(r"failed: RuntimeError \(test_speed.py, line \d+\): five is too many", str(said))
    latency = ready(Large, batch=16)
    assert latency.failed is not None
    assert latency.failed.startswith("failed: RuntimeError (test_speed.py, line ")


@pytest.mark.usefixtures("clock")
def test_the_largest_batch_is_looked_for_from_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed.largest_batch(entrant(Large), SETTINGS, CPU) == (4, "memory")
    with pytest.raises(RuntimeError, match="five"):
        speed.largest_batch(entrant(Picky), SETTINGS, CPU)
    monkeypatch.setitem(speed.LONGEST, "cpu", 0.1)  # seconds: 62.5 ms for four images, 125 for eight
    assert speed.largest_batch(entrant(Sleeps), SETTINGS, CPU) == (4, "time")


def test_memory_ends_with_an_error_and_not_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    room = limits.at_hand()
    if room is None:
        pytest.skip("this system does not tell how much memory there is")
    assert room > 0
    monkeypatch.setattr(limits, "at_hand", lambda: 200 * 2**20)
    with limits.within_memory(CPU):
        torch.ones(2**20)
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**28)  # a GiB of float32
    assert machine.is_out_of_memory(caught.value)
    assert torch.empty(2**28).numel() == 2**28, "and there is no limit any more"  # never written to, so not in use


def test_what_counts_as_a_lack_of_memory() -> None:
    assert machine.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert machine.is_out_of_memory(MemoryError())
    assert machine.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not machine.is_out_of_memory(RuntimeError("out of resource: shared memory"))
    assert not machine.is_out_of_memory(ValueError("can't allocate memory"))


def test_a_network_that_hangs_is_interrupted() -> None:
    begun = time.process_time()  # it spins: what other work takes of the cores meanwhile is not its own
    cell = ready(Spins, cap=0.3)
    assert time.process_time() - begun < 5
    assert re.fullmatch(
        r"failed: TimeCapError \(test_speed.py, line \d+\): stopped at the limit of 0.3 s", str(cell.failed)
    )


def test_a_network_that_hangs_later_is_interrupted_too() -> None:
    told: list[Exception] = []
    hangs = False

    def call() -> None:
        while hangs:
            try:
                time.sleep(0.01)
            except Exception as error:  # a network that passes over what it is told, once
                told.append(error)
                if len(told) > 1:
                    raise

    cell = TimedCall("a", call, CPU)
    rounds.warm_up(cell, seconds=0)
    rounds.visit(cell)
    assert cell.failed is None
    hangs, cell.cap = True, 0.3
    rounds.visit(cell)
    assert re.fullmatch(
        r"failed: TimeCapError \(test_speed.py, line \d+\): stopped at the limit of 0.3 s", str(cell.failed)
    )
    assert cell.finished
    assert len(told) == 2


def test_values_that_are_none_are_the_cells_result() -> None:
    assert ready(Nothing).failed == "failed: NotFiniteError: depth is nan or infinite in 1 of its values, 1 is all"


def test_networks_of_a_file_are_tried_elsewhere_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs where no alarm is heard would take the whole run with it."""
    tried: list[tuple[str, float]] = []

    def fresh(who: Entrant, settings: Any, device: Any, work: str, *, seconds: float) -> dict[str, Any]:
        tried.append((who.spec, seconds))
        raise memory.MemoryPassError("stopped at the limit of 7 s")

    monkeypatch.setattr(memory, "fresh", fresh)
    path = tmp_path / "net.py"
    path.write_text("from torch import nn\nclass Net(nn.Conv2d):\n    def __init__(self): super().__init__(6, 2, 1)\n")
    who = enter(f"{path}:Net")[0]
    cell = speed.prepare(who, SETTINGS, CPU, cap=7)
    assert re.fullmatch(r"failed: MemoryPassError \(.*\): stopped at the limit of 7 s", str(cell.failed))
    assert speed.prepare(who, SETTINGS, CPU, cap=7).failed == cell.failed
    assert tried == [(who.spec, 7)], "and not again before the file has changed"
    path.write_text(path.read_text() + "# another one\n")
    assert enter(f"{path}:Net")[0].spec != who.spec, "a record of the older file is none of this one"
    who = enter(f"{path}:Net")[0]
    monkeypatch.setattr(memory, "fresh", lambda *args, **options: tried.append(("again", 0)) or {})
    assert speed.prepare(who, SETTINGS, CPU).failed is None
    assert speed.prepare(who, SETTINGS, CPU).failed is None
    assert len(tried) == 2, "once is enough"
    assert ready(Net).failed is None
    assert len(tried) == 2, "nothing can be told of a class that another process cannot import"


@pytest.mark.slow
def test_medians_agree_with_a_plain_loop() -> None:
    """Interleaved with torch.utils.benchmark, so that whatever else the machine does meets both."""
    from torch.utils.benchmark import Timer

    cell = speed.prepare(enter("unet(width=16)")[0], replace(SETTINGS, size=(64, 64)), CPU)
    rounds.warm_up(cell, seconds=2)
    timer = Timer("call()", globals={"call": cell.call}, num_threads=torch.get_num_threads())
    plain = []
    for _ in range(60):
        plain.append([1e3 * timer.timeit(1).times[0] for _ in range(cell.discard + cell.samples)][cell.discard :])
        rounds.visit(cell)
    ratios = [np.median(own_row) / np.median(row) for own_row, row in zip(cell.rounds, plain, strict=True)]
    found = intervals.interval([float(ratio) for ratio in ratios])
    assert found.low < 1.02, found  # as far as this machine lets one tell: noise widens the interval, a bias moves it
    assert found.high > 0.98, found
