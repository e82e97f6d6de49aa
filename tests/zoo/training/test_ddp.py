"""Several processes train as one does with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_runs import BATCH, RECIPES, in_process, in_world, log, same

import zoo
from zoo.training.journal import read


def weights(run: Path) -> dict[str, torch.Tensor]:
    return zoo.load(run / "model.safetensors").state_dict()


@pytest.mark.parametrize(
    "name",
    [
        "uncertainty",
        "pcgrad",
        "rates",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("fixed", "dwa(every=4)", "mask")),
    ],
)
def test_two_processes_end_where_one_does_while_norms_are_frozen(name: str, tmp_path: Path) -> None:
    assert in_process(name, tmp_path / "one", workers=0) == 0
    assert in_world(2, name, tmp_path / "two", workers=0) == [0, 0]
    start = zoo.build(RECIPES[name].model).state_dict()
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert any((one[key] - value).abs().max() > 1e-3 for key, value in start.items() if "weight" in key)
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5, msg=lambda text, key=key: f"{key}: {text}")
    for alone, shared in zip(log(tmp_path / "one"), log(tmp_path / "two"), strict=True):
        assert alone.keys() == shared.keys()
        for key, value in alone.items():
            assert shared[key] == (pytest.approx(value, rel=1e-3, abs=1e-5) if isinstance(value, float) else value), key


def test_live_norms_and_an_average_are_killed_and_go_on_alike(tmp_path: Path) -> None:
    assert in_world(2, "live", tmp_path / "whole", workers=0) == [0, 0]
    assert -9 in in_world(2, "live", tmp_path / "run", workers=0, save_every=0, kill_at=12)
    assert in_world(2, "live", tmp_path / "run", workers=0) == [0, 0]
    same(tmp_path / "run", tmp_path / "whole")


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    assert in_world(2, "uneven", tmp_path / "run", workers=0) == [1, 1]
    assert "batch=3 cannot be shared equally by 2 processes" in (tmp_path / "run.error").read_text()
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_norms_over_all_processes_need_gpus(tmp_path: Path) -> None:
    assert in_world(2, "sync", tmp_path / "run", workers=0) == [1, 1]
    assert "sync_norms works on GPUs only" in (tmp_path / "run.error").read_text()


@pytest.mark.slow
def test_torchrun_on_the_command_line(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPES["live"].changed(data="pairbench:clean").to_toml())
    root = Path(zoo.__file__).parent.parent
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "zoo"]
    train = ["train", "--recipe", recipe, "--out", tmp_path / "run", "--device", "cpu", "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, *train], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "terminate called" not in done.stderr
    assert "broadcast_buffers" not in done.stderr  # what torch tells developers is nothing for users
    assert done.stdout.count("written:") == 1
    assert read(tmp_path / "run" / "log.jsonl")[-1]["samples"] == 12 * BATCH
    zoo.load(tmp_path / "run" / "model.safetensors")
