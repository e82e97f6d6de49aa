"""Networks of the comparison's tests alone, and the command over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import compare
from registry import Card, Entry
from zoo.architectures import architectures
from zoo.contract import Interface
from zoo.model import PairModel

WRITTEN = ["compare.csv", "compare.html", "compare.jsonl", "compare.md", "compare.tex"]


class Tiny(PairModel):
    def __init__(self, face: Interface) -> None:
        super().__init__(face)
        self.scale = nn.Parameter(torch.ones(2))

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        return {"mask": self.scale[0] * fg_bg[:, :1], "depth": self.scale[1] * fg_bg[:, :1]}


class Unbuildable(Tiny):
    def __init__(self, face: Interface) -> None:
        raise RuntimeError("no such thing\nat all")


class Unrunnable(Tiny):
    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        if fg_bg.is_meta:
            return super().logits(bg, fg_bg)
        raise MemoryError("no room")


class Picky(Tiny):
    """An error that is no lack of memory, from three images on."""

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        if len(fg_bg) > 2:
            raise RuntimeError("more than two are too many")
        return super().logits(bg, fg_bg)


class Stopped(Tiny):
    """Ctrl-C while it is measured, after many good calls."""

    calls = 0

    def logits(self, bg: Tensor | None, fg_bg: Tensor) -> dict[str, Tensor]:
        Stopped.calls += 1
        if Stopped.calls > 3000:
            raise KeyboardInterrupt
        return super().logits(bg, fg_bg)


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks for these tests alone, of a group of their own."""
    architectures.load()
    for factory in (Tiny, Unbuildable, Unrunnable, Picky, Stopped):
        name = f"test_{factory.__name__.lower()}"
        monkeypatch.setitem(architectures._entries, name, Entry(name, factory, Card("for a test"), "here"))
    monkeypatch.setattr(Stopped, "calls", 0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def command(out: Path, models: str, *more: str, measure: str = "cost,latency") -> int:
    size = ("--size", "16x24", "--seconds", "0.02", "--device", "cpu", "--measure", measure)
    return compare.main(["--models", models, *size, "--out", str(out), *more])
