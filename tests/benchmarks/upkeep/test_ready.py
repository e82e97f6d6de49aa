"""The weights that ship: made by the command that their card names, and what the card says of them is so."""

import re

import pytest

import zoo
from benchmarks.upkeep import ready
from benchmarks.upkeep.__main__ import main
from zoo.architectures.differences import UNIT
from zoo.weights.ready import card_of, file_of, names


def test_the_same_numbers_come_out_again_and_stand_on_the_cards(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zoo.weights.ready.FOLDER", tmp_path)
    files = []
    for _ in range(2):
        assert ready.run(scenes=3, checked=2, size=32) == 0
        files.append([file_of(name).read_bytes() for name in names()])
    assert files[0] == files[1]
    assert files[0][0] != files[0][1]
    assert names() == sorted(ready.NETWORKS)
    told = capsys.readouterr().out
    for name in names():
        card = card_of(name).read_text()
        assert card.startswith(f"# {name}")
        assert "scenes 0 to 2 of the tiers hard and clean, 6 in all,\n  32 x 32 px" in card
        assert card in told
        assert not zoo.load(name).threshold.equal(zoo.build(name, tasks="mask").threshold)


def test_words_that_it_does_not_take_fit_nothing(monkeypatch, capsys):
    monkeypatch.setattr(ready, "run", lambda: pytest.fail("it began"))
    assert main(["ready", "--scenes", "3"]) == 2
    assert "unrecognized arguments" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ready", "--help"])
    assert "fit the ready weights of the baselines again" in capsys.readouterr().out


@pytest.mark.parametrize("name", ready.NETWORKS)
def test_what_ships_is_what_its_card_says(name):
    model, card = zoo.load(name), card_of(name).read_text()
    assert model.spec.name == name
    scale, offset = (UNIT * model.threshold).tolist()
    assert f"logit = {scale:.3f} * difference - {-offset:.3f}" in card
    assert f"{model.trained.samples['mask']:,} in all" in card
    assert model.trained_tasks == model.face.tasks == ("mask",)
    assert "x".join(map(str, model.trained_at)) in card.replace(" x ", "x")
    assert len(re.findall(r"^\| (hard|clean) \| 0\.\d{3} \| 0\.\d{3} \|$", card, re.MULTILINE)) == 2
