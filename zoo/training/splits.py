"""Which part of the data a training learns from, and which it looks at."""

import warnings
from typing import Any

from registry import ZooError
from zoo.data.dataset import PairDataset, load

Sides = tuple[int, int]


def learned(spec: str, sides: Sides) -> PairDataset:
    """The train split; all there is, where the data has no splits."""
    try:
        return load(spec, split="train", size=sides)
    except ZooError as error:
        return _whole(spec, sides, error)


def held_out(spec: str, sides: Sides) -> PairDataset:
    """The val split; where there is none, all of the data, which is said."""
    try:
        return load(spec, split="val", size=sides)
    except ZooError as error:
        found = _whole(spec, sides, error)
    warnings.warn(f"{spec} has no split val: the looks during training are at data that it learns from", stacklevel=2)
    return found


def _whole(spec: str, sides: Sides, error: ZooError) -> Any:
    """All of the data, or the error that met whoever asked for a part."""
    try:
        return load(spec, split="all", size=sides)
    except ZooError:
        raise error from None
