"""Tutorials run from their first block to their last, and say and draw what they show."""

import sys

import numpy as np
import pytest
import torch
import tutorials
from PIL import Image

from zoo.architectures import architectures

FAST = {"five-minutes", "read-a-leaderboard", "your-own-network"}
NEEDS = {"ship-it": ("onnx", "onnxruntime", "onnxscript")}
PAGES = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in tutorials.names()]


@pytest.mark.parametrize("name", PAGES)
def test_a_tutorial_holds(name, tmp_path, monkeypatch):
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    monkeypatch.setenv("PAIRZOO_CACHE", str(tmp_path / "cache"))
    architectures.load()
    monkeypatch.setattr(architectures, "_entries", dict(architectures._entries))
    before, threads = {*sys.modules}, torch.get_num_threads()
    try:
        tutorials.follow(name, tmp_path)
    finally:
        torch.set_num_threads(threads)
        for module in {*sys.modules} - before:
            if str(getattr(sys.modules[module], "__file__", None) or "").startswith(str(tmp_path)):
                del sys.modules[module]
    for picture in tutorials.pictures(name):
        assert (tmp_path / picture).stat().st_size
        if picture.endswith(".svg"):
            continue
        again, committed = (Image.open(path / picture) for path in (tmp_path, tutorials.PAGES))
        assert again.size == committed.size
        assert abs(np.asarray(again, dtype=float) - np.asarray(committed, dtype=float)).mean() < 20  # of 255


def test_every_tutorial_is_in_the_index_and_the_pictures_are_small():
    index = (tutorials.PAGES / "README.md").read_text("utf-8")
    assert tutorials.names()
    assert {name for name in tutorials.names() if f"({name}.md)" not in index} == set()
    drawn = {picture for name in tutorials.names() for picture in tutorials.pictures(name)}
    assert drawn == {path.name for path in tutorials.PAGES.iterdir() if path.suffix != ".md"}
    assert sum((tutorials.PAGES / picture).stat().st_size for picture in drawn) < 300_000


@pytest.mark.parametrize(
    ("shown", "said", "agree"),
    [
        ("IoU 0.84", "IoU   0.85", True),
        ("IoU 0.84", "IoU 0.74", False),
        ("3 photos", "4 photos", False),
        ("1 of 1, ... s: found", "1 of 1, 12 s: found", True),
        ("a (b) [c]", "a (b) [c]", True),
        ("a", "a b", False),
    ],
)
def test_a_shown_line_is_a_said_line(shown, said, agree):
    assert tutorials.same(shown, said) == agree


def test_a_shown_output_names_the_line_that_differs():
    tutorials.compare("a\n...\nc 0.5\nd", "a\nb\nb\nc 0.51\nd\ne")
    with pytest.raises(AssertionError, match="shown: b\nbut the output is: c"):
        tutorials.compare("a\nb", "a\nc")
    with pytest.raises(AssertionError, match="shown: c"):
        tutorials.compare("a\nc", "a\n")
