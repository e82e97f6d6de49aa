"""A comparison that was killed goes on: the same table, no cell lost, none doubled."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import cells, compare, results

ROOT = Path(__file__).parent.parent
MODELS = "frame_difference, frame_difference(tasks=mask)"


def options(out: Path, *more: str) -> list[str]:
    return ["--sizes", "16x24", "--seconds", "0.02", "--measure", "cost,latency", "--out", str(out), *more]


def command(out: Path, models: str, *more: str) -> int:
    return compare.main(["--models", models, *options(out, *more)])


def keys(path: Path) -> list[str]:
    return [cells.key_of(record) for record in results.read(path / "compare.jsonl")]


def test_a_resumed_run_measures_what_is_missing_and_shows_all(tmp_path: Path) -> None:
    assert command(tmp_path, MODELS) == 0
    path = tmp_path / "compare.jsonl"
    whole, table = keys(tmp_path), (tmp_path / "compare.md").read_text()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:40])  # as a kill -9 leaves it
    assert command(tmp_path, MODELS, "--resume") == 0
    assert sorted(keys(tmp_path)) == sorted(whole), "none lost, none doubled"
    assert [line.split("|")[1:5] for line in (tmp_path / "compare.md").read_text().splitlines() if "`" in line] == [
        line.split("|")[1:5] for line in table.splitlines() if "`" in line
    ]
    assert command(tmp_path, MODELS, "--resume") == 0
    assert sorted(keys(tmp_path)) == sorted(whole)


def test_times_of_another_machine_are_measured_again_and_costs_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(tmp_path, "frame_difference") == 0
    monkeypatch.setattr("zoo.machine.cpu_name", lambda: "another CPU")
    assert command(tmp_path, "frame_difference", "--resume") == 0
    records = results.read(tmp_path / "compare.jsonl")
    assert [record["measure"] for record in records].count("cost") == 1
    assert [record["measure"] for record in records].count("latency") == 4
    assert "another CPU" in (tmp_path / "compare.md").read_text()


@pytest.mark.slow
def test_killed_over_and_over_it_ends_with_every_cell_once(tmp_path: Path) -> None:
    """The real command and kill -9, at any moment after its start."""
    more = [
        "--seconds",
        "1",
        "--data",
        "pairbench:clean",
        "--samples",
        "1600",
        "--train-size",
        "16",
        "--scenes",
        "6",
        "--workers",
        "0",
    ]
    given = ["--models", MODELS, *options(tmp_path, *more), "--measure", "cost,latency,accuracy,sensitivity"]
    chance, starts = random.Random(0), 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.compare", *given, "--resume"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        starts += 1
        try:
            assert child.wait(timeout=chance.uniform(3, 6) * (1 + starts / 8)) == 0
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            time.sleep(0.2)
        assert starts < 40
    found = keys(tmp_path)
    assert len(found) == len(set(found)) == 2 + 4 + 2 + 14
    assert starts > 1, "it was never killed"
    assert {record["status"] for record in results.read(tmp_path / "compare.jsonl")} == {"done"}
