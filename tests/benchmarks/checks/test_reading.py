"""The reading benchmark: its variants give the same tensors, and its command says what it found."""

from pathlib import Path

import pytest
import torch

from benchmarks.checks import reading
from benchmarks.checks.__main__ import main


def test_all_ways_give_the_same_tuples(tmp_path: Path) -> None:
    reading.make(tmp_path, 24, 16, lambda *_: None)
    variants = reading.entrants(tmp_path, tuples=24, batch=5, workers=1)
    sums = {}
    for name, variant in variants.items():
        tuples = torch.cat([torch.cat(list(batch[:4]), 1) for batch in variant(0)])
        assert tuples.shape == (24, 8, 16, 16)
        sums[name] = tuples.double().sum((1, 2, 3)).sort().values
    first, *others = sums.values()
    assert len(others) == 3
    assert all(torch.equal(first, other) for other in others)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "reading",
        "--tuples",
        "80",
        "--batch",
        "4",
        "--pixels",
        "16",
        "--rounds",
        "2",
        "--workers",
        "1",
        "--reading-only",
    ]
    assert main(options) in (0, 1)
    out = capsys.readouterr().out
    assert "shards, Loader" in out
    assert "1.00 to 1.00" in out  # the founding variant against itself
    assert main(["reading", "--tuples", "64", "--batch", "32"]) == 2
    assert "--tuples 64 is too few" in capsys.readouterr().err
