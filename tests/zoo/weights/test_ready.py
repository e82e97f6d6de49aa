"""The ready weights of networks: small files with cards, which do what they are for."""

import re
from pathlib import Path

import pytest
import torch

import zoo
from zoo.weights.located import located
from zoo.weights.ready import USUAL, card_of, file_of, folder_beside, names

TRAINED = [name for name in names() if name.startswith("pairnet")]


def test_they_fit_into_the_repository():
    assert USUAL in TRAINED
    assert sum(file_of(name).stat().st_size for name in names()) < 20e6


@pytest.mark.parametrize("name", TRAINED)
def test_each_card_is_of_its_weights(name):
    model, card = zoo.load(name), card_of(name).read_text()
    assert card.startswith(f"# {name}: ready weights")
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in card
    assert f"{file_of(name).stat().st_size:,} bytes" in card
    assert f"{max(model.trained.samples.values()):,} samples" in card
    assert "collage" in card or "no photograph was trained on" in card
    assert model.trained_tasks == ("mask", "depth")
    rows = re.findall(r"^\| (pairbench:\w+|photos.*?) \| 128 \| (\d\.\d{3}) ", card, re.MULTILINE)
    assert [row[0] for row in rows] == [
        "pairbench:clean", "pairbench:hard", "pairbench:wild", "photos", "photos, aligned",
    ]  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
def test_they_find_objects_and_nothing_where_there_is_none(name):
    model = zoo.load(name).eval()
    batch = zoo.data.load("pairbench:clean", split="val", size=96).batch(range(8))
    with torch.inference_mode():
        found = model(batch.bg, batch.fg_bg).mask > 0
        nothing = model(batch.bg, batch.bg).mask > 0
    truth = batch.mask > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    assert nothing.float().mean() < 0.01


def test_a_network_is_filled_by_what_fits_it():
    built = zoo.build("pairnet(scale=small)", weights="ready")
    loaded = zoo.load("pairnet-small")
    assert all(value.dtype == torch.float32 for value in built.parameters())
    for (name, own), (_, other) in zip(built.named_parameters(), loaded.named_parameters(), strict=True):
        assert torch.equal(own, other), name
    with pytest.raises(zoo.ZooError, match="no ready weights fit pairnet"):
        zoo.build("pairnet(scale=base)", weights="ready")


def test_a_name_may_come_as_a_path():
    assert located(Path(USUAL)) == located(USUAL) == file_of(USUAL)
    with pytest.raises(zoo.ZooError, match="did you mean pairnet-small"):
        located(Path("pairnet-smal"))


def test_what_is_made_of_them_lies_where_the_user_is(tmp_path):
    assert folder_beside(file_of(USUAL)) == Path()
    assert folder_beside(tmp_path / "model.safetensors") == tmp_path
