"""Rates of progress lines."""

from pathlib import Path

import pytest

import zoo
from zoo.metrics.evaluate import evaluate
from zoo.progress import Pace
from zoo.training import Recipe, Setup, Stage


def test_a_rate_on_a_machine_that_is_fast_and_slow_by_turns_does_not_jump() -> None:
    pace = Pace()
    rates = [pace.add(amount, 2.0) for amount in (148, 8) * 50]  # 74 and 4 a second
    assert max(rates[20:]) < 1.2 * min(rates[20:])
    assert sum(rates[20:]) / 80 == pytest.approx(39, rel=0.05)
    for _ in range(90):
        rate = pace.add(8, 2.0)
    assert rate == pytest.approx(4, rel=0.1), "and after three minutes it is as it is now"


def test_progress_lines_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "add", lambda self, amount, seconds: 123.0)
    labels: list[str] = []
    recipe = Recipe(model="unet(width=4)", data="pairbench:clean", stages=(Stage(size=16, samples=40, batch=4),))
    recipe = recipe.changed(validate_samples=2)
    zoo.fit(recipe, tmp_path / "run", setup=Setup(device="cpu", workers=0), tick=lambda label, *_: labels.append(label))
    assert "123 samples/s" in labels[-1]
    scenes = zoo.data.load("pairbench:clean", split="test", size=16)
    evaluate(zoo.build("frame_difference"), scenes, samples=2, tick=lambda label, *_: labels.append(label))
    assert "123/s" in labels[-1]
