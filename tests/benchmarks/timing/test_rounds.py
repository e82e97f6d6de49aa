"""Timing: warm-up, rounds, intervals, and that an error ends one cell only."""

import gc
import math
import re
import time
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import intervals
from benchmarks.timing import rounds
from benchmarks.timing.rounds import TimedCall, drift, images, interleave, visit, warm_up
from zoo.precision import float32

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still unless a call moves it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def taking(clock: list[float], *seconds: float) -> TimedCall:
    """A cell whose calls take these times, the last one for ever."""
    times = list(seconds)

    def call() -> None:
        clock[0] += times.pop(0) if len(times) > 1 else times[0]

    return TimedCall("planted", call, CPU)


def test_warm_up_ends_when_the_calls_have_settled(clock: list[float]) -> None:
    cell = taking(clock, 9, 5, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1)
    warm_up(cell, seconds=1000)
    assert cell.warm is not None
    assert cell.warm.settled
    assert cell.warm.calls == 10  # with 9, the last quarters are (2, 1) and (1, 1); with 10, (1, 1) and (1, 1)


def test_warm_up_has_a_floor_and_a_cap(clock: list[float]) -> None:
    steady = taking(clock, 0.01)
    warm_up(steady, seconds=1000)
    assert steady.warm is not None
    assert steady.warm.calls == rounds.FLOOR
    assert steady.samples == 10  # 0.1 s of them
    slow = taking(clock, 3.0)
    warm_up(slow, seconds=2)
    assert slow.warm is not None
    assert (slow.warm.calls, slow.warm.settled, slow.warm.drift) == (2, False, None)
    assert (slow.samples, slow.discard) == (1, 0)
    falling = taking(clock, *(0.4 * 0.8**n for n in range(40)))
    warm_up(falling, seconds=0.1)
    assert falling.warm is not None
    assert (falling.warm.calls, falling.warm.settled) == (rounds.FLOOR, False), "the floor holds when time is over"


def test_drift_compares_the_last_two_quarters() -> None:
    assert drift([1.0] * 7) is None
    assert drift([100, 100, 7, 7, 2, 2, 1, 1]) == 1.0
    assert drift([5, 5, 5, 5, 1, 1, 2, 2]) == 0.5


def test_a_pipelined_visit_is_one_sample_of_many_calls(clock: list[float]) -> None:
    cell = taking(clock, 0.01)
    cell.pipelined = True
    warm_up(cell, seconds=1000)
    assert (cell.samples, cell.burst) == (1, 10)
    begun = clock[0]
    visit(cell)
    assert cell.rounds == [[pytest.approx(10)]], "milliseconds of one call, on average"
    assert clock[0] - begun == pytest.approx(0.11)  # and one that does not count


def test_a_call_that_takes_no_time_the_clock_can_tell(clock: list[float]) -> None:
    cell = taking(clock, 0.0)
    warm_up(cell, seconds=0)
    assert cell.failed is None
    assert cell.samples == rounds.MOST


def test_garbage_is_not_collected_while_a_cell_is_visited() -> None:
    seen: list[bool] = []
    cell = TimedCall("a", lambda: seen.append(gc.isenabled()), CPU)
    visit(cell)
    assert seen == [False, False]
    assert gc.isenabled()


def test_looks_at_the_interval_cost_little_however_many_rounds(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(rounds, "interval", lambda values: looks.append(len(values)) or intervals.Interval(1, 0.9, 1.1))
    list(interleave([taking(clock, 1.0)], seconds=2000, within=0.01))
    assert looks[:3] == [6, 7, 8]
    assert looks[-1] > 900
    assert len(looks) < 60


def test_harness_overhead_is_small() -> None:
    """Beside calls of a millisecond: everything that is not a call, in the time that this thread had a core.

    By the clock on the wall it would be the work of others too. Here it is 3 ms beside 0.3 s of calls.
    """
    spent, used = [0.0], [0.0]

    def call() -> None:
        begun, began = time.perf_counter(), time.thread_time()
        time.sleep(0.001)
        spent[0] += time.perf_counter() - begun
        used[0] += time.thread_time() - began

    cell = TimedCall("a", call, CPU)
    warm_up(cell, seconds=0.2)
    spent[0], used[0], began = 0.0, 0.0, time.thread_time()
    list(interleave([cell], seconds=1.0))
    assert time.thread_time() - began - used[0] < 0.05 * spent[0] + 0.05


def test_sample_is_in_milliseconds(clock: list[float]) -> None:
    assert rounds.sample(taking(clock, 0.25).call, CPU) == pytest.approx(250)


def test_a_visit_discards_the_call_after_the_others_had_the_caches(clock: list[float]) -> None:
    cell = taking(clock, 0.4, 0.1)
    cell.samples = 3
    visit(cell)
    assert cell.rounds == [pytest.approx([100, 100, 100])]
    assert cell.spent == pytest.approx(0.7)


def test_rounds_are_shuffled_and_visit_every_cell_once(clock: list[float]) -> None:
    visits: list[str] = []

    def cell(name: str) -> TimedCall:
        def call() -> None:
            clock[0] += 1
            visits.append(name)

        return TimedCall(name, call, CPU, discard=0)

    cells = [cell(name) for name in "abcd"]
    yielded = list(interleave(cells, seconds=4 * 20, within=0))
    rounds = [visits[i : i + 4] for i in range(0, len(visits), 4)]
    assert all(sorted(names) == list("abcd") for names in rounds)
    assert len(set(map(tuple, rounds))) > 5
    assert len(rounds) == 20  # each cell used its quarter of 80 s
    assert len(yielded) == 80
    assert all(len(each.rounds) == 20 and each.finished for each in cells)


def test_each_cell_gets_its_rounds_however_slow_it_is(clock: list[float]) -> None:
    slow, fast = taking(clock, 100.0), taking(clock, 0.5, 0.6, 0.4)
    list(interleave([slow, fast], seconds=10, min_rounds=3, within=0))
    assert len(slow.rounds) == 3
    assert len(fast.rounds) == 6  # 1.1 s for the first visit, 0.8 s for each other: six pass 5 s


def test_a_cell_ends_early_when_its_median_is_known(clock: list[float]) -> None:
    cell = taking(clock, 0.01)
    list(interleave([cell], seconds=1e6, within=0.01))
    assert len(cell.rounds) == intervals.FEW


def test_an_error_ends_one_cell_only(clock: list[float]) -> None:
    def fail() -> None:
        raise RuntimeError("no kernel for this\nand a long story")

    at_once, later, fine = TimedCall("a", fail, CPU), taking(clock, 0.1), taking(clock, 0.1)
    warm_up(at_once, seconds=1)
    calls = Counter[str]()
    good = later.call

    def sometimes() -> None:
        calls["n"] += 1
        fail() if calls["n"] > 3 else good()

    later.call = sometimes
    finished = [cell for cell in interleave([at_once, later, fine], seconds=1, within=0) if cell.finished]
    assert re.fullmatch(r"failed: RuntimeError \(test_rounds.py, line \d+\): no kernel for this", str(at_once.failed))
    assert later.failed == at_once.failed
    assert fine.failed is None
    assert len(fine.rounds) >= 3
    assert sorted(map(id, finished)) == sorted(map(id, [at_once, later, fine])), "each is reported once"


def test_ctrl_c_is_not_an_error_of_a_cell() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(interleave([TimedCall("a", stop, CPU)], seconds=1))


def test_what_remains_is_estimated(clock: list[float]) -> None:
    slow, fast = taking(clock, 10.0), taking(clock, 1.0)
    for cell in (slow, fast):
        warm_up(cell, seconds=1)
    assert rounds.remaining([slow, fast], seconds=20, min_rounds=3) == pytest.approx(30 + 10)
    visit(slow)
    assert rounds.remaining([slow, fast], seconds=20, min_rounds=3) == pytest.approx(20 + 10)


def test_intervals_are_over_rounds_not_samples() -> None:
    """A thousand equal samples in each of eight different rounds say nothing about the spread between rounds."""
    rounds = [[float(level)] * 1000 for level in range(1, 9)]
    found = intervals.interval(rounds)
    assert found.high - found.low > 3


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    for n in (3, 5, 6, 7, 8, 9, 10, 11, 12, 20, 30):
        found = [intervals.interval(list(rng.normal(10, 1, n))) for _ in range(300)]
        assert np.mean([one.low <= 10 <= one.high for one in found]) >= 0.92, n


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.03])
def test_intervals_hold_the_truth_where_timing_ended_by_itself(clock: list[float], noise: float) -> None:
    """A timing that ends when its interval is narrow ends too early when the interval is narrow by chance."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        cell = TimedCall("noisy", lambda: clock.__setitem__(0, clock[0] + rng.normal(1, noise)), CPU, discard=0)
        list(interleave([cell], seconds=150, within=0.01))
        found = intervals.interval(cell.rounds)
        held += found.low <= 1000 <= found.high
    assert held >= 90


@pytest.mark.parametrize("n", range(6, 40))
def test_order_statistics_by_the_binomial(n: int) -> None:
    left_out = intervals.inside(n)
    outside = [2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n for k in (left_out, left_out + 1)]
    assert outside[0] <= 0.05 < outside[1]


def test_one_round_says_nothing_about_the_next() -> None:
    found = intervals.interval([[1.0, 1.1]])
    assert (found.low, found.high) == (0.0, math.inf)


@given(st.lists(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=2), min_size=1, max_size=12))
def test_a_median_lies_in_its_interval(rounds: list[list[float]]) -> None:
    found = intervals.interval(rounds)
    assert found.low <= found.median <= found.high


def test_ratio_finds_a_planted_slowdown_and_nothing_in_a_twin() -> None:
    rng = np.random.default_rng(0)
    drifting = np.linspace(1, 3, 40)  # a machine that slows down threefold slows both
    base, twin, slow = ((factor * drifting * rng.normal(1, 0.01, 40))[:, None].tolist() for factor in (1, 1, 1.03))
    assert intervals.ratio(slow, base).low > 1.01
    assert intervals.ratio(twin, base).low < 1 < intervals.ratio(twin, base).high


def test_images_are_the_same_everywhere_and_two() -> None:
    bg, fg_bg = images(3, 8, 12, CPU, batch=2)
    assert bg.shape == fg_bg.shape == (2, 3, 8, 12)
    assert bg.min() >= 0
    assert bg.max() <= 1
    assert not torch.equal(bg, fg_bg)
    assert torch.equal(bg, images(3, 8, 12, CPU, batch=2)[0])


def test_float32_is_float32_and_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.backends.cudnn.allow_tf32
    with float32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before
