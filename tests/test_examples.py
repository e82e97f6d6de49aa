"""The notebook runs as it stands; only its parameters are made small."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.ipynb"))
SMALL = {"samples": 64, "scenes": 8}


def cells(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_there_is_a_notebook_and_it_was_run_to_its_end():
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        counts = [cell["execution_count"] for cell in cells(path)]
        assert counts == list(range(1, len(counts) + 1)), f"{path.name} was not run from its beginning to its end"
        assert not [out for cell in cells(path) for out in cell["outputs"] if out["output_type"] == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {}
    for n, cell in enumerate(cells(path), start=1):
        exec(compile("".join(cell["source"]), f"{path.name}, cell {n}", "exec"), space)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert set(SMALL) <= set(space)  # otherwise the two minutes would be spent here
            space.update(SMALL)
    assert (tmp_path / space["run"] / "model.safetensors").exists()
    assert space["found"].mask.shape == (1, 64, 64)
