"""What makes a cell another one: the recipe that trained it; and what does not."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from records import cost
from safetensors.torch import save

from benchmarks.measures import training_recipe
from benchmarks.networks.entrants import enter
from benchmarks.plan import cells
from benchmarks.plan.cells import Cell, plan
from benchmarks.plan.comparison import Comparison
from benchmarks.run.campaign import home
from benchmarks.store import committed
from benchmarks.store.identity import latest
from benchmarks.store.record import AccuracySettings, SensitivitySettings
from zoo import recipes
from zoo.architectures import architectures
from zoo.losses.catalog import losses

CELL = AccuracySettings((16, 24), "pairbench:clean", "equal", 640, 0, 30)


def told(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str | None:
    """What a record says of the recipe equal, were it changed so."""
    with monkeypatch.context() as patch:
        build = recipes.build
        patch.setattr(recipes, "build", lambda name, **_: build(name).changed(**changes))
        return training_recipe.content("equal")


def test_a_recipe_that_says_something_else_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch) is None, "as when records began"
    assert told(monkeypatch, seed=7, model="unet", data="pairbench:clean") is None, "these are the cell's"
    assert told(monkeypatch, optimizer=str(recipes.build("equal").spelled().optimizer)) is None, (
        "spelled out, it is the same"
    )
    digests = [told(monkeypatch, lr=0.5), told(monkeypatch, depth="l1")]
    assert len({*digests, None}) == 3
    (entrant,) = enter("unet(width=4)")
    plain, other = CELL, replace(CELL, content=digests[0])
    assert plain.trained_as != other.trained_as, "not one table"
    assert [plain.recipe_title, other.recipe_title] == ["equal", f"equal@{str(digests[0])[:8]}"]
    homes = [home(tmp_path, Cell("accuracy", entrant, cell)) for cell in (plain, other)]
    assert homes[0] != homes[1], "nor one folder"


def test_the_weights_that_a_recipe_starts_from_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(content: bytes, name: str) -> str | None:
        (tmp_path / name).write_bytes(content)
        return told(monkeypatch, start=str(tmp_path / name))

    one, other = (save({"a": torch.full((1,), number)}) for number in (1.0, 2.0))
    assert len({None, begun(one, "a"), begun(one, "b"), begun(other, "a")}) == 3, "wherever they lie"


def test_committed_records_were_made_by_the_recipes_as_they_are() -> None:
    cells = [record.accuracy for record in committed.records() if record.measure in ("accuracy", "sensitivity")]
    made = {(cell.recipe, cell.content) for cell in cells if cell.samples}
    assert made == {(name, training_recipe.content(name)) for name, _ in made}


def test_a_training_is_found_however_it_is_tested_and_spelled(tmp_path: Path) -> None:
    short, long = enter("unet(width=4)")[0], enter("unet(width=4, plate=true)")[0]
    assert short.spec == long.spec
    found = [
        Cell("accuracy", short, CELL), Cell("accuracy", long, CELL),
        Cell("accuracy", short, replace(CELL, test_images=8)),
        Cell("sensitivity", long, SensitivitySettings(**vars(CELL), perturbation="gain")),
    ]  # fmt: skip
    assert len({home(tmp_path, cell) for cell in found}) == 1
    assert home(tmp_path, Cell("accuracy", short, replace(CELL, seed=1))) != home(tmp_path, found[0])


OWN = """
from torch import nn
from zoo.losses.catalog import LossCard, mean, register


@register("test_own_loss", LossCard(summary="for a test", tasks=("mask",)))
def loss(logits, truth):
    return mean((logits.sigmoid() - truth.target) ** POWER, truth.valid)


class Net(nn.Conv2d):
    def __init__(self):
        super().__init__(6, 2, 1)
"""


def test_after_an_edit_of_ones_own_loss_every_network_is_trained_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses.load()
    monkeypatch.setattr(losses, "_entries", dict(losses._entries))
    mine, recipe = tmp_path / "my_net.py", tmp_path / "my.toml"
    asked = Comparison(measure=("accuracy",), data=("pairbench:clean",), recipes=str(recipe))

    def cells(power: int) -> list[Cell]:
        mine.write_text(OWN.replace("POWER", str(power)))
        entrants = enter(f"{mine}:Net, unet")  # which registers the loss
        recipe.write_text(recipes.build("equal").changed(mask="test_own_loss").to_toml())
        return plan(entrants, asked)

    before, again, after = cells(2), cells(2), cells(4)
    assert [cell.key for cell in before] == [cell.key for cell in again]
    assert all(one.key != other.key for one, other in zip(before, after, strict=True))
    assert before[1].accuracy.recipe_title != after[1].accuracy.recipe_title, "a row says which of the two"
    assert home(tmp_path, before[1]) != home(tmp_path, after[1])


def test_after_an_edit_of_a_metric_all_are_tested_anew_and_none_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Comparison(measure=("accuracy",), data=("pairbench:clean",))
    (before,) = plan(enter("unet"), asked)
    monkeypatch.setattr(cells, "code_of", lambda factory: "edited" if "metrics" in factory.__module__ else None)
    (after,) = plan(enter("unet"), asked)
    assert before.key != after.key
    assert home(tmp_path, before) == home(tmp_path, after)


def test_after_an_edit_of_a_plug_in_its_network_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    architectures.load()
    monkeypatch.setattr(architectures, "_entries", dict(architectures._entries))
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "test_plug_in"
    (package / "parts").mkdir(parents=True)
    (package / "parts" / "width.py").write_text("WIDTH = 4\n")
    (package / "__init__.py").write_text(
        "from registry import Card\nfrom zoo.architectures import register\nfrom zoo.architectures.unet import UNet\n"
        "\n\n@register('test_plugged', Card(summary='for a test'))\nclass Plugged(UNet):\n    pass\n"
    )
    request.addfinalizer(lambda: sys.modules.pop("test_plug_in", None))
    importlib.import_module("test_plug_in")
    asked = Comparison(measure=("cost", "latency", "memory", "accuracy"), data=("pairbench:clean",))

    def cells() -> list[Cell]:
        return plan(enter("test_plugged, unet"), asked)

    before, again = cells(), cells()
    (package / "parts" / "width.py").write_text("WIDTH = 8\n")
    after = cells()
    assert [cell.key for cell in before] == [cell.key for cell in again]
    changed = {one.entrant.spec for one, other in zip(before, after, strict=True) if one.key != other.key}
    same = {one.entrant.spec for one, other in zip(before, after, strict=True) if one.key == other.key}
    assert (len(changed), len(same)) == (1, 1), "all cells of the one, none of the other"
    old, new = (cost("test_plugged", cell=vars(found[0].settings)) for found in (before, after))
    assert latest([old, new]) == [new], "older code has no row"
