"""The folder for a machine without network: what it lacks, for its Python, and nothing that torch brings."""

from pathlib import Path

import pytest

from benchmarks.upkeep import wheels
from benchmarks.upkeep.__main__ import main
from registry import ZooError


def test_what_is_downloaded_is_what_torch_does_not_bring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = []
    monkeypatch.setattr(wheels, "_pip", lambda *words: called.append(words))
    assert main(["wheels", "--python", "3.12", "--out", str(tmp_path)]) == 0
    download, build = called
    assert {"--python-version=3.12", "--abi=cp312", "--abi=abi3", "--only-binary=:all:", "--no-deps"} <= {*download}
    names = {word.partition("==")[0] for word in download if "==" in word}
    assert {"kornia", "kornia-rs", "segmentation-models-pytorch", "rich", "einops", "timm", "markdown-it-py"} <= names
    assert not {"torch", "torchvision", "numpy", "pillow", "triton"} & names
    assert build[:2] == ("wheel", "--no-deps")


def test_what_is_not_installed_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "THERE", ("no-such-distribution",))
    with pytest.raises(ZooError, match="no-such-distribution is not installed here"):
        wheels.pinned("3.12")
