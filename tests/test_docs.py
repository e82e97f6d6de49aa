"""What the README and CONTRIBUTING show is run."""

import re
import sys
from pathlib import Path

import pytest
import torch

import zoo
from zoo.architectures import architectures
from zoo.losses import Truth, losses

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
        assert not re.findall(r"@[A-Z]+@|^[A-Z]+_[A-Z]+$", (ROOT / name).read_text(), flags=re.MULTILINE)


def test_the_example_loss_is_a_loss():
    losses.load()
    before = dict(losses._entries)
    try:
        exec(compile(blocks("CONTRIBUTING.md")[1], "CONTRIBUTING.md", "exec"), {"__name__": "fourth_from_contributing"})
        term = zoo.losses.build("fourth", task="depth")
        truth = Truth(torch.full((2, 1, 8, 8), 0.25), torch.ones(2, 1, 8, 8), torch.zeros(2, 3, 8, 8))
        assert torch.allclose(term(torch.zeros(2, 1, 8, 8), truth), torch.full((2,), 0.25**4))
    finally:
        losses._entries = before


@pytest.mark.parametrize("code", blocks("README.md"), ids=lambda code: code.split("\n", 1)[0])
def test_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
