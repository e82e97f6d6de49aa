"""The weights that ship: made by the command that their card names, and what the card says of them is so."""

import re

import pytest

import zoo
from benchmarks.upkeep import ready
from benchmarks.upkeep.__main__ import main
from zoo.architectures.differences import UNIT
from zoo.weights.ready import CARD, READY


def test_the_same_numbers_come_out_again_and_stand_on_the_card(tmp_path, monkeypatch, capsys):
    files = []
    for name in ("a", "b"):
        monkeypatch.setattr(ready, "READY", tmp_path / f"{name}.safetensors")
        monkeypatch.setattr(ready, "CARD", tmp_path / f"{name}.md")
        assert ready.run(scenes=3, checked=2, size=32) == 0
        files.append((tmp_path / f"{name}.safetensors").read_bytes())
    assert files[0] == files[1]
    card = (tmp_path / "a.md").read_text()
    assert "scenes 0 to 2 of the tiers hard and clean, 6 in all,\n  32 x 32 px" in card
    assert card in capsys.readouterr().out
    start = zoo.build("aligned_difference", tasks="mask").threshold
    assert not zoo.load(tmp_path / "a.safetensors").threshold.equal(start)


def test_words_that_it_does_not_take_fit_nothing(monkeypatch, capsys):
    monkeypatch.setattr(ready, "run", lambda: pytest.fail("it began"))
    assert main(["ready", "--scenes", "3"]) == 2
    assert "unrecognized arguments" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ready", "--help"])
    assert "weights that `zoo predict` takes" in capsys.readouterr().out


def test_what_ships_is_what_its_card_says():
    model, card = zoo.load(READY), CARD.read_text()
    scale, offset = (UNIT * model.threshold).tolist()
    assert f"logit = {scale:.3f} * difference - {-offset:.3f}" in card
    assert f"{model.trained.samples['mask']:,} in all" in card
    assert model.trained_tasks == model.face.tasks == ("mask",)
    assert "x".join(map(str, model.trained_at)) in card.replace(" x ", "x")
    assert len(re.findall(r"^\| (hard|clean) \| 0\.\d{3} \| 0\.\d{3} \|$", card, re.MULTILINE)) == 2
