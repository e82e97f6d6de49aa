"""Records to tables: what is marked, how rows are sorted, and what fits."""

import csv
import io
import re
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks import leaderboard
from benchmarks.intervals import summarise


def record(model: str, layout: str, rounds: list[list[float]], **more: Any) -> dict[str, Any]:
    machine = {"device": "cpu", "device_name": "A CPU", "threads": 2, "torch": "2.x", "cores": 2, "commit": None}
    base = {
        "model": model, "spec": f"{model}(in_ch=6)", "group": "founding", "layout": layout, "status": "done",
        "failed": None, "cost": {"params": 1_234_567, "macs": 5 * 10**9, "flops": 10**10, "weight_bytes": 4_938_268},
        "size": [224, 224], "batch": 1, "precision": "float32", "engine": "eager", "machine": machine, "load": 0.5,
        "latency_ms": asdict(summarise(rounds)), "rounds_ms": rounds,
    }  # fmt: skip
    return base | more


STEADY = [[10.0], [10.2], [9.9], [10.1], [10.0], [9.8]]
FASTER = [[8.0], [8.2], [7.9], [8.1], [8.0], [7.8]]


def test_the_faster_layout_is_marked_and_both_are_reported() -> None:
    text = leaderboard.markdown([record("a", "contiguous", STEADY), record("a", "channels_last", FASTER)])
    assert "| founding | `a` | 1.235 | 5.000 | 10.000 | 4.9 | 10.0 (9.83-10.2) | 8.00 (7.83-8.17)\\* |" in text
    tie = leaderboard.rows([record("a", "contiguous", STEADY), record("a", "channels_last", STEADY[::-1])])
    assert tie[0].fastest == "tie"
    alone = leaderboard.rows([record("a", "contiguous", STEADY)])
    assert alone[0].fastest == ""


def test_rows_are_by_group_and_then_by_the_better_layout() -> None:
    records = [
        record("slow", "contiguous", STEADY),
        record("fast", "contiguous", [[99.0]]),
        record("fast", "channels_last", FASTER),
        record("base", "contiguous", [[1.0]], group="baseline"),
        record("broken", "contiguous", STEADY, status="failed", failed="failed: X", latency_ms={}, rounds_ms=[]),
    ]
    assert [row.model for row in leaderboard.rows(records)] == ["fast", "slow", "broken", "base"]
    body = leaderboard.table(leaderboard.rows(records))[1]
    assert body[2][-1] == "failed"


def test_tables_say_what_they_were_measured_on_and_when_it_was_busy() -> None:
    quiet = leaderboard.markdown([record("a", "contiguous", STEADY)])
    assert "224 x 224 pixels, batch 1, float32, eager; A CPU, 2 threads, torch 2.x." in quiet
    assert "lower is better" in quiet
    assert "busy" not in quiet
    assert "load 7.0 on 2 cores" in leaderboard.markdown([record("a", "contiguous", STEADY, load=7.0)])


def test_the_terminal_table_fits_in_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    big = {"params": 123_456_789, "macs": 160_316 * 10**6, "flops": 320_632 * 10**6, "weight_bytes": 499_000_000}
    rounds = [[1234.0 + n] for n in range(6)]
    layouts = ("contiguous", "channels_last")
    leaderboard.show([record("aligned_difference", layout, rounds, cost=big) for layout in layouts])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.strip().startswith("aligned_difference ") and "320.632" in line for line in lines), (
        "no line is broken"
    )


@pytest.mark.parametrize("columns", [40, 60, 100, 200])
def test_names_and_numbers_stay_whole_at_any_width(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    rounds = [[1234.0 + n] for n in range(6)]
    layouts = ("contiguous", "channels_last")
    leaderboard.show([record("aligned_difference", layout, rounds) for layout in layouts])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    row = next(line for line in lines if line.strip().startswith("aligned_difference "))
    assert "1236 (1234-1239)" in row
    assert max(map(len, lines)) <= 100


class Gone(io.StringIO):
    """A pipe whose reader has seen enough."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_has_seen_enough_is_the_callers_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        leaderboard.show([record("a", "contiguous", STEADY)])


def test_the_csv_survives_commas_and_quotes() -> None:
    text = leaderboard.to_csv([record('unet(depth=4, x="a")', "contiguous", STEADY)])
    lines = list(csv.DictReader(text.splitlines()))
    assert lines[0]["model"] == 'unet(depth=4, x="a")'
    assert lines[0]["contiguous_ms_median"] == "10.0"
    assert lines[0]["channels_last_ms_median"] == ""


def test_small_counts_are_not_nothing() -> None:
    rows = leaderboard.rows([record("five", "contiguous", STEADY, cost={"params": 5, "macs": 0, "flops": 0})])
    assert leaderboard.table(rows)[1][0][1:5] == ["<0.001", "0.000", "0.000", "-"]
