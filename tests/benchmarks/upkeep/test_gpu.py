"""What needs a GPU, rehearsed on the CPU: few files, nothing lost by a kill, nothing done twice."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.store import files, identity
from benchmarks.store.names import ACCURACY, SPEED
from benchmarks.store.record import Record
from benchmarks.upkeep import __main__ as upkeep

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "benchmarks.upkeep", "gpu", "--rehearse"]


def status(out: Path) -> dict[str, str]:
    return {name: one["status"] for name, one in json.loads((out / "report.json").read_text())["steps"].items()}


def records(out: Path) -> list[Record]:
    return [one for name in (SPEED, ACCURACY) for one in files.read(out / name)]


def test_facts_are_found_and_taken_over(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert upkeep.main(["gpu", "--rehearse", "--only", "facts", "--out", str(one)]) == 0
    found = json.loads((one / "report.json").read_text())["steps"]["facts"]["found"]
    assert found["peaks"]["fp32"]["matmul_flops_per_s"] > 1e6
    assert found["machine"]["device"] == "cpu"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one"], "trainings are gone"
    assert upkeep.main(["gpu", "--rehearse", "--only", "facts", "--out", str(one)]) == 2
    assert f"continue it with --resume-from {one}" in capfd.readouterr().err
    assert upkeep.main(["gpu", "--rehearse", "--only", "facts", "--out", str(two), "--resume-from", str(one)]) == 0
    assert "facts: done before" in capfd.readouterr().out
    assert (two / "report.json").read_bytes() == (one / "report.json").read_bytes()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert upkeep.main(["gpu", "--out", str(tmp_path / "out")]) == 2
    assert "torch finds no CUDA device on this machine; use cpu; --rehearse needs none" in capfd.readouterr().err


def test_a_step_of_little_measures_what_it_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert upkeep.main(["gpu", "--rehearse", "--only", "speed", "--out", str(out)]) == 0
    assert {one.measure for one in files.read(out / SPEED)} == {"cost", "latency", "throughput"}
    before = (out / SPEED).read_bytes()
    (out / "report.json").unlink()  # as a kill leaves it, just before the step is told
    assert upkeep.main(["gpu", "--rehearse", "--only", "speed", "--out", str(out), "--resume-from", str(out)]) == 0
    assert (out / SPEED).read_bytes() == before, "nothing is measured twice"


def photographs(folder: Path) -> Path:
    """Enough of them for every split."""
    draw = np.random.default_rng(0)
    for part, channels in (("backgrounds", 3), ("cutouts", 4)):
        (folder / part).mkdir(parents=True)
        for n in range(12):
            Image.fromarray(draw.integers(0, 255, (24, 24, channels), np.uint8)).save(folder / part / f"{n}.png")
    return folder


def ended(out: Path, *more: Any, only: str = "speed,accuracy,photos", kill_after: float | None = None) -> int:
    """How the command ended; killed after some seconds, where these are given."""
    words = [*COMMAND, "--out", out, "--only", only, *more]
    with subprocess.Popen([*map(str, words)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            return child.wait(kill_after)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_leaves_what_one_run_does(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "photos")
    begun = time.monotonic()
    assert ended(tmp_path / "whole", "--photos", photos) == 0
    took, chance = time.monotonic() - begun, random.Random(0)
    out, starts = tmp_path / "out0", 1
    code = ended(out, "--photos", photos, kill_after=chance.uniform(0.2, 0.5) * took)
    while code == -signal.SIGKILL:
        assert starts < 20
        after, starts = out.with_name(f"out{starts}"), starts + 1  # another machine has the records, not the trainings
        code = ended(after, "--photos", photos, "--resume-from", out, kill_after=(0.3 + 0.1 * starts) * took)
        out = after
    assert code == 0
    assert ended(out, "--photos", photos, "--resume-from", out, only="facts,rendering,more") == 0
    assert starts > 1, "it was never killed"
    assert len(list(out.iterdir())) <= 6
    assert set(status(out).values()) == {"done"}
    whole, parts = records(tmp_path / "whole"), records(out)
    assert sorted(map(identity.key_of, parts)) == sorted(map(identity.key_of, whole)), "none lost, none doubled"
    values = {identity.key_of(one): one.values for one in whole if one.measure in ("cost", "accuracy")}
    assert len(values) > 5
    for one in parts:
        if one.measure in ("cost", "accuracy"):
            told = {name: value for name, value in one.values.items() if name != "seconds"}
            assert told == {name: values[identity.key_of(one)][name] for name in told}, one.model
