"""The control: what it calls held and found, that the planted slowdown is what it says, and that order is compared."""

import os
import time

import pytest
import torch

from benchmarks import control, intervals
from benchmarks.control import Run, compared, slowed, verdict
from benchmarks.intervals import Interval
from benchmarks.measure import Cell
from registry import ZooError

CPU = torch.device("cpu")


def run(twin: tuple[float, float], slow: tuple[float, float]) -> Run:
    return Run(*(Interval(sum(pair) / 2, *pair) for pair in (twin, slow)))


GOOD, OFF = run((0.99, 1.02), (1.01, 1.05)), run((1.01, 1.02), (0.99, 1.05))


def test_a_run_holds_and_finds_by_its_intervals() -> None:
    assert (GOOD.holds, GOOD.finds) == (True, True)
    assert (OFF.holds, OFF.finds) == (False, False)
    assert run((1.0, 1.1), (1.0, 1.1)).holds
    assert not run((1.0, 1.1), (1.0, 1.1)).finds


@pytest.mark.parametrize(("off", "missed"), [(0, 0), (4, 0), (5, 1), (6, 2)])
def test_goals_are_35_and_36_of_40(off: int, missed: int) -> None:
    lines, found = verdict([OFF] * off + [GOOD] * (40 - off))
    assert found == missed
    assert [line[1] for line in lines] == [f"{40 - off} of 40"] * 2


def test_the_planted_slowdown_is_three_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1e-6  # a look at the clock takes a microsecond
        return now[0]

    def call() -> str:
        now[0] += 0.01
        return "result"

    monkeypatch.setattr(time, "perf_counter", clock)
    assert slowed(call, CPU)() == "result"
    assert now[0] == pytest.approx(0.0103, abs=1e-5)


def test_order_is_compared_where_it_was_clear() -> None:
    def times(a: float, b: float, c: float) -> control.Times:
        wobble = [0.99, 1.0, 1.01, 0.995, 1.005, 1.0, 1.002]
        shift = wobble[1:] + wobble[:1]
        return {
            "a": [[a * w] for w in wobble],
            "b": [[b * w] for w in shift],
            "c": [[c * w] for w in wobble[::-1]],
        }

    calm = times(1.0, 1.0, 2.0)  # a and b tie
    assert compared(calm, times(3.0, 2.0, 9.0)) == (2, [])
    assert compared(calm, times(3.0, 2.0, 2.5)) == (2, [("a", "c")])
    assert compared(calm, times(2.0, 2.0, 2.0)) == (2, []), "a tie under load turns nothing round"


def test_a_busy_process_is_there_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = control.subprocess.Popen
    monkeypatch.setattr(control.subprocess, "Popen", lambda *a, **o: started.append(popen(*a, **o)) or started[-1])
    with control.busy():
        (process,) = started
        assert process.poll() is None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_failing_cell_ends_the_control() -> None:
    def fail() -> None:
        raise RuntimeError("no kernel")

    with pytest.raises(ZooError, match="a: failed: RuntimeError: no kernel"):
        control.time_cells([Cell("a", fail, CPU)], 0.1, "run 1", lambda *_: None)


def test_the_command_from_start_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A second of it decides nothing; the table is there, and the exit code follows it."""
    code = control.main(["--model", "plain_cnn", "--size", "16", "--runs", "2", "--seconds", "0.3", "--device", "cpu"])
    out = capsys.readouterr().out
    assert "a twin's interval holds 1" in out
    assert "3% planted and found" in out
    assert "plain_cnn at 16 x 16, 0.3 s a run" in out
    assert code in (0, 1)


def test_the_command_under_load_compares_the_order(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--model", "plain_cnn", "--models", "plain_cnn, frame_difference", "--size", "16", "--runs", "1"]
    control.main([*wanted, "--seconds", "0.3", "--device", "cpu", "--load"])
    assert "order kept, 1 pairs apart in calm" in capsys.readouterr().out


@pytest.mark.slow
def test_a_slowdown_is_found_in_a_network_that_sleeps() -> None:
    """Sleeping is exact, so this holds on any machine."""

    def call() -> None:
        time.sleep(0.02)

    cells = [Cell("one", call, CPU), Cell("other", call, CPU), Cell("slow", slowed(call, CPU), CPU)]
    one, other, slow = control.time_cells(cells, 8.0, "run 1", lambda *_: None)
    found = Run(intervals.ratio(other, one), intervals.ratio(slow, one))
    assert found.finds
    assert found.twin.median == pytest.approx(1, abs=0.02)
    assert found.slowed.median == pytest.approx(1.03, abs=0.01)
