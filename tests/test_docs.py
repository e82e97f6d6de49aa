"""What README, docs/ and CONTRIBUTING show is true: code runs, commands parse, links lead somewhere."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from benchmarks.compare import arguments as comparing
from registry import Card
from zoo import __main__ as zoo_command
from zoo.architectures import architectures
from zoo.losses import Truth, losses

ROOT = Path(__file__).parent.parent
DOCS = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
TUTORIALS = [f"docs/tutorials/{path.name}" for path in sorted((ROOT / "docs/tutorials").glob("*.md"))]
PAGES = [*DOCS, *TUTORIALS, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]  # test_tutorials.py runs the tutorials
PARSERS = {
    "zoo": zoo_command._parser,
    "torchrun --nproc-per-node 4 -m zoo": zoo_command._parser,
    "python -m benchmarks.compare": comparing,
    ".venv/bin/python -m benchmarks.compare": comparing,
}
OTHERS = (
    "source .venv/bin/activate",
    "python3 -m venv .venv",
    ".venv/bin/python -m pip ",
    ".venv/bin/python -m pytest ",
    "make gpu ",
    "python -m benchmarks.upkeep ",
    "python -m benchmarks.checks ",
)
FENCED = re.compile(r"```(.*?)```", flags=re.DOTALL)


def read(name):
    return (ROOT / name).read_text("utf-8")


def blocks(name):
    return re.findall(r"```python\n(.*?)```", read(name), flags=re.DOTALL)


def commands():
    """What stands after a `$` in a block."""
    return [
        found
        for name in PAGES
        for block in FENCED.findall(read(name))
        for found in re.findall(r"^\$ (.+)", block, re.M)
    ]


def anchors(name):
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.+)", FENCED.sub("", read(name)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The architecture that CONTRIBUTING adds, as a file of its own."""
    (tmp_path / "tiny_from_contributing.py").write_text(blocks("CONTRIBUTING.md")[0])
    monkeypatch.syspath_prepend(tmp_path)
    architectures.load()
    before = dict(architectures._entries)
    architectures._entries.pop("tiny", None)  # of whoever has saved the example where the page says
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


def test_the_example_may_have_been_saved_already(monkeypatch, request):
    architectures.load()
    monkeypatch.setattr(architectures, "_entries", dict(architectures._entries))
    architectures.register("tiny", Card(summary="as saved"))(lambda face: None)
    assert request.getfixturevalue("tiny") == "tiny"
    assert architectures.get("tiny").card.summary != "as saved"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_left_to_fill_in(name):
    assert not re.findall(r"@[A-Z]+@|^[A-Z]+_[A-Z]+$", read(name), flags=re.MULTILINE)


def test_the_readme_is_a_landing_page_that_links_all_the_others():
    assert len(read("README.md").splitlines()) <= 150
    linked = [*(name for name in PAGES if name not in TUTORIALS), "docs/tutorials/README.md"]
    assert {name for name in linked if f"({name})" not in read("README.md")} == {"README.md"}


@pytest.mark.parametrize("name", PAGES)
def test_links_are_relative_and_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)]+)\)", FENCED.sub("", read(name))):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert not re.match(r"\w+:|/", link), f"{link} is not relative"
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target.resolve().relative_to(ROOT)), f"{link}: no such heading"


@pytest.mark.parametrize("command", commands())
def test_commands_parse(command):
    words = shlex.split(command)
    if words[:2] == ["make", "compare"]:
        comparing().parse_args(shlex.split("".join(words[2:]).removeprefix("ARGS=")))
    elif not command.startswith(OTHERS):
        start = next(start for start in PARSERS if f"{command} ".startswith(f"{start} "))
        PARSERS[start]().parse_args(words[len(start.split()) :])


@pytest.mark.parametrize("command", [command for command in commands() if "--out docs/" in command])
def test_pictures_of_scenes_are_made_by_the_commands_beside_them(command, tmp_path):
    _, *words, picture = shlex.split(command)
    assert zoo_command.main([*words, str(tmp_path / "again.png")]) == 0
    again, committed = (np.asarray(Image.open(path), dtype=float) for path in (tmp_path / "again.png", ROOT / picture))
    assert again.shape == committed.shape
    assert abs(again - committed).mean() < 1  # of 255: another processor rounds otherwise


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


@pytest.mark.parametrize(("name", "number"), [(name, n) for name in DOCS for n in range(len(blocks(name)))])
def test_the_code_runs(name, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(name)[number], name, "exec"), {})
