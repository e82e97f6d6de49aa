"""A recipe with several rates tries each from the same start, and goes on with the best as if there were no others."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from training_runs import BATCH, RECIPES, SMALL, equal, same, train, weights

from zoo.training import Recipe, RecipeError, StoppedError, TrainingError, loop, rates
from zoo.training.plan import at_rate, choice_step, effort, plan
from zoo.training.trainer import Trainer

TRIED = RECIPES["rates"]  # 12 steps, three rates for 6 of them
CALLS = 3 * 6 + 6  # steps in all
SAVE = rates.checkpoint.save


class Killed(BaseException):
    """What nobody handles: nothing of a step is kept."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("whole") / "run"
    ticks: list[tuple[str, float, float]] = []
    run = train(TRIED, folder, tick=lambda *told: ticks.append(told))
    return run, ticks


def test_the_best_goes_on_as_if_there_were_no_others(whole: Any, tmp_path: Path) -> None:
    run, _ = whole
    tried = rates.rates(run.folder)
    assert [line["rate"] for line in tried] == [0.001, 0.05, 0.01]
    chosen = rates.best(tried)
    assert [line["chosen"] for line in tried] == [line is chosen for line in tried]
    alone = train(TRIED.changed(lr=chosen["rate"]), tmp_path / "alone")
    assert alone.recipe.rates is None
    assert equal(weights(run.folder), weights(alone.folder))
    looks = [line for line in run.log if line["kind"] == "validation"]
    assert next(line["loss"] for line in looks if line["step"] == 6) == chosen["loss"]
    assert [line["lr"] for line in run.log if line["kind"] == "train"] == [chosen["rate"]] * 3
    assert len((run.folder / "rates.csv").read_text().splitlines()) == 4
    assert {path.name for path in (run.folder / "rates").iterdir()} == {"0.001", "0.05", "0.01"}
    assert not list(run.folder.glob("rates/*/checkpoints"))
    assert (run.folder / "rates" / "0.001" / "validation.csv").exists()


def test_each_rate_starts_from_the_weights_that_are_given(whole: Any, tmp_path: Path) -> None:
    start = str(whole[0].folder / "model.safetensors")
    run = train(TRIED.changed(start=start), tmp_path / "run")
    chosen = rates.best(rates.rates(run.folder))
    assert not equal(weights(run.folder), weights(whole[0].folder))
    alone = train(TRIED.changed(start=start, lr=chosen["rate"]), tmp_path / "alone")
    assert equal(weights(run.folder), weights(alone.folder))


def test_time_and_progress_count_all_of_them(whole: Any) -> None:
    run, ticks = whole
    tried = rates.rates(run.folder)
    looks = [line["seconds"] for line in run.log if line["kind"] == "validation"]
    assert looks == sorted(looks)
    at_choice = next(line for line in run.log if line["kind"] == "validation" and line["step"] == 6)
    assert at_choice["seconds"] == pytest.approx(sum(line["seconds"] for line in tried), rel=1e-4)
    assert [done for _, done, _ in ticks] == sorted(done for _, done, _ in ticks)
    assert {total for *_, total in ticks} == {CALLS * BATCH} == {effort(TRIED, plan(TRIED, 50)) for _ in ticks}
    assert ticks[0][0].startswith("train rate 0.001, ")
    assert ticks[-1][1] == CALLS * BATCH
    assert "rate" not in ticks[-1][0]


@pytest.mark.parametrize(("at", "how"), [(1, "killed"), (9, "killed"), (14, "stopped"), (CALLS, "killed")])
def test_it_goes_on_wherever_it_ended(at: int, how: str, whole: Any, tmp_path: Path, monkeypatch: Any) -> None:
    calls = 0

    def fatal(self: Trainer, batch: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            if how == "killed":
                raise Killed
            os.kill(os.getpid(), signal.SIGTERM)
        step(self, batch)

    step, end = Trainer.train, Killed if how == "killed" else StoppedError
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "train", fatal)
        with pytest.raises(end):
            train(TRIED, tmp_path / "run", save_every=0 if at == 9 else 1000)
    train(None, tmp_path / "run", resume=True)
    same(tmp_path / "run", whole[0].folder)


def test_it_goes_on_where_the_choice_itself_was_cut_off(whole: Any, tmp_path: Path, monkeypatch: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(rates.checkpoint, "save", lambda folder, *state: _only(folder, "rates", *state))
        with pytest.raises(Killed):
            train(TRIED, tmp_path / "run")
    train(None, tmp_path / "run", resume=True)
    same(tmp_path / "run", whole[0].folder)


def test_a_rate_without_a_finite_loss_loses(tmp_path: Path, monkeypatch: Any) -> None:
    run = train(SMALL.changed(rates=(1e30, 0.01)), tmp_path / "run")
    assert [(line["loss"] is None, line["chosen"]) for line in rates.rates(run.folder)] == [
        (True, False),
        (False, True),
    ]
    monkeypatch.setattr(loop, "PATIENCE", 2)
    with pytest.raises(TrainingError, match=r"none of the rates 1e\+30, 1e\+31 came to a finite loss on held-out data"):
        train(SMALL.changed(rates=(1e30, 1e31)), tmp_path / "none")
    assert (tmp_path / "none" / "rates" / "1e+30" / "nonfinite-batch.pt").exists()
    with pytest.raises(TrainingError, match="none of the rates"):
        train(None, tmp_path / "none", resume=True)


def test_of_equal_rates_the_lowest_is_chosen() -> None:
    tried = [{"rate": 0.1, "loss": 0.5}, {"rate": 0.001, "loss": 0.5}, {"rate": 1.0, "loss": None}]
    assert rates.best(tried)["rate"] == 0.001


def test_a_choice_in_a_recipe() -> None:
    recipe = SMALL.changed(rates=[1e-3, 1e-2])
    assert (recipe.rates, recipe.choose_after) == ((1e-3, 1e-2), 0.25)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert recipe.changed(lr=0.1).rates is None  # a rate that is given is not chosen
    assert recipe.changed(rates=None) == SMALL
    for wrong in ({"rates": (1e-3,)}, {"rates": (1e-3, 1e-3)}, {"rates": (0.0, 1.0)}, {"choose_after": 0.5}):
        with pytest.raises(RecipeError if "choose_after" in wrong else Exception, match="rates"):
            SMALL.changed(**wrong)


def test_a_choice_within_several_stages() -> None:
    recipe = RECIPES["stages"].changed(rates=(0.5, 1.0), choose_after=0.5)
    phases = plan(recipe, 50)  # of 13 and 15 steps
    assert choice_step(recipe, phases) == 14
    assert choice_step(RECIPES["stages"], phases) == 0
    assert effort(recipe, phases) == (28 + 14) * BATCH
    assert [phase.stage.lr for phase in at_rate(phases, 0.5)] == [0.5, 0.5]


def _only(folder: Path, allowed: str, *state: Any) -> Path:
    """A checkpoint where the path holds this; else the end."""
    if allowed not in folder.parts:
        raise Killed
    return SAVE(folder, *state)
