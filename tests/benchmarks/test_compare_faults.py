"""The command when something goes wrong: calls, networks, disks, signals."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from comparing import WRITTEN, command, entries
from warm import Warm

from benchmarks import compare
from benchmarks.measures import memory, speed
from benchmarks.run.campaign import Campaign
from benchmarks.show.results import Results
from benchmarks.store import files
from registry import commandline
from zoo.lock import locked

pytestmark = pytest.mark.usefixtures(entries.__name__)


ENDLESS = """
import time, torch

class Net(torch.nn.Module):
    def forward(self, x):
        while True:
            time.sleep(0.01)
"""


def test_a_network_that_hangs_is_its_cells_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    assert command(tmp_path / "before", "frame_difference", measure="cost") == 0  # what it imports is not in the cap
    monkeypatch.setattr("benchmarks.timing.rounds.CAP", 6.0)
    options = ["--samples", "8", "--train-size", "16", "--scenes", "2", "--workers", "0"]
    models = f"{tmp_path / 'endless.py'}:Net, frame_difference"
    assert command(tmp_path / "out", models, *options, measure="cost,accuracy") == 3
    found = {(r.model, r.measure): r.failed for r in files.read(tmp_path / "out" / "compare.jsonl")}
    for measure in ("cost", "accuracy"):
        assert "stopped at the limit of 6 s" in str(found[f"{tmp_path / 'endless.py'}:Net", measure])
        assert found["frame_difference", measure] is None


DEAF = """
import time, torch

class Net(torch.nn.Conv2d):
    def __init__(self):
        super().__init__(6, 2, 1)

    def forward(self, x):
        while self.training:
            time.sleep(1)
        return super().forward(x)
"""


@pytest.mark.slow
def test_a_network_that_hangs_in_training_alone_is_its_cells_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaf.py").write_text(DEAF)
    monkeypatch.setattr("benchmarks.timing.rounds.CAP", 30.0)
    fresh = memory.fresh

    def patient(*asked: Any, seconds: float) -> Any:
        """A fresh process imports torch in this time too; the one that must come to an end has enough of it."""
        return fresh(*asked, seconds=seconds if "training" in asked else memory.SECONDS)

    monkeypatch.setattr(memory, "fresh", patient)
    options = ["--samples", "8", "--train-size", "16", "--scenes", "2", "--workers", "0"]
    command(tmp_path / "out", f"{tmp_path / 'deaf.py'}:Net", *options, measure="cost,accuracy")
    found = {r.measure: r.failed for r in files.read(tmp_path / "out" / "compare.jsonl") if "deaf" in r.spec}
    assert found["cost"] is None
    assert "stopped at the limit of 30 s" in str(found["accuracy"])


def test_a_network_that_cannot_take_more_images_fails_and_is_not_measured_with_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "LARGEST", 8)
    assert command(tmp_path, "test_picky, test_tiny", "--batches", "max", measure="throughput") == 3
    by_model = {record.model: record for record in files.read(tmp_path / "compare.jsonl")}
    assert by_model["test_picky"].failed.startswith("failed: RuntimeError (comparing.py, line ")
    assert by_model["test_picky"].failed.endswith("): more than two are too many")
    assert by_model["test_tiny"].raw.batch_ended


def test_what_fails_is_a_row_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny, test_unbuildable, test_unrunnable") == 3, "some of it failed"
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(r"test_unbuildable: cost failed: RuntimeError \(comparing.py, line \d+\): no such thing", out)
    assert re.search(r"test_unrunnable: latency failed: MemoryError \(comparing.py, line \d+\): no room", out)
    by_model = {(r.model, r.measure): r for r in files.read(tmp_path / "compare.jsonl")}
    assert by_model["test_unrunnable", "latency"].status == "failed"
    assert by_model["test_unrunnable", "cost"].values["params"] == 2
    assert by_model["test_tiny", "latency"].status == "done"
    assert command(tmp_path, "test_unbuildable") == 1, "nothing could be measured"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--models", "u2nett"], "u2netp"),
        (["--models", "unet(dept=4)"], "depth"),
        (["--models", "unet(depth=7)"], "3 or 4"),
        (["--models", "unet(depth=4"], "expected"),
        (["--models", "nothing*"], "nothing"),
        (["--models", "test_tiny", "--device", "cuda"], "no CUDA device"),
        (["--models", "test_tiny", "--out", "/dev/null/results"], "/dev/null/results"),
        (["--models", "test_tiny", "--against", "nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file"),
        (["--models", "test_tiny", "--measure", "accuracy", "--data", "nowhere"], "nowhere"),
        (["--models", "test_tiny", "--measure", "accuracy", "--recipes", "zoo-quik"], "zoo-quick"),
        (["--models", "test_tiny", "--measure", "accuracy", "--weights", "nowhere"], "nowhere does not exist"),
    ],
)
def test_wrong_calls_end_in_a_line_or_two(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert compare.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error:")
    assert says in error
    assert len(error.splitlines()) <= 3  # a broken spec stands on a line of its own, with its caret below


@pytest.mark.parametrize(
    "given",
    ["--sizes=7", "--sizes=100000", "--sizes=a", "--seconds=0", "--seconds=nan", "--rounds=0", "--threads=999999"],
)
def test_wrong_numbers_say_what_is_accepted(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([given]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: argument {given.partition('=')[0]}: ")
    assert "; give" in error
    assert error.count("\n") == 1


def test_names_in_several_words_are_told_how_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["unet", "u2net"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: unrecognized arguments: u2net; give all networks in one argument, as ")
    assert error.count("\n") == 1


def test_tables_are_written_before_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(Results, "show", gone)
    monkeypatch.setattr(commandline, "_drop_output", lambda: None)  # it would close this process's own
    assert command(tmp_path, "test_tiny") == 141
    assert sorted(os.listdir(tmp_path)) == WRITTEN


def test_images_that_do_not_fit_are_the_networks_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(speed, "prepare", full)
    assert command(tmp_path, "test_tiny", measure="latency") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(r"test_tiny: latency failed: RuntimeError \(.*\): can't allocate memory", out)


def test_two_comparisons_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(tmp_path):
        assert command(tmp_path, "test_tiny") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path} is in use by another process (process {os.getpid()}")
    assert error.count("\n") == 1
    assert os.listdir(tmp_path) == []
    assert command(tmp_path, "test_tiny") == 0, "and it is free again"


def test_no_room_for_a_record_still_shows_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda file, data: 0)
    assert command(tmp_path, "test_tiny") == 2
    printed = capsys.readouterr()
    assert "test_tiny" in printed.out
    assert printed.err.splitlines()[-1].startswith(f"error: results cannot be kept in {tmp_path / 'compare.jsonl'}")
    assert (tmp_path / "compare.jsonl").read_bytes() == b""
    assert os.listdir(tmp_path) == ["compare.jsonl"]


def test_no_room_is_found_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Campaign, "measure", lambda *_: pytest.fail("it was measured all the same"))
    assert command(tmp_path, "test_tiny") == 2
    assert f"results cannot be kept in {tmp_path}: No space left" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compare.md").write_text("of the last whole run")
    assert command(tmp_path, "test_tiny, test_stopped", "--rounds", "500", measure="latency") == 130
    printed = capsys.readouterr()
    assert "test_tiny" in printed.out
    assert "~ stopped early" in printed.out
    last = printed.err.splitlines()[-1]
    assert last == f"stopped; records so far: {tmp_path / 'compare.jsonl'}; --resume continues"
    records = files.read(tmp_path / "compare.jsonl")
    assert {record.status for record in records} == {"interrupted"}
    assert all(record.raw.rounds_ms for record in records)
    assert (tmp_path / "compare.md").read_text() == "of the last whole run"


SLOW = """
import time, torch

class Net(torch.nn.Conv2d):
    def __init__(self):
        super().__init__(6, 2, 1)

    def forward(self, x):
        time.sleep(0.05)  # most of the time that is measured goes by so
        return super().forward(x)
"""


def test_ctrl_c_in_a_process(tmp_path: Path, fresh: Warm) -> None:
    """The real signal, to the real command, in its rounds: no traceback, exit 130, and records that can be read."""
    (tmp_path / "slow.py").write_text(SLOW)
    models = f"{tmp_path / 'slow.py'}:Net"
    options = ["--models", models, "--size", "16", "--seconds", "150", "--measure", "latency"]
    options += ["--rounds", "500", "--device", "cpu"]  # however narrow its interval is, none is done before the signal
    words = ["-m", "benchmarks.compare", *options, "--threads", "1", "--out", str(tmp_path / "out")]
    with fresh.started(*words, cwd=Path(__file__).parents[2]) as child:
        while "shuffled rounds" not in child.said() and not child.ended():
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGINT)
        done = child.end()
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "stopped; " in done.stderr
    assert not (tmp_path / "out" / "compare.md").exists()
    if "records of" in done.stderr:
        assert "slow.py:Net" in done.stdout
        assert {record.status for record in files.read(tmp_path / "out" / "compare.jsonl")} == {"interrupted"}
