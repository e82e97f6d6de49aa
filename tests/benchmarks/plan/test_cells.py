"""What makes a cell another one: the recipe that trained it; and what does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measures import training_recipe
from benchmarks.networks.entrants import enter
from benchmarks.plan.cells import Cell
from benchmarks.run.campaign import home
from benchmarks.store import committed
from benchmarks.store.record import AccuracySettings, SensitivitySettings
from zoo import recipes

CELL = AccuracySettings((16, 24), "pairbench:clean", "equal", 640, 0, 30)


def told(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str | None:
    """What a record says of the recipe equal, were it changed so."""
    with monkeypatch.context() as patch:
        build = recipes.build
        patch.setattr(recipes, "build", lambda name: build(name).changed(**changes))
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
