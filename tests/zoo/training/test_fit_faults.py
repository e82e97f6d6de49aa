"""A training that is stopped, killed or short of room, and steps that are no numbers."""

import json
import math
import os
import signal
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import BATCH, SMALL, train
from warm import Warm

import zoo
from registry import ZooError
from zoo.lock import LockedError, locked
from zoo.losses import Losses
from zoo.training import StoppedError, TrainingError, loop
from zoo.training.checkpoint import CheckpointError
from zoo.training.journal import read
from zoo.training.step import Meter
from zoo.training.trainer import Trainer
from zoo.training.world import joined


def test_a_worker_that_is_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.train

    def fatal(self: Trainer, batch: zoo.data.Sample) -> None:
        step(self, batch)
        for worker in active_children():
            worker.kill()
            worker.join(10)

    monkeypatch.setattr(Trainer, "train", fatal)
    with pytest.raises(TrainingError, match=r"a process that prepares data has died .*; memory may have run out"):
        train(SMALL, tmp_path / "run", workers=1)


def test_an_error_of_the_data_itself_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a bug in my plug-in"):
        train(SMALL.changed(data="blots(n=50, bug=7)"), tmp_path / "run", workers=1)


def test_one_sample_is_too_few_for_a_norm(tmp_path: Path) -> None:
    recipe = SMALL.changed(model="deeplabv3plus(encoder=resnet18)", batch=1, size=32, samples=4)
    with pytest.raises(TrainingError, match="a batch norm sees one value per channel"):
        train(recipe, tmp_path / "run")


@pytest.mark.parametrize(
    "content", [b"", b"\x8f", b"[]", b'{"resumed": 3}', b"[" * 100_000], ids=lambda content: content[:9]
)
def test_a_run_goes_on_though_nobody_knows_where_it_was_begun(content: bytes, tmp_path: Path) -> None:
    def stop(_: str, done: int, __: int) -> None:
        if done >= 5 * BATCH:
            raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"):
        train(SMALL, tmp_path / "run", save_every=0, tick=stop)
    (tmp_path / "run" / "environment.json").write_bytes(content)
    with pytest.warns(UserWarning, match=r"environment\.json cannot be read .* where the run was begun is not known"):
        train(None, tmp_path / "run", resume=True)
    assert len(json.loads((tmp_path / "run" / "environment.json").read_text())["resumed"]) == 1


def test_a_missing_extra_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ZooError, match="TensorBoard is not installed"):
        train(SMALL, tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("save_every", -1), ("save_every", float("nan")), ("save_every", "often"), ("workers", -1), ("workers", 1.5)],
)
def test_what_the_machine_is_to_do_is_checked(name: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=rf"{name}=.* is not accepted"):
        train(SMALL, tmp_path / "run", **{name: value})


def test_bad_steps_in_a_row_are_counted_over_a_stop() -> None:
    meter = Meter(torch.device("cpu"))
    meter.go_on(5)
    meter.add(Losses(torch.tensor(math.nan), {}, {}), torch.tensor(math.nan))
    assert meter.take().streak == 6


def test_a_run_that_ends_in_steps_without_effect_says_so(tmp_path: Path) -> None:
    recipe = SMALL.changed(lr=1e30, samples=8 * BATCH)
    with pytest.warns(UserWarning, match="the last 7 steps were not finite and were skipped. Try a lower lr"):
        train(recipe, tmp_path / "run")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "run"), pytest.raises(LockedError, match="in use by another process"):
        train(SMALL, tmp_path / "run")


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    train(SMALL, tmp_path / "run")
    drafts = [tmp_path / "run" / "checkpoints" / ".step-00000020.pt.1234.part", tmp_path / "run" / ".log.csv.12.part"]
    for draft in drafts:
        draft.write_bytes(b"half")
    train(None, tmp_path / "run", resume=True)
    assert not any(draft.exists() for draft in drafts)


def test_bad_steps_are_skipped_and_counted(tmp_path: Path) -> None:
    run = train(SMALL.changed(data="blots(n=50, broken=7)", ema=0.9), tmp_path / "run")
    lines = [line for line in run.log if line["kind"] == "train"]
    assert lines[-1]["skipped"] == 2  # 80 samples are one and a half epochs; the bad one comes once or twice
    assert all(value.isfinite().all() for value in run.model.state_dict().values())
    assert all(line["loss"] is not None for line in lines)


def test_bad_steps_in_a_row_end_the_run(tmp_path: Path) -> None:
    recipe = SMALL.changed(samples=40 * BATCH, data="blots(n=1, broken=0)")
    with pytest.raises(TrainingError, match=r"20 steps in a row were not finite, up to step 20 .*nonfinite-batch.pt"):
        train(recipe, tmp_path / "run")
    batch = torch.load(tmp_path / "run" / "nonfinite-batch.pt", weights_only=True)
    assert batch["step"] == 20
    assert batch["fg_bg"].isnan().all()
    assert batch["meta"][0] == {"index": 0}


def test_a_full_disk_ends_the_run_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop.checkpoint.save

    def full(folder: Path, step: int, state: dict[str, Any]) -> Path:
        if step > 10:
            raise CheckpointError("the disk is full")
        return save(folder, step, state)

    monkeypatch.setattr(loop.checkpoint, "save", full)
    with pytest.raises(CheckpointError, match="the disk is full"):
        train(SMALL, tmp_path / "run", save_every=0)
    monkeypatch.undo()
    assert train(None, tmp_path / "run", resume=True).log[-1]["step"] == 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first(number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.train

    def asked(self: Trainer, batch: zoo.data.Sample) -> None:
        step(self, batch)
        if self.step_number == 7:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Trainer, "train", asked)
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match="stopped at step 7 of 20; all is saved") as stopped:
        train(SMALL, tmp_path / "run")
    assert stopped.value.signal == number
    assert signal.getsignal(number) is before
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000007.pt"]
    monkeypatch.undo()
    run, whole = train(None, tmp_path / "run", resume=True), train(SMALL, tmp_path / "whole")
    assert all(map(torch.equal, run.model.state_dict().values(), whole.model.state_dict().values()))
    assert [line["loss"] for line in run.log] == [line["loss"] for line in whole.log]


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.train

    def impatient(self: Trainer, batch: zoo.data.Sample) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        step(self, batch)

    monkeypatch.setattr(Trainer, "train", impatient)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_a_launcher_that_says_half_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(zoo.ZooError, match="start them with torchrun"), joined("cpu"):
        pass


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_exit_codes_of_the_command(number: signal.Signals, code: int, tmp_path: Path, fresh: Warm) -> None:
    """With a worker; terminals and schedulers signal all processes of a group, so all of them get it."""
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(SMALL.changed(data="pairbench:clean", samples=100_000).to_toml())
    words = ["-m", "zoo", "train", "--recipe", str(recipe), "--out", str(run), "--workers", "1", "--device", "cpu"]
    with fresh.started(*words, env={"OMP_NUM_THREADS": "1"}, session=True) as process:
        until = time.monotonic() + 300
        while not read(run / "log.jsonl") and not process.ended() and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(process.pid, number)
        done = process.end()
    assert done.returncode == code, done.stderr
    assert "all is saved, --resume continues" in done.stderr
    assert len(list((run / "checkpoints").glob("step-*.pt"))) == 1
