"""What the README and CONTRIBUTING show is run."""

import re
import sys
from pathlib import Path

import pytest
import torch

import zoo
from zoo.architectures import architectures

ROOT = Path(__file__).parent.parent


def blocks(name):
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.DOTALL)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The architecture that CONTRIBUTING adds, as a file of its own."""
    (tmp_path / "tiny_from_contributing.py").write_text(blocks("CONTRIBUTING.md")[0])
    monkeypatch.syspath_prepend(tmp_path)
    architectures.load()
    before = dict(architectures._entries)
    __import__("tiny_from_contributing")
    yield "tiny"
    architectures._entries = before
    del sys.modules["tiny_from_contributing"]


@pytest.mark.parametrize("fusion", ["concat", "difference", "siamese"])
def test_the_example_architecture_holds_the_contract(tiny, fusion):
    assert tiny in zoo.names()
    model = zoo.build(tiny, fusion=fusion, width=8)
    mask, depth = model(*torch.rand(2, 2, 3, 33, 50))
    assert mask.shape == depth.shape == (2, 1, 33, 50)
    (mask.sum() + depth.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_nothing_is_left_to_fill_in():
    for name in ("README.md", "CONTRIBUTING.md"):
        assert not re.findall(r"@[A-Z]+@", (ROOT / name).read_text())


@pytest.mark.parametrize("code", blocks("README.md"), ids=lambda code: code.split("\n", 1)[0])
def test_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
