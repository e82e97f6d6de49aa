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

from benchmarks import cells, compare, leaderboard, overhead, results, sensitivity, speed
from benchmarks.campaign import Campaign
from benchmarks.entrants import enter
from registry import Card, Entry, commandline
from zoo.architectures import architectures
from zoo.claim import claimed
from zoo.contract import Interface
from zoo.model import PairModel

ENDLESS = """
import torch

class Net(torch.nn.Module):
    def forward(self, x):
        while True:
            pass
"""


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


def command(out: Path, models: str, *more: str, measure: str = "cost,latency") -> int:
    size = ("--size", "16x24", "--seconds", "0.02", "--measure", measure)
    return compare.main(["--models", models, *size, "--out", str(out), *more])


def keys(path: Path) -> list[str]:
    return [cells.key_of(record) for record in results.read(path / "compare.jsonl")]


def test_a_comparison_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "r", "test_tiny, plain_cnn, test_tiny(tasks=mask)") == 0
    records = results.read(tmp_path / "r" / "compare.jsonl")
    models = ("test_tiny", "plain_cnn", "test_tiny(tasks=mask)")
    timed = [record for record in records if record["measure"] == "latency"]
    assert {(record["model"], record["cell"]["layout"]) for record in timed} == {
        (model, layout) for model in models for layout in ("contiguous", "channels_last")
    }
    assert len(records) == 9
    for record in records:
        assert record["status"] == "done"
        assert "in_ch=6" in record["spec"], "all options, not only those given"
        assert record["cell"]["size"] == [16, 24]
        assert 0 <= record["took"] < 100, "seconds since the record before"
        assert record["machine"]["torch"] == torch.__version__
        assert 0 <= record["clocks"].get("stolen", 0) <= 1
    for record in timed:
        assert len(record["raw"]["rounds_ms"]) >= 3
        low, high = record["intervals"]["ms"]
        assert low <= record["values"]["ms"] <= high
    counted = {record["model"]: record["values"] for record in records if record["measure"] == "cost"}
    assert counted["plain_cnn"]["params"] == 857_088
    table = (tmp_path / "r" / "compare.md").read_text()
    assert table.index("plain_cnn") < table.index("test_tiny"), "founding networks come first"
    assert "contiguous ms | channels_last ms" in table
    with (tmp_path / "r" / "compare.csv").open() as file:
        lines = {(line["model"], line["measure"]): line for line in csv.DictReader(file)}
    assert lines["plain_cnn", "cost"]["macs"] == str(int(lines["plain_cnn", "cost"]["flops"]) // 2)
    printed = capsys.readouterr()
    assert all(model in printed.out for model in models)
    assert sorted(os.listdir(tmp_path / "r")) == ["compare.csv", "compare.html", "compare.jsonl", "compare.md"]


def test_networks_take_turns_at_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side_by_side = []

    def raced(cells: Any, *_: Any, **__: Any) -> Iterator[Any]:
        side_by_side.append([(cell.entrant.asked.name, *cell.settings["size"]) for cell in cells])
        return iter(())

    monkeypatch.setattr("benchmarks.campaign.race", raced)
    command(tmp_path, "test_tiny, plain_cnn", "--sizes", "16,24", "--layouts", "contiguous", measure="latency")
    assert side_by_side == [[(name, side, side) for name in ("test_tiny", "plain_cnn")] for side in (16, 24)]


def test_what_is_asked_for_twice_is_measured_once(tmp_path: Path) -> None:
    models = "frame_difference, frame_difference(in_ch=6)"
    assert command(tmp_path, models, "--sizes", "16,16", measure="cost") == 0
    assert len(results.read(tmp_path / "compare.jsonl")) == 1


def test_a_network_that_hangs_is_its_cells_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    monkeypatch.setattr("benchmarks.measure.CAP", 6.0)
    options = ["--samples", "8", "--train-size", "16", "--scenes", "2", "--workers", "0"]
    models = f"{tmp_path / 'endless.py'}:Net, frame_difference"
    assert command(tmp_path / "out", models, *options, measure="cost,accuracy") == 0
    found = {(r["model"], r["measure"]): r["failed"] for r in results.read(tmp_path / "out" / "compare.jsonl")}
    for measure in ("cost", "accuracy"):
        assert "no end after 6 s, the cap" in str(found[f"{tmp_path / 'endless.py'}:Net", measure])
        assert found["frame_difference", measure] is None


def test_a_second_run_adds_records_and_shows_its_own(tmp_path: Path) -> None:
    assert command(tmp_path, "test_tiny") == 0
    assert command(tmp_path, "test_tiny(tasks=mask)") == 0
    assert len(results.read(tmp_path / "compare.jsonl")) == 6
    assert "test_tiny(tasks=mask)" in (tmp_path / "compare.md").read_text()
    assert "`test_tiny`" not in (tmp_path / "compare.md").read_text()


def test_training_and_sensitivity_from_start_to_end(tmp_path: Path) -> None:
    options = ["--data", "pairbench:clean", "--samples", "64", "--train-size", "16", "--scenes", "6", "--workers", "0"]
    assert command(tmp_path, "frame_difference", *options, measure="accuracy,sensitivity") == 0
    records = results.read(tmp_path / "compare.jsonl")
    assert {record["model"] for record in records} == {"frame_difference", "aligned_difference"}  # always there
    trained, *curves = [record for record in records if record["model"] == "frame_difference"]
    assert trained["status"] == "done", trained["failed"]
    assert trained["raw"]["trained"]["torch"] == torch.__version__
    assert 0 <= trained["values"]["mask_iou"] <= 1
    assert trained["cell"]["samples"] == 64
    assert (tmp_path / trained["gallery"]).exists()
    assert {record["cell"]["perturbation"] for record in curves} == set(sensitivity.PERTURBATIONS)
    assert all(
        record["values"]["mask_iou"][0] == pytest.approx(curves[0]["values"]["mask_iou"][0]) for record in curves
    )
    assert "IoU clean" in (tmp_path / "compare.md").read_text()


def test_a_dry_run_lists_cells_and_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "r", "test_tiny", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "latency of test_tiny, 16 x 24, 1, fp32, channels_last, eager" in out
    assert not (tmp_path / "r").exists()


def test_a_budget_is_answered_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny", "--budget-ms", "10") == 0
    assert "No network has both a time and an accuracy" in capsys.readouterr().out  # of a network of this test


def test_an_older_run_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "old", "test_tiny") == 0
    assert command(tmp_path / "new", "test_tiny", "--against", str(tmp_path / "old" / "compare.jsonl")) == 0
    assert "against the older run" in capsys.readouterr().out


def test_what_fails_is_a_row_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny, test_unbuildable, test_unrunnable") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "test_unbuildable: cost failed: RuntimeError: no such thing" in out
    assert "test_unrunnable: latency failed: MemoryError: no room" in out
    by_model = {(r["model"], r["measure"]): r for r in results.read(tmp_path / "compare.jsonl")}
    assert by_model["test_unrunnable", "latency"]["status"] == "failed"
    assert by_model["test_unrunnable", "cost"]["values"]["params"] == 2
    assert by_model["test_tiny", "latency"]["status"] == "done"
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
    ["--sizes=7", "--sizes=100000", "--sizes=a", "--seconds=0", "--seconds=nan", "--rounds=0", "--threads=999999"],
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
    assert sorted(os.listdir(tmp_path)) == ["compare.csv", "compare.html", "compare.jsonl", "compare.md"]


def test_images_that_do_not_fit_are_the_networks_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(speed, "prepare", full)
    assert command(tmp_path, "test_tiny", measure="latency") == 1
    assert "test_tiny: latency failed: RuntimeError: can't allocate memory" in " ".join(capsys.readouterr().out.split())


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
    assert last == f"stopped; records of what was measured: {tmp_path / 'compare.jsonl'}; --resume goes on"
    records = results.read(tmp_path / "compare.jsonl")
    assert {record["status"] for record in records} == {"interrupted"}
    assert all(record["raw"]["rounds_ms"] for record in records)
    assert (tmp_path / "compare.md").read_text() == "of the last whole run"


def test_ctrl_c_in_a_process(tmp_path: Path) -> None:
    """The real signal, to the real command, in its rounds: no traceback, exit 130, and records that can be read."""
    options = ["--models", "u2netp,plain_cnn", "--size", "64", "--seconds", "150", "--measure", "latency"]
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.compare", *options, "--threads", "1", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert child.stderr is not None
    seen = ""
    for line in child.stderr:
        seen += line
        if "shuffled rounds" in line:
            break
    child.send_signal(signal.SIGINT)
    out, rest = child.communicate(timeout=60)
    assert child.returncode == 130, seen + rest
    assert "Traceback" not in seen + rest
    assert "stopped; " in rest
    assert not (tmp_path / "compare.md").exists()
    if "records of" in rest:
        assert "plain_cnn" in out or "u2netp" in out
        found = {record["status"] for record in results.read(tmp_path / "compare.jsonl")}
        assert found <= {"interrupted", "done"}  # done: its interval was narrow enough before the signal came


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
