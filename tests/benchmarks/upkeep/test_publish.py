"""A training becomes ready weights: smaller, and with a card that says what they reach as they are stored."""

import re

import pytest
import torch

import zoo
from benchmarks.upkeep.__main__ import main
from zoo.training import Recipe, Stage
from zoo.weights.files import read
from zoo.weights.ready import card_of, file_of, names


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.weights.ready.FOLDER", tmp_path / "ready")
    (tmp_path / "ready").mkdir()
    stages = (Stage(size=32, samples=16, batch=8),)
    recipe = Recipe(model="pairnet(scale=nano)", data="pairbench:clean", augment="flip", stages=stages)
    return zoo.fit(recipe, tmp_path / "run")


def test_the_card_says_what_the_stored_weights_reach(run, capsys):
    assert main(["publish", str(run.folder), "own-nano", "--samples", "3"]) == 0
    assert names() == ["own-nano"]
    card, model = card_of("own-nano").read_text(), zoo.load("own-nano")
    assert card in capsys.readouterr().out
    assert model.spec == run.model.spec
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    stored = read(file_of("own-nano")).tensors
    assert {stored[name].dtype for name, value in model.named_parameters() if value.dim() > 1} == {torch.float16}
    assert torch.equal(stored["down.0.halve.norm.weight"], run.model.state_dict()["down.0.halve.norm.weight"])
    assert f"{file_of('own-nano').stat().st_size:,} bytes" in card
    for word in (
        "scale=nano",
        "`pairbench:clean`",
        "no photograph was trained on",
        "16 samples: 16 at 32 px, augmented by `flip(p=0.5)` (",
        "$ ",
    ):
        assert word in card
    assert "ImageNet" not in card
    data = zoo.data.load("pairbench:hard", split="test", size=128)
    found = zoo.evaluate(model, data, samples=3).values
    row = re.search(r"^\| pairbench:hard \| 128 \| (\S+) .*? \| (\S+) .*? \| (\S+) .*\|$", card, re.MULTILINE)
    expected = [found[name] for name in ("mask_iou", "mask_iou_image", "depth_rmse")]
    assert [float(value) for value in row.groups()] == pytest.approx(expected, abs=2e-3)
    assert len(re.findall(r"(shift|shadow|noise|gain|wrong_plate) \d\.\d{3}", card)) == 5


def test_a_training_that_has_not_ended_gives_none(tmp_path, run, capsys):
    run.weights.unlink()
    assert main(["publish", str(run.folder), "own-nano"]) == 2
    assert "has not ended" in capsys.readouterr().err
    assert names() == []
