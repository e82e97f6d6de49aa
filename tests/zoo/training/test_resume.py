"""A training that was killed goes on as if nothing had happened."""

import random
from pathlib import Path
from typing import Any

import pytest
from training_runs import STEPS, in_process, killed, same


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each training from start to end, in this many processes that make data: none."""
    folder = tmp_path_factory.mktemp("whole")
    for name in STEPS:
        assert in_process(name, folder / name, workers=0) == 0
    return {name: folder / name for name in STEPS}


def finish_after(steps: list[int], name: str, run: Path, **options: Any) -> None:
    """Kill a training at each of these steps, then let it end."""
    for step in steps:
        killed(name, run, step, **options)
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
