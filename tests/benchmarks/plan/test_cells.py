"""What makes a cell another one: the recipe that trained it; and what does not."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.measures import training_recipe
from benchmarks.networks.entrants import enter
from benchmarks.plan.cells import Cell
from benchmarks.run.campaign import home
from benchmarks.store import committed, identity
from zoo import recipes

CELL = {"size": [16, 24], "data": "pairbench:clean", "recipe": "equal", "samples": 640, "seed": 0, "test_images": 30}


def told(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, str]:
    """What a record says of the recipe equal, were it changed so."""
    with monkeypatch.context() as patch:
        build = recipes.build
        patch.setattr(recipes, "build", lambda name: build(name).changed(**changes))
        return training_recipe.content("equal")


def test_a_recipe_that_says_something_else_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch) == {}, "as when records began"
    assert told(monkeypatch, seed=7, model="unet", data="pairbench:clean") == {}, "these are the cell's"
    assert told(monkeypatch, optimizer=str(recipes.build("equal").spelled().optimizer)) == {}, (
        "spelled out, it is the same"
    )
    changed = [told(monkeypatch, lr=0.5)["content"], told(monkeypatch, depth="l1")["content"]]
    assert len({*changed, ""}) == 3
    (entrant,) = enter("unet(width=4)")
    plain, other = ({**CELL, **more} for more in ({}, {"content": changed[0]}))
    assert identity.way(plain) != identity.way(other), "not one table"
    homes = [home(tmp_path, Cell("accuracy", entrant, cell)) for cell in (plain, other)]
    assert homes[0] != homes[1], "nor one folder"


def test_committed_records_were_made_by_the_recipes_as_they_are() -> None:
    made = {(cell["recipe"], cell.get("content")) for cell in _committed() if cell["samples"]}
    assert made == {(name, training_recipe.content(name).get("content")) for name, _ in made}


def test_a_training_is_found_however_it_is_tested_and_spelled(tmp_path: Path) -> None:
    short, long = enter("unet(width=4)")[0], enter("unet(width=4, plate=true)")[0]
    assert short.spec == long.spec
    found = [
        Cell("accuracy", short, CELL), Cell("accuracy", long, CELL),
        Cell("accuracy", short, {**CELL, "test_images": 8}),
        Cell("sensitivity", long, {**CELL, "perturbation": "gain"}),
    ]  # fmt: skip
    assert len({home(tmp_path, cell) for cell in found}) == 1
    assert home(tmp_path, Cell("accuracy", short, {**CELL, "seed": 1})) != home(tmp_path, found[0])


def _committed() -> list[dict[str, Any]]:
    found = committed.records()
    return [dict(record["cell"]) for record in found if record["measure"] in ("accuracy", "sensitivity")]


def test_what_was_interrupted_hides_nothing_that_was_finished() -> None:
    def record(status: str, ms: float) -> dict[str, Any]:
        return {"measure": "cost", "spec": "a()", "cell": {}, "status": status, "values": {"ms": ms}}

    half, whole, again = record("interrupted", 999.0), record("done", 1.0), record("done", 2.0)
    assert identity.latest([whole, half]) == [whole]
    assert identity.latest([half, whole]) == [whole]
    assert identity.latest([whole, half, again]) == [again]
    assert identity.latest([half]) == [half]
