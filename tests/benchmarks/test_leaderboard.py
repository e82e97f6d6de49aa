"""The way in from Python: what the command does, under the same names."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from comparing import command, entries

import benchmarks
from benchmarks import leaderboard
from benchmarks.plan.comparison import Options
from benchmarks.store import files
from benchmarks.store.files import ResultsError
from benchmarks.store.identity import key_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures(entries.__name__)


def test_it_does_what_the_command_does(tmp_path: Path) -> None:
    said: list[str] = []
    results = leaderboard(
        "test_tiny, plain_cnn", sizes=((16, 24),), measure=("cost", "latency"), seconds=0.02, device="cpu",
        out=tmp_path / "one", tick=lambda what, done, total: said.append(what),
    )  # fmt: skip
    assert command(tmp_path / "other", "test_tiny, plain_cnn") == 0
    one, other = (files.read(tmp_path / name / "compare.jsonl") for name in ("one", "other"))
    assert sorted(map(key_of, one)) == sorted(map(key_of, other))
    assert list(results.records) == one
    assert sorted(os.listdir(tmp_path / "one")) == sorted(os.listdir(tmp_path / "other"))
    assert any("shuffled rounds" in what for what in said)


def test_it_goes_on_and_leaves_threads_as_they_were(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    for models in ("test_tiny", "test_tiny, plain_cnn"):
        results = leaderboard(models, sizes=16, measure="cost", out=tmp_path, resume=True, threads=threads + 1)
    assert [record.model for record in files.read(tmp_path / "compare.jsonl")] == ["test_tiny", "plain_cnn"]
    assert len(results.records) == 2
    assert results.records[0].machine.threads == threads + 1
    assert torch.get_num_threads() == threads


def test_ctrl_c_and_a_full_disk_are_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        leaderboard(
            "test_tiny, test_stopped", sizes=16, measure="latency", seconds=0.02, rounds=500, out=tmp_path / "stopped"
        )
    assert {record.status for record in files.read(tmp_path / "stopped" / "compare.jsonl")} == {"interrupted"}
    monkeypatch.setattr("os.write", lambda file, data: 0)
    with pytest.raises(ResultsError, match="results cannot be kept in"):
        leaderboard("test_tiny", sizes=16, measure="cost", out=tmp_path / "full")


def test_every_option_is_shown() -> None:
    shown = inspect.signature(leaderboard).parameters
    assert list(shown) == ["models", "tick", *Options.__annotations__]
    assert {each.kind for name, each in shown.items() if name != "models"} == {inspect.Parameter.KEYWORD_ONLY}


def test_importing_benchmarks_loads_nothing() -> None:
    code = "import sys, benchmarks; print([name for name in ('torch', 'numpy', 'zoo') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'ladder'"):
        _ = benchmarks.ladder
