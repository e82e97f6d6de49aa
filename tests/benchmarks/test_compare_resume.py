"""A comparison that was killed goes on: the same table, no cell lost, none doubled."""

import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from records import failed

from benchmarks import compare
from benchmarks.store import files, identity
from registry import ZooError

ROOT = Path(__file__).parents[2]
MODELS = "frame_difference, frame_difference(tasks=mask)"


def options(out: Path, *more: str) -> list[str]:
    quick = ["--sizes", "16x24", "--seconds", "0.02", "--measure", "cost,latency"]
    return [*quick, "--device", "cpu", "--out", str(out), *more]


def command(out: Path, models: str, *more: str) -> int:
    return compare.main(["--models", models, *options(out, *more)])


def keys(path: Path) -> list[str]:
    return [identity.key_of(record) for record in files.read(path / "compare.jsonl")]


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


@pytest.mark.parametrize("more", [["--resume"], []])
def test_a_damaged_line_is_set_aside_and_the_run_goes_on(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, MODELS, "--measure", "cost") == 0
    path = tmp_path / "compare.jsonl"
    whole = keys(tmp_path)
    first, second = path.read_bytes().splitlines()
    damaged = b"\x00\xff" + first[2:]
    path.write_bytes(b"\n".join([damaged, second, b""]))
    capsys.readouterr()
    assert command(tmp_path, MODELS, "--measure", "cost", *more) == 0
    assert f"warning: 1 damaged line of {path} set aside in compare.jsonl.damaged" in capsys.readouterr().err
    assert (tmp_path / "compare.jsonl.damaged").read_bytes() == damaged + b"\n"
    assert sorted(keys(tmp_path)) == sorted(whole if more else [*whole, whole[1]])


def test_a_file_of_another_version_is_not_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compare.jsonl").write_text('{"schema": 99}\n')
    assert command(tmp_path, MODELS, "--measure", "cost") == 2
    assert "this version reads schema 2. Write to another folder" in capsys.readouterr().err
    assert (tmp_path / "compare.jsonl").read_text() == '{"schema": 99}\n'


TRAINING = ["--data", "pairbench:clean", "--samples", "64", "--train-size", "16", "--scenes", "6", "--workers", "0"]


def test_what_was_measured_before_stays_in_the_tables(tmp_path: Path) -> None:
    words = ["--models", "frame_difference", "--out", str(tmp_path), "--sizes", "16", "--seconds", "0.02"]
    assert compare.main([*words, "--measure", "latency"]) == 0
    assert compare.main([*words, "--measure", "accuracy", *TRAINING, "--resume"]) == 0
    both = (tmp_path / "compare.md").read_text()
    assert "contiguous ms" in both
    assert "IoU clean" in both
    assert compare.main([*words, "--measure", "latency", "--resume"]) == 0
    assert (tmp_path / "compare.md").read_text() == both, "nor are the library's shown in place of one's own"


def test_what_was_measured_before_is_no_success_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--models", "frame_difference", "--out", str(tmp_path), "--sizes", "16"]
    assert compare.main([*words, "--measure", "cost"]) == 0

    def fails(*_: object, **__: object) -> None:
        raise ZooError("no training today")

    monkeypatch.setattr("benchmarks.measures.accuracy.measure", fails)
    assert compare.main([*words, "--measure", "accuracy", *TRAINING, "--resume"]) == 1


def test_curves_want_a_training_and_are_tried_again_when_there_is_one(tmp_path: Path) -> None:
    words = ["--models", "frame_difference", "--out", str(tmp_path), *TRAINING]
    assert compare.main([*words, "--measure", "sensitivity"]) == 2
    assert not (tmp_path / "compare.jsonl").exists(), "nothing was measured"
    assert compare.main([*words, "--measure", "accuracy"]) == 0
    assert compare.main([*words, "--measure", "sensitivity", "--resume"]) == 0
    found = [record for record in files.read(tmp_path / "compare.jsonl") if record.measure == "sensitivity"]
    assert {record.status for record in found} == {"done"}
    assert identity.done([failed(found[0])], None) == set()
    assert identity.done(found, None) == {*map(identity.key_of, found)}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--samples", "77"], "--samples is for accuracy and sensitivity, and measured are cost"),
        (["--recipes", "own", "--data", "pairbench:clean"], "--data, --recipes are for"),
        (["--weights", "nowhere"], "add --measure accuracy"),
        (["--address", "auto"], "--address is for --executor ray"),
    ],
)
def test_an_option_that_nothing_looks_at_is_refused(
    words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(["--models", "unet", "--measure", "cost", "--out", str(tmp_path), *words]) == 2
    assert says in capsys.readouterr().err


def test_times_of_another_machine_are_measured_again_and_costs_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(tmp_path, "frame_difference") == 0
    monkeypatch.setattr("zoo.machine.cpu_name", lambda: "another CPU")
    assert command(tmp_path, "frame_difference", "--resume") == 0
    records = files.read(tmp_path / "compare.jsonl")
    assert [record.measure for record in records].count("cost") == 1
    assert [record.measure for record in records].count("latency") == 4
    assert "another CPU" in (tmp_path / "compare.md").read_text()


def written(path: Path) -> int:
    """How many records are whole."""
    with contextlib.suppress(FileNotFoundError):
        return (path / "compare.jsonl").read_bytes().count(b"\n")
    return 0


@pytest.mark.slow
def test_killed_over_and_over_it_ends_with_every_cell_once(tmp_path: Path) -> None:
    """The real command and kill -9, some records after its start, and at any moment of what comes next."""
    long = [
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
    given = ["--models", MODELS, *options(tmp_path, *long), "--measure", "cost,latency,accuracy,sensitivity"]
    chance, starts = random.Random(0), 0
    while True:
        more = chance.randint(0, 12)
        enough = written(tmp_path) + more
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.compare", *given, "--resume"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        starts += 1
        began = time.monotonic()
        while written(tmp_path) < enough and child.poll() is None:
            assert time.monotonic() < began + 600, "it does not get on"
            time.sleep(0.02)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0, 1) * (time.monotonic() - began) / (more + 1))  # of what a record takes here
        child.kill()  # nothing, where it has ended
        if child.wait() != -signal.SIGKILL:
            break
        assert starts < 40
    assert child.returncode == 0
    found = keys(tmp_path)
    assert len(found) == len(set(found)) == 3 + 6 + 3 + 27  # aligned_difference stands beside whatever is trained
    assert starts > 1, "it was never killed"
    assert {record.status for record in files.read(tmp_path / "compare.jsonl")} == {"done"}
