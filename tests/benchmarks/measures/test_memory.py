"""Peak memory in processes of their own: known sizes come out, and whatever goes wrong there is said here."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.measures import footprint, memory
from benchmarks.measures.__main__ import main
from benchmarks.measures.memory import MemoryPassError
from benchmarks.networks.entrants import enter, own
from benchmarks.store.record import TimedSettings
from registry import OptionError
from zoo.factory import build

CPU = torch.device("cpu")
MB = 10**6
SETTINGS = TimedSettings((256, 256))
NETWORKS = """
import os, signal, sys, time
import torch
from torch import nn

def maps(x):
    return x[:, :2] * 1.0

class Heavy(nn.Module):
    \"\"\"40 MB of weights.\"\"\"
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(10_000_000))
    def forward(self, x):
        return maps(x) * self.weight[0]

class Wide(Heavy):
    \"\"\"Two maps of 64 channels live at once; at 256 x 256 pixels each is 16.8 MB.\"\"\"
    def forward(self, x):
        print("noise on stdout")
        first = x[:, :1].expand(-1, 64, -1, -1) * 2.0
        second = first * 2.0
        return super().forward(second)

class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("no kernel for this\\nand a long story")

class Untrainable(Heavy):
    \"\"\"Fails in training alone.\"\"\"
    def forward(self, x):
        if self.training:
            raise ValueError("Expected more than 1 value per channel when training")
        return super().forward(x)

class Hangs(nn.Module):
    def forward(self, x):
        while True:
            time.sleep(1)

class Dies(nn.Module):
    def forward(self, x):
        os.kill(os.getpid(), signal.SIGKILL)

class Exits(nn.Module):
    def forward(self, x):
        print("gone", file=sys.stderr)
        os._exit(3)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of networks, named from the folder it is in, as a user does."""
    (tmp_path / "my_net.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    return "my_net.py"


def fresh(name: str, work: str = "inference", seconds: float = memory.SECONDS, **changes: Any) -> dict[str, Any]:
    return memory.fresh(enter(name)[0], replace(SETTINGS, **changes), CPU, work, seconds=seconds)


@linux
def test_weights_and_maps_that_live_at_once_are_counted(file: str) -> None:
    found = fresh(f"{file}:Wide")["inference_bytes"]
    maps, images = 2 * 64 * 256 * 256 * 4, 2 * 3 * 256 * 256 * 4
    least = 40 * MB + maps + images
    assert least < found < least + 6 * MB, "and the pair that is stacked, 1.6 MB, and little else"


@linux
def test_training_holds_weights_gradients_and_two_averages(file: str) -> None:
    found = fresh(f"{file}:Heavy", "training", size=(16, 16))
    assert 160 * MB < found["training_bytes"] < 260 * MB  # AdamW's step may hold two more for a moment


@linux
def test_both_peaks_of_a_network_of_ones_own(file: str) -> None:
    found = memory.peak(enter(f"{file}:Heavy")[0], replace(SETTINGS, size=(16, 16)), CPU)
    assert found["inference_bytes"] == pytest.approx(40 * MB, abs=4 * MB)
    assert 160 * MB < found["training_bytes"] < 260 * MB


@linux
@pytest.mark.slow
def test_a_network_of_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "plain_cnn", "--size", "64", "--threads", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 857_088 * 4 < found["inference_bytes"] < 857_088 * 4 + 60 * MB


def test_what_has_nothing_to_train_has_no_training() -> None:
    model = build("plain_cnn").requires_grad_(False)
    assert footprint.measured(model, SETTINGS, CPU, "training") == {"training_bytes": None}


@pytest.mark.parametrize("spec", ["unet(width=4)", "u2netp(tasks=depth)", "plain_cnn(in_ch=3, tasks=mask)"])
def test_a_training_step_changes_all_weights(spec: str) -> None:
    model = build(spec)
    before = [p.detach().clone() for p in model.parameters()]
    footprint.training(model, replace(SETTINGS, size=(64, 64), batch=2), CPU).run()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert all(not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_a_failure_in_training_alone_keeps_the_other_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(who: Any, settings: Any, device: Any, work: str, *, seconds: float) -> dict[str, Any]:
        if work == "training":
            raise MemoryPassError("ValueError: Expected more than 1 value per channel when training")
        return {"inference_bytes": 7}

    monkeypatch.setattr(memory, "fresh", fresh)
    assert memory.peak(enter("plain_cnn")[0], SETTINGS, CPU) == {
        "inference_bytes": 7,
        "training_bytes": None,
        "training_failed": "failed: ValueError: Expected more than 1 value per channel when training",
    }


def test_what_a_network_raises_over_there_is_said_here(file: str) -> None:
    with pytest.raises(MemoryPassError, match=r"ValueError \(my_net.py, line \d+\): no kernel for this$"):
        fresh(f"{file}:Fails")


@pytest.mark.slow
def test_a_network_that_fails_in_training_alone(file: str) -> None:
    found = memory.peak(enter(f"{file}:Untrainable")[0], replace(SETTINGS, size=(16, 16)), CPU)
    assert found["inference_bytes"] > 0
    assert found["training_bytes"] is None
    said = r"raised ValueError \(my_net.py, line \d+\): Expected more than 1 value per channel when training$"
    assert re.search(said, found["training_failed"])


@pytest.mark.parametrize(
    ("name", "says"), [("Dies", "the system killed it"), ("Exits", "exit code 3: gone$"), ("Silent", "my_net.py")]
)
@pytest.mark.slow
def test_a_process_that_ends_without_a_word(file: str, name: str, says: str) -> None:
    heavy = enter(f"{file}:Heavy")[0]
    other = dataclasses.replace(heavy, spec=f"{file}:{name}")
    with pytest.raises(MemoryPassError, match=says):
        memory.fresh(other, SETTINGS, CPU, "inference", seconds=memory.SECONDS)


def test_what_a_process_told_is_its_last_line() -> None:
    assert memory._parsed('noise\n{"inference_bytes": 3}\n', "warning", 0) == {"inference_bytes": 3}
    with pytest.raises(MemoryPassError, match="the system killed it"):
        memory._parsed("", "", -signal.SIGKILL)
    with pytest.raises(MemoryPassError, match=r"exit code 3: last words$"):
        memory._parsed("half a li", "first words\nlast words\n", 3)
    with pytest.raises(MemoryPassError, match=r"exit code 1: it said nothing$"):
        memory._parsed("", "", 1)


@pytest.mark.parametrize("text", ["{", "[1]", "bf16"])
def test_wrong_settings_say_what_is_accepted(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", "plain_cnn", "--settings", text]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: argument --settings: ")
    assert 'give JSON, as {"precision": "bf16"}' in error


def test_memory_is_that_of_an_eager_network() -> None:
    with pytest.raises(OptionError, match="engine eager, and not with compile"):
        footprint.measured(build("plain_cnn"), replace(SETTINGS, engine="compile"), CPU, "inference")


def test_a_process_that_hangs_is_ended(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: started.append(start(*args, **more)) or started[-1])
    with pytest.raises(MemoryPassError, match="stopped at the limit of 3 s"):
        fresh(f"{file}:Hangs", "once", seconds=3)
    assert [process.returncode for process in started] == [-signal.SIGKILL]  # and not waited for: it has no end


def test_a_rehearsal_at_one_size_says_nothing_of_another(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (entrant,), tried = enter(f"{file}:Hangs"), []

    def hangs(entrant: Any, settings: Any, *rest: Any, **more: Any) -> dict[str, Any]:
        tried.append(settings.size)
        if settings.size == (128, 128):
            raise MemoryPassError("no end")
        return {}

    monkeypatch.setattr(memory, "fresh", hangs)
    monkeypatch.setattr(memory, "_rehearsed", {})
    large, small = (TimedSettings((side, side)) for side in (128, 16))
    for _ in range(2):
        with pytest.raises(MemoryPassError):
            memory.rehearse(entrant, large, torch.device("cpu"), seconds=1.0)
        memory.rehearse(entrant, small, torch.device("cpu"), seconds=1.0)
    assert tried == [(128, 128), (16, 16)], "once each"


@pytest.mark.slow
def test_a_rehearsal_measures_nothing(file: str) -> None:
    assert fresh(f"{file}:Heavy", "once", size=(16, 16)) == {}


def test_a_network_without_a_name_elsewhere_says_so() -> None:
    with pytest.raises(MemoryPassError, match="mine cannot be built in another process; give it as FILE"):
        memory.fresh(own("mine", build("plain_cnn")), SETTINGS, CPU, "once", seconds=1)


def test_settings_are_checked_before_a_number_is_given() -> None:
    with pytest.raises(OptionError, match="tf32 is a format of CUDA"):
        footprint.measured(build("plain_cnn"), replace(SETTINGS, precision="tf32"), CPU, "inference")


@linux
def test_a_process_goes_with_the_one_that_waits_for_it(file: str) -> None:
    code = (
        "import torch; from benchmarks.measures import memory; from benchmarks.networks.entrants import enter;"
        "from benchmarks.store.record import TimedSettings;"
        f"memory.fresh(enter('{file}:Hangs')[0], {SETTINGS!r}, torch.device('cpu'), 'once', seconds=100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env=memory._environment())
    try:
        child = until(lambda: children(parent.pid), seconds=240)[0]
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    until(lambda: not Path(f"/proc/{child}").exists() or " Z" in Path(f"/proc/{child}/stat").read_text(), seconds=240)


def children(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(holds: Any, *, seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")
