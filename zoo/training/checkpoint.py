"""Everything that a run needs to resume, in one file: written whole, checked, with the previous one kept.

A file is what torch.save writes, then 32 bytes of SHA-256 over it: torch itself does not notice a changed byte.
"""

import errno
import hashlib
import io
import random
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from registry import ZooError
from zoo.files import replacing

SCHEMA = 1
KEPT = 2  # checkpoints; the second is for the day when the first cannot be read
NAME = re.compile(r"step-(\d{8,})\.pt")
DIGEST = 32  # bytes


class CheckpointError(ZooError):
    """A checkpoint that cannot be read or written."""


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint beside the older ones, then remove all but the newest few."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.pt"
    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, "step": step, **state}, buffer)
    buffer.write(hashlib.sha256(buffer.getbuffer()).digest())
    try:
        with replacing(path) as draft:
            draft.write_bytes(buffer.getvalue())  # a view of it, kept by an error, can crash CPython 3.12
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        left = "".join(f"; {found.name} is still there" for found in checkpoints(folder)[:1])
        raise CheckpointError(f"{path}: cannot be written: {why}{left}") from error
    for other in checkpoints(folder):  # those ahead could not be read, or this run would have begun after them
        if _step(other) > step or other not in checkpoints(folder)[:KEPT]:
            other.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    return sorted((path for path in folder.glob("step-*.pt") if NAME.fullmatch(path.name)), key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def newest(folder: Path) -> dict[str, Any] | None:
    """The newest readable checkpoint; None if there is none. An unreadable one is named in a warning."""
    found = checkpoints(folder)
    for path in found:
        try:
            return load(path)
        except CheckpointError as error:
            warnings.warn(f"{error}{'' if path == found[-1] else '; the one before is used'}", stacklevel=2)
    if found:
        raise CheckpointError(
            f"none of the {len(found)} checkpoints in {folder} can be read; start again in another --out"
        )
    return None


def load(path: Path) -> dict[str, Any]:
    """One checkpoint, on the CPU."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from None
    body, digest = content[:-DIGEST], content[-DIGEST:]
    if len(content) <= DIGEST or hashlib.sha256(body).digest() != digest:
        raise CheckpointError(f"{path} is damaged or cut off ({len(content):,} bytes)")
    state: dict[str, Any] = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    if state.get("schema") != SCHEMA:
        raise CheckpointError(f"{path} has schema {state.get('schema')}, and this version reads {SCHEMA}")
    return state


def random_states() -> dict[str, Any]:
    """The states of all random number generators of this process."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  (a network of others may draw from it)
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": [version, list(numbers), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Take up the states that `random_states` gave."""
    torch.set_rng_state(states["torch"])
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def seed_all(seed: int) -> None:
    """Start every random number generator of this process."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
