"""A network, a loss and a metric of one's own in a comparison; what it trained is loaded again with the code named."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo
import zoo.own
from benchmarks import compare
from benchmarks.measures import memory
from benchmarks.plan.comparison import Options
from benchmarks.run.leaderboard import prepared
from zoo.metrics.catalog import metrics

NET = """
from torch import nn


class Net(nn.Conv2d):
    def __init__(self):
        super().__init__(6, 2, 3, padding=1)
"""
LOSS = """
from zoo.losses.catalog import mean


def cube(logits, truth):
    return mean((logits.sigmoid() - truth.target).abs() ** 3, truth.valid)
"""
METRIC = """
from zoo.metrics import Metric, MetricCard, register


@register("mask_squares", MetricCard(summary="mean of squares", task="mask", better="lower"))
class Squares(Metric):
    def sums(self, maps):
        return maps.over(maps.error**2)
"""
ASKED = Options(measure="accuracy", data="pairbench:hard", samples=32, scenes=4, train_size=16, device="cpu")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in {"my_net": NET, "my_loss": LOSS, "my_metric": METRIC}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo.own, "_modules", {})
    monkeypatch.setattr(memory, "rehearse", lambda *_, **__: None)  # another process, which tests of it see
    path, known = list(sys.path), metrics.names() and dict(metrics._entries)
    yield tmp_path
    sys.path[:], metrics._entries = path, known


def keys() -> set[str]:
    with prepared(
        "my_net.py:Net", Options(**ASKED, loss="mask=my_loss.py:cube", metric="my_metric.py:Squares")
    ) as both:
        return {cell.key for cell in both[1] if cell.entrant.group == "yours"}


def test_they_are_trained_measured_kept_apart_and_loaded_again(here: Path) -> None:
    options = [word for name, value in ASKED.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["my_net.py:Net", *options, "--workers", "0", "--loss", "mask=my_loss.py:cube", "--metric"]
    assert compare.main([*words, "my_metric.py:Squares"]) == 0
    records = [json.loads(line) for line in Path("results/compare.jsonl").read_text().splitlines()]
    (mine,) = [record for record in records if record["group"] == "yours"]
    assert mine["cell"]["recipe"].startswith("equal with losses mask=my_loss.py:cube:")
    assert all(0 < record["values"]["mask_squares"] < 1 for record in records)
    assert {record["cell"]["recipe"] for record in records if record is not mine} == {"equal"}
    (weights,) = Path("results/runs").glob("my_net*/model.safetensors")
    assert "my_loss.py:cube" in (weights.parent / "recipe.toml").read_text()
    with pytest.raises(zoo.ZooError, match="no file may start code"):
        zoo.load(weights)
    loaded = zoo.load(weights, "my_net.py:Net")
    assert loaded.trained is not None
    assert loaded.trained.samples == {"mask": 32, "depth": 32}
    before = keys()
    assert keys() == before
    Path("my_loss.py").write_text(f"{LOSS}\n# edited\n")
    after = keys()
    assert not before & after, "an edited loss is another cell"
    Path("my_metric.py").write_text(f"{METRIC}\n# edited\n")
    assert not after & keys()


def test_losses_without_a_training_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["unet", "--measure", "cost", "--loss", "my_loss.py:cube"]) == 2
    assert "--loss is for accuracy and sensitivity" in capsys.readouterr().err
