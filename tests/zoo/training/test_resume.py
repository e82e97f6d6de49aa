"""A training that was killed goes on as if nothing had happened."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import STEPS, in_process, killed

import zoo
from zoo.training import checkpoint
from zoo.training.journal import read

CLOCKED = ("seconds", "samples_per_s", "waiting")


def equal(one: Any, other: Any) -> bool:
    """Nested states, bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def state(run: Path) -> dict[str, Any]:
    """All that a run has come to, but for its clocks."""
    found = checkpoint.newest(run / "checkpoints")
    assert found is not None
    return {name: value for name, value in found.items() if name != "clocks"}


def log(run: Path) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name not in CLOCKED} for line in read(run / "log.jsonl")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each training from start to end, in this many processes that make data: none."""
    folder = tmp_path_factory.mktemp("whole")
    for name in STEPS:
        assert in_process(name, folder / name, workers=0) == 0
    return {name: folder / name for name in STEPS}


def weights(run: Path) -> Any:
    own = run / "model.pt"
    return torch.load(own) if own.exists() else zoo.load(run / "model.safetensors").state_dict()


def same(run: Path, whole: Path) -> None:
    assert equal(state(run), state(whole))
    assert equal(weights(run), weights(whole))
    assert log(run) == log(whole)
    for table in ("log.csv", "validation.csv"):
        rows, expected = ((folder / table).read_text().splitlines() for folder in (run, whole))
        assert (rows[0], len(rows)) == (expected[0], len(expected))


def finish_after(steps: list[int], name: str, run: Path, **options: Any) -> None:
    """Kill a training at each of these steps, then let it end."""
    for step in steps:
        killed(name, run, step, **options)
        assert not (run / "model.pt").exists()
        assert not (run / "model.safetensors").exists()
    assert in_process(name, run, **options) == 0


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_random_steps(name: str, whole: dict[str, Path], tmp_path: Path) -> None:
    steps = sorted(random.sample(range(2, STEPS[name]), 2))
    print("killed at", steps)
    finish_after(steps, name, tmp_path / "run", workers=0, save_every=0)
    same(tmp_path / "run", whole[name])


def test_killed_in_stage_2_with_a_worker_and_what_stage_1_saved(whole: dict[str, Path], tmp_path: Path) -> None:
    finish_after([25], "stages", tmp_path / "run", workers=1, save_every=1000)
    same(tmp_path / "run", whole["stages"])


def test_killed_before_anything_was_saved(whole: dict[str, Path], tmp_path: Path) -> None:
    finish_after([7], "plateau", tmp_path / "run", workers=0, save_every=1000)
    same(tmp_path / "run", whole["plateau"])


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("workers", [0, 1])
def test_killed_over_and_over(name: str, workers: int, whole: dict[str, Path], tmp_path: Path) -> None:
    steps = sorted(random.sample(range(1, STEPS[name] + 1), 8))
    print("killed at", steps)
    finish_after(steps, name, tmp_path / "run", workers=workers, save_every=random.choice([0, 0.05, 0.2]))
    same(tmp_path / "run", whole[name])
