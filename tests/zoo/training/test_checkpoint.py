"""Checkpoints: whole, checked, and the one before it kept."""

import errno
import os
import random
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.training import checkpoint
from zoo.training.checkpoint import CheckpointError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def state(value: float) -> dict[str, Any]:
    return {"weights": torch.full((1000,), value), "nested": {"list": [1, None, "x"], "step": 3}}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "new", 7, state(1.5))
    found = checkpoint.newest(tmp_path / "new")
    assert found is not None
    assert torch.equal(found["weights"], torch.full((1000,), 1.5))
    assert (found["step"], found["nested"]) == (7, {"list": [1, None, "x"], "step": 3})


def test_two_are_kept_and_sorted_by_number(tmp_path: Path) -> None:
    for step in (99_999_998, 99_999_999, 100_000_000):
        checkpoint.save(tmp_path, step, state(step))
    assert names(tmp_path) == ["step-100000000.pt", "step-99999999.pt"]
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found["step"] == 100_000_000


def test_no_checkpoints_is_no_error(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "none") is None


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bit(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    return bytes(changed)


FAULTS = {
    "cut": cut,
    "bit": bit,
    "empty": lambda _: b"",
    "short": lambda c: c[:20],
    "longer": lambda c: c + b"\0",
    "text": lambda _: b"not a checkpoint, but long enough to hold a digest at its end, I should think",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_one_before_is_used_and_said(fault: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 10, state(1.0))
    newest = checkpoint.save(tmp_path, 20, state(2.0))
    newest.write_bytes(FAULTS[fault](newest.read_bytes()))
    with pytest.warns(UserWarning, match=r"step-00000020.pt is damaged or cut off .* the one before is used"):
        found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found["step"] == 10
    checkpoint.save(tmp_path, 15, state(3.0))  # the run goes on: the damaged one must not push a good one out
    assert names(tmp_path) == ["step-00000010.pt", "step-00000015.pt"]


def test_none_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state(step)).write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="damaged") as told,
        pytest.raises(CheckpointError, match="none of the 2 checkpoints"),
    ):
        checkpoint.newest(tmp_path)
    assert ["the one before is used" in str(line.message) for line in told] == [True, False]  # there is none before


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: float, flip: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("changed")
    path = checkpoint.save(folder, 1, {"x": torch.arange(5.0)})
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(path)


def test_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SCHEMA", 99)
    path = checkpoint.save(tmp_path, 1, state(1.0))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="has schema 99, and this version reads 1"):
        checkpoint.load(path)


def test_a_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1.0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))  # bytes; a state takes more than 4000
    try:
        with pytest.raises(CheckpointError, match=r"cannot be written: .*; step-00000001.pt is still there"):
            checkpoint.save(tmp_path, 2, state(2.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == ["step-00000001.pt"]
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found["step"] == 1


def test_a_full_disk_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="cannot be written: the disk is full"):
        checkpoint.save(tmp_path, 2, state(2.0))
    assert names(tmp_path) == []


def draw() -> tuple[float, float, float, float]:
    return float(torch.rand(())), random.random(), random.gauss(0, 1), float(np.random.rand())  # noqa: NPY002


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    checkpoint.seed_all(3)
    draw()
    checkpoint.save(tmp_path, 1, {"random": checkpoint.random_states()})
    expected = [draw() for _ in range(3)]
    checkpoint.seed_all(4)
    assert draw() not in expected
    found = checkpoint.newest(tmp_path)
    assert found is not None
    checkpoint.set_random_states(found["random"])
    assert [draw() for _ in range(3)] == expected
