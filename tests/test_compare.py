"""The commands: what they print, write and return, also when something goes wrong."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks import compare, leaderboard, measure, overhead, results
from benchmarks.contest import Contest
from benchmarks.entrants import enter
from registry import Card, Entry, commandline
from zoo.architectures import architectures
from zoo.claim import claimed
from zoo.contract import Interface
from zoo.model import PairModel


class Tiny(PairModel):
    def __init__(self, face: Interface) -> None:
        super().__init__(face)
        self.scale = nn.Parameter(torch.ones(2))

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        return {"mask": self.scale[0] * fg_bg[:, :1], "depth": self.scale[1] * fg_bg[:, :1]}


class Unbuildable(Tiny):
    def __init__(self, face: Interface) -> None:
        raise RuntimeError("no such thing\nat all")


class Unrunnable(Tiny):
    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        if fg_bg.is_meta:
            return super().logits(bg, fg_bg)
        raise MemoryError("no room")


class Stopped(Tiny):
    """Ctrl-C while it is measured, after many good calls."""

    calls = 0

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        Stopped.calls += 1
        if Stopped.calls > 3000:
            raise KeyboardInterrupt
        return super().logits(bg, fg_bg)


@pytest.fixture(autouse=True)
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks for these tests alone, of a group of their own."""
    architectures.load()
    for factory in (Tiny, Unbuildable, Unrunnable, Stopped):
        name = f"test_{factory.__name__.lower()}"
        monkeypatch.setitem(architectures._entries, name, Entry(name, factory, Card("for a test"), "here"))
    monkeypatch.setattr(Stopped, "calls", 0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def command(out: Path, models: str, *more: str) -> int:
    return compare.main(["--models", models, "--size", "16x24", "--seconds", "0.05", "--out", str(out), *more])


def test_a_comparison_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "r", "test_tiny, plain_cnn, test_tiny(tasks=mask)") == 0
    records = results.read(tmp_path / "r" / "compare.jsonl")
    cells = {(record["model"], record["layout"]) for record in records}
    models = ("test_tiny", "plain_cnn", "test_tiny(tasks=mask)")
    assert cells == {(model, layout) for model in models for layout in ("contiguous", "channels_last")}
    assert len(records) == 6
    for record in records:
        assert record["status"] == "done"
        assert "in_ch=6" in record["spec"], "all options, not only those given"
        assert len(record["rounds_ms"]) == record["latency_ms"]["rounds"] >= 3
        assert record["size"] == [16, 24]
        assert record["machine"]["torch"] == torch.__version__
        assert record["warm_up"]["calls"] >= 1
    assert next(r for r in records if r["model"] == "plain_cnn")["cost"]["params"] == 857_088
    table = (tmp_path / "r" / "compare.md").read_text()
    assert table.index("plain_cnn") < table.index("test_tiny"), "founding networks come first"
    assert "contiguous ms | channels_last ms" in table
    with (tmp_path / "r" / "compare.csv").open() as file:
        lines = {line["model"]: line for line in csv.DictReader(file)}
    assert lines["plain_cnn"]["macs"] == str(int(lines["plain_cnn"]["flops"]) // 2)
    assert float(lines["plain_cnn"]["channels_last_ms_median"]) > 0
    printed = capsys.readouterr()
    assert all(model in printed.out for model in models)
    assert "warm up" in printed.err
    assert sorted(os.listdir(tmp_path / "r")) == ["compare.csv", "compare.jsonl", "compare.md"]


def test_a_second_run_adds_records_and_shows_its_own(tmp_path: Path) -> None:
    assert command(tmp_path, "test_tiny") == 0
    assert command(tmp_path, "test_tiny(tasks=mask)") == 0
    assert len(results.read(tmp_path / "compare.jsonl")) == 4
    assert "test_tiny(tasks=mask)" in (tmp_path / "compare.md").read_text()
    assert "`test_tiny`" not in (tmp_path / "compare.md").read_text()


def test_what_fails_is_a_row_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny, test_unbuildable, test_unrunnable") == 0
    out = capsys.readouterr().out
    assert "test_unbuildable: failed to build: RuntimeError: no such thing\n" in out
    assert "test_unrunnable: failed: MemoryError: no room\n" in out
    by_model = {record["model"]: record for record in results.read(tmp_path / "compare.jsonl")}
    assert by_model["test_unrunnable"]["status"] == "failed"
    assert by_model["test_unrunnable"]["cost"]["params"] == 2
    assert by_model["test_tiny"]["status"] == "done"
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
    ["--size=7", "--size=100000", "--size=a", "--seconds=0", "--seconds=nan", "--rounds=0", "--threads=999999"],
)
def test_wrong_numbers_say_what_is_accepted(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([given]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: argument {given.partition('=')[0]}: ")
    assert "; give" in error
    assert error.count("\n") == 1


def test_a_name_alone_is_told_where_names_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["u2net"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: unrecognized arguments: u2net; networks are given as in --models ")
    assert error.count("\n") == 1


def test_tables_are_written_before_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(leaderboard, "show", gone)
    monkeypatch.setattr(commandline, "_drop_output", lambda: None)  # it would close this process's own
    assert command(tmp_path, "test_tiny") == 141
    assert sorted(os.listdir(tmp_path)) == ["compare.csv", "compare.jsonl", "compare.md"]


def test_images_that_do_not_fit_are_the_networks_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(measure, "images", full)
    assert command(tmp_path, "test_tiny") == 1
    assert "test_tiny: failed on cpu: RuntimeError: can't allocate memory\n" in capsys.readouterr().out


def test_two_comparisons_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with claimed(tmp_path):
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
    monkeypatch.setattr(Contest, "run", lambda *_: pytest.fail("it was measured all the same"))
    assert command(tmp_path, "test_tiny") == 2
    assert f"results cannot be kept in {tmp_path}: No space left" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compare.md").write_text("of the last whole run")
    assert command(tmp_path, "test_tiny, test_stopped", "--rounds", "500") == 130
    printed = capsys.readouterr()
    assert "test_tiny" in printed.out
    assert "~ stopped early" in printed.out
    assert printed.err.splitlines()[-1] == f"stopped; records of what was measured: {tmp_path / 'compare.jsonl'}"
    records = results.read(tmp_path / "compare.jsonl")
    assert {record["status"] for record in records} == {"interrupted"}
    assert all(record["rounds_ms"] for record in records)
    assert (tmp_path / "compare.md").read_text() == "of the last whole run"


def test_ctrl_c_in_a_process(tmp_path: Path) -> None:
    """The real signal, to the real command, in its rounds: no traceback, exit 130, and records that can be read."""
    options = ["--models", "u2netp,plain_cnn", "--size", "64", "--seconds", "300", "--out", str(tmp_path)]
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.compare", *options, "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert child.stderr is not None
    seen = ""
    for line in child.stderr:
        seen += line
        if "measure" in line:
            break
    child.send_signal(signal.SIGINT)
    out, rest = child.communicate(timeout=60)
    assert child.returncode == 130, seen + rest
    assert "Traceback" not in seen + rest
    assert "stopped; " in rest
    assert not (tmp_path / "compare.md").exists()
    if "records of" in rest:
        assert "plain_cnn" in out or "u2netp" in out
        assert all(record["status"] == "interrupted" for record in results.read(tmp_path / "compare.jsonl"))


def test_help_and_wrong_numbers_do_not_wait_for_torch() -> None:
    code = (
        "import sys, benchmarks.compare as c\ntry: c.main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert done.stdout.splitlines()[-1] == "False", done.stderr


def test_every_entry_of_the_catalog_enters() -> None:
    entrants = enter("*")
    assert {str(entrant.asked) for entrant in entrants} == set(architectures.names())
    assert json.dumps([entrant.spec for entrant in entrants])


def test_overhead_finds_what_the_contract_costs(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    asked = ["--models", "test_tiny", "--sizes", "32", "--seconds", "0.3"]
    real = PairModel.forward
    spin = torch.rand(64, 64)

    def dear(self: PairModel, *args: Any) -> Any:
        for _ in range(20):
            spin @ spin
        return real(self, *args)

    monkeypatch.setattr(Tiny, "forward", dear)
    assert overhead.main(asked) == 1
    assert "above" in capsys.readouterr().out
    monkeypatch.setattr(Tiny, "forward", lambda self, bg, fg_bg: self.logits(bg, fg_bg))
    overhead.main(asked)
    assert "32 x 32" in capsys.readouterr().out


def test_overhead_refuses_sizes_that_are_padded(capsys: pytest.CaptureFixture[str]) -> None:
    assert overhead.main(["--models", "u2netp", "--sizes", "65"]) == 2
    assert "multiples of 32" in capsys.readouterr().err
