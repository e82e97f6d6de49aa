"""`zoo list --losses` and the other catalogs: every entry, the facts on its card, in a table or as JSON."""

import json
from pathlib import Path

import pytest

from zoo import losses, metrics, recipes
from zoo.__main__ import main
from zoo.data.augment import augmentations
from zoo.data.dataset import sources
from zoo.listing import KINDS
from zoo.losses.balance import balances
from zoo.training.optimizers import optimizers
from zoo.training.schedules import schedules
from zoo.weights.ready import names

Shown = pytest.CaptureFixture[str]
CATALOGS = {
    "losses": losses.losses,
    "metrics": metrics.metrics,
    "recipes": recipes.recipes,
    "data": sources,
    "augmentations": augmentations,
    "schedules": schedules,
    "optimizers": optimizers,
    "balances": balances,
}


def listed(capsys: Shown, *words: str) -> list[dict[str, object]]:
    assert main(["list", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_every_catalog_has_its_option() -> None:
    assert {kind: known.catalog for kind, known in KINDS.items()} == CATALOGS


@pytest.mark.parametrize("kind", CATALOGS)
def test_a_table_has_every_entry_within_100_columns(kind: str, capsys: Shown) -> None:
    assert main(["list", f"--{kind}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert set(CATALOGS[kind].names()) <= {line.split()[0] for line in lines}
    assert lines[0].split()[0] == "name"
    assert lines[0].split()[-1] == "summary"


@pytest.mark.parametrize("kind", CATALOGS)
def test_json_has_the_card(kind: str, capsys: Shown) -> None:
    rows = listed(capsys, f"--{kind}")
    assert [row["name"] for row in rows] == CATALOGS[kind].names()
    for row in rows:
        card = CATALOGS[kind].get(str(row["name"])).card
        assert (row["summary"], row["origin"], row["notes"]) == (card.summary, card.origin, list(card.notes))


@pytest.mark.parametrize(
    ("kind", "name", "facts"),
    [
        ("losses", "dice", {"tasks": "mask, depth", "range": "0 to 1"}),
        ("losses", "focal", {"tasks": "mask", "range": "0 to inf"}),
        ("metrics", "mask_iou", {"task": "mask", "better": "higher", "unit": ""}),
        ("metrics", "depth_log10", {"task": "depth", "better": "lower", "unit": "decades"}),
        ("recipes", "resunet-dice", {"group": "founding", "model": "resunet"}),
        ("data", "shards", {"group": "files", "options": "path"}),
        ("augmentations", "rotate", {"options": "degrees=10.0, p=1.0"}),
        ("augmentations", "jpeg", {"options": "quality=(40.0, 95.0), p=0.5"}),
        ("schedules", "step", {"options": "factors=(1.0, 0.1, 0.01)"}),
        ("schedules", "constant", {"options": ""}),
        ("optimizers", "sgd", {"options": "momentum=0.9, weight_decay=0.0, nesterov=False"}),
        ("balances", "dwa", {"options": "temperature=2.0, every=500"}),
    ],
)
def test_facts(kind: str, name: str, facts: dict[str, str], capsys: Shown) -> None:
    (row,) = listed(capsys, f"--{kind}", name)
    assert {fact: row[fact] for fact in facts} == facts


def test_weights_that_ship_are_listed(capsys: Shown) -> None:
    rows = listed(capsys, "--weights")
    assert [row["name"] for row in rows] == names() != []
    (row,) = listed(capsys, "--weights", "aligned*")
    assert (row["model"], row["tasks"], row["params"]) == ("aligned_difference", "mask", "2")
    assert Path(str(row["card"])).read_text().startswith("# aligned_difference")
    (row,) = listed(capsys, "--weights", "pairnet-small-clean")
    assert row["model"] == "pairnet(scale=small)"
    assert str(row["summary"]).endswith("samples of pairbench:wild, pairbench:hard, pairbench:clean")
    assert main(["list", "--weights"]) == 0
    assert "samples of" in capsys.readouterr().out
    assert main(["list", "--weights", "aligned_diference"]) == 2
    assert "did you mean aligned_difference" in capsys.readouterr().err


def test_departures_of_a_recipe_are_listed(capsys: Shown) -> None:
    (row,) = listed(capsys, "--recipes", "u2net*")
    assert row["notes"] == ["an epoch is the original's 280,000 samples"]


def test_patterns_choose_and_unknown_names_have_neighbours(capsys: Shown) -> None:
    assert [row["name"] for row in listed(capsys, "--losses", "*ssim, bce")] == ["ms_ssim", "ssim", "bce"]
    assert main(["list", "--losses", "dise"]) == 2
    assert "no loss is called 'dise'; did you mean dice" in capsys.readouterr().err
    assert main(["list", "--schedules", "z*"]) == 2
    assert "no schedule matches 'z*'" in capsys.readouterr().err
    assert main(["list", "--losses", "dice(squared=True)"]) == 2
    assert "without options" in capsys.readouterr().err
    assert main(["list", "--losses", "--metrics"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err
