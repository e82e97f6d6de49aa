"""The control: what it calls held and found, that the planted slowdown is what it says, and that order is compared."""

import os
import random
import time
from pathlib import Path

import pytest
import torch
from records import control as record

from benchmarks.checks import control, interleaved
from benchmarks.checks.__main__ import main
from benchmarks.checks.control import Ratios, compared, counted, lines, missed, slowed
from benchmarks.plan.comparison import ROUNDS, WITHIN
from benchmarks.statistics import intervals
from benchmarks.statistics.intervals import Interval
from benchmarks.store import committed, files
from benchmarks.store.control import Control
from benchmarks.timing.rounds import TimedCall
from registry import ZooError

CPU = torch.device("cpu")


def run(twin: tuple[float, float], slow: tuple[float, float]) -> Ratios:
    return tuple(Interval(sum(pair) / 2, *pair) for pair in (twin, slow, (1.0, 1.0)))


def test_a_run_holds_and_finds_by_its_intervals() -> None:
    good, off, edge = run((0.99, 1.02), (1.01, 1.05)), run((1.01, 1.02), (0.99, 1.05)), run((1.0, 1.1), (1.0, 1.1))
    both = [(each.held, each.found) for each in (counted([one])[0] for one in (good, off, edge))]
    assert both == [(1, 1), (0, 0), (1, 0)]
    values, raw = counted([good, off, edge])
    assert (values.held, values.found, values.runs) == (2, 1, 3)
    assert raw.twin == [pytest.approx(row) for row in ([1.005, 0.99, 1.02], [1.015, 1.01, 1.02], [1.05, 1.0, 1.1])]
    assert raw.slowed[0] == pytest.approx([1.03, 1.01, 1.05])
    assert raw.anew == [[1.0, 1.0, 1.0]] * 3


def test_goals_are_35_and_36_of_40() -> None:
    assert [missed(record(35, 36)), missed(record(34, 36)), missed(record(35, 35)), missed(record(0, 0))] == [
        0,
        1,
        1,
        2,
    ]
    assert missed(record(40, 40, [["a", "b"]])) == 1
    assert missed(record(40, 40, [])) == 0


def test_the_table_says_how_often_and_by_how_much() -> None:
    held, found, anew, order = lines(record(38, 40, [["a", "b"]]))
    assert anew == ["built anew: its interval holds 1", "30 of 40", "1.0000, 1.0000 to 1.0200"]
    assert held == ["a twin's interval holds 1, goal 87.5%", "38 of 40", "1.0000, 0.9700 to 1.0000"]
    assert found[1:] == ["40 of 40", "1.0300, 1.0300 to 1.0300"]
    assert order[1:] == ["7 of 9", "turned: a and b; a tie under load: b and c"]
    assert lines(record(38, 40, []))[3][1:] == ["8 of 9", "turned: none; a tie under load: b and c"]


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
    found = compared(calm, times(3.0, 2.0, 9.0))
    assert (found.pairs, found.turned, found.tied) == (2, [], [])
    assert found.ms == {"a": [1.0, 3.0], "b": [1.0, 2.0], "c": [2.0, 9.0]}
    assert compared(calm, times(3.0, 2.0, 2.5)).turned == [["a", "c"]]
    tied = compared(calm, times(2.0, 2.0, 2.0))
    assert (tied.turned, tied.tied) == ([], [["a", "c"], ["b", "c"]]), "a tie turns nothing round, nor keeps it"


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

    with pytest.raises(ZooError, match=r"a: failed: RuntimeError \(test_control.py, line \d+\): no kernel"):
        interleaved.time_calls([TimedCall("a", fail, CPU)], 0.1, "run 1", lambda *_: None, rounds=3, within=0.01)


def test_the_command_from_start_to_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second of it decides nothing; the table is there, and the exit code and the record follow it."""
    monkeypatch.setattr(committed, "CONTROLS", tmp_path / "control")
    wanted = ["--model", "plain_cnn", "--size", "16", "--runs", "2", "--seconds", "0.3", "--device", "cpu"]
    code = main(["control", *wanted, "--keep"])
    out = capsys.readouterr().out
    (path,) = (tmp_path / "control").iterdir()
    (kept,) = files.read_as(Control, path)
    assert kept.values.runs == len(kept.raw.twin) == len(kept.raw.slowed) == 2
    assert code == min(1, missed(kept))
    assert kept.machine.torch == torch.__version__
    assert "a twin's interval holds 1" in out
    assert "3% planted and found" in out
    assert "plain_cnn at 16 x 16, 0.3 s a run" in out


def test_the_command_under_load_compares_the_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From six rounds on, two networks are apart where one is slower in each; here it takes 90 times as long."""
    monkeypatch.setattr(control, "ROUNDS", intervals.FEW)
    wanted = ["--model", "plain_cnn", "--models", "plain_cnn, frame_difference", "--size", "16", "--runs", "1"]
    main(["control", *wanted, "--seconds", "1", "--device", "cpu", "--load"])
    line = next(line for line in capsys.readouterr().out.splitlines() if "order kept" in line)
    assert "1 of 1" in line


def test_a_slowdown_is_found_on_a_machine_that_wavers_and_slows(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a planted clock: real ones, of sleeps too, depend on what else the machine does."""
    now, chance = [0.0], random.Random(0)

    def clock() -> float:
        now[0] += 1e-6
        return now[0]

    def call() -> None:
        now[0] += 0.02 * chance.uniform(0.98, 1.02) * (1 + now[0] / 80)  # at the end a tenth slower

    monkeypatch.setattr(time, "perf_counter", clock)

    cells = [TimedCall("one", call, CPU), TimedCall("other", call, CPU), TimedCall("slow", slowed(call, CPU), CPU)]
    one, other, slow = interleaved.time_calls(cells, 8.0, "run 1", lambda *_: None, rounds=ROUNDS, within=WITHIN)
    twin, planted = (intervals.ratio(times, one) for times in (other, slow))
    assert planted.low > 1
    assert twin.median == pytest.approx(1, abs=0.02)
    assert planted.median == pytest.approx(1.03, abs=0.01)
