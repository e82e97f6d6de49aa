"""How long a comparison will take: amounts from recipes, no number out of nothing, large numbers in words."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.networks.entrants import enter, own
from benchmarks.plan import cells, estimate
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.store.names import MEASURES
from benchmarks.store.record import AccuracySettings, Settings, TimedSettings
from zoo import recipes

ASKED = Comparison(scenes=10, seconds=2.0)
RATE = 1e9  # operations a second
TRAINING = AccuracySettings((16, 16), "pairbench:clean", "equal", 1000, 0, 10)


def of(measure: str, settings: Settings, model: str = "unet(width=4)") -> float:
    return estimate.seconds(Cell(measure, enter(model)[0], settings), ASKED, RATE)


def test_a_training_takes_as_long_as_its_samples_and_operations() -> None:
    short, long = (of("accuracy", replace(TRAINING, samples=n)) for n in (1000, 3000))
    assert long / short == pytest.approx(3, rel=0.02)
    assert of("accuracy", TRAINING, "unet(width=16)") > 5 * short
    assert of("accuracy", TRAINING, "frame_difference") > 0, "scenes are rendered for it too"


def test_a_recipe_in_epochs_has_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    (stage,) = recipes.build("equal").stages
    by_epochs = recipes.build("equal").changed(stages=(replace(stage, samples=None, epochs=2),), epoch=5000)
    monkeypatch.setattr(recipes, "build", lambda name, **_: by_epochs)
    asked = of("accuracy", replace(TRAINING, samples=10_000))
    assert of("accuracy", replace(TRAINING, samples=None)) == pytest.approx(asked, rel=0.01)


def test_the_rates_that_are_tried_take_their_time() -> None:
    one, four = (of("accuracy", replace(TRAINING, recipe=name, samples=16_000)) for name in ("equal", "effort"))
    assert four / one == pytest.approx(1.75, rel=0.02)


def test_making_an_engine_ready_takes_time() -> None:
    eager, compiled = (of("latency", TimedSettings((16, 16), engine=engine)) for engine in ("eager", "compile"))
    assert eager == 3.0
    assert compiled > 30


def test_what_cannot_be_counted_is_named_and_the_rest_is_a_number() -> None:
    class Raises(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no")

    planned = [Cell("accuracy", entrant, TRAINING) for entrant in (own("mine", Raises), *enter("frame_difference"))]
    body, (rate, lost) = estimate.estimate(planned, ASKED)
    assert [measure for measure, *_ in body] == ["accuracy", "all"]
    assert "nan" not in str(body)
    assert lost == "Not counted, and so not estimated: mine."
    assert "GFLOP/s in training, as measured just now" in rate


def test_every_measure_of_the_presets_is_estimated(tmp_path: Path) -> None:
    asked = Comparison(
        measure=MEASURES, sizes=((16, 16),), layouts=("contiguous",), data=("pairbench:clean",), recipes="own",
        train_size=(16, 16),
    )  # fmt: skip
    planned = cells.plan(enter("unet, frame_difference"), asked)
    assert len(planned) == 2 * (5 + len(estimate.PERTURBATIONS))
    assert all(0 < estimate.seconds(cell, ASKED, RATE) < 1e9 for cell in planned)
