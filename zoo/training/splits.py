"""Which part of the data a training learns from, and which it looks at."""

import warnings
from typing import Literal

from registry.vocabulary import Split
from zoo.data.dataset import NoSplitError, PairDataset, load

WHOLE: Literal["all"] = "all"
Size = tuple[int, int]


def training_data(spec: str, size: Size) -> PairDataset:
    """The train split. Data without any splits is taken whole, with a warning."""
    try:
        return load(spec, split="train", size=size)
    except NoSplitError as error:
        if set(error.there) - {WHOLE}:
            raise
    warnings.warn(f"{spec} is not split: the training learns from all of it, and nothing is left to test", stacklevel=1)
    return load(spec, split=WHOLE, size=size)


def validation_data(spec: str, size: Size) -> PairDataset:
    """The val split. Where there is none, what is trained on, with a warning."""
    try:
        return load(spec, split="val", size=size)
    except NoSplitError as error:
        other: Split = "train" if "train" in error.there else WHOLE
    warnings.warn(f"{spec} has no split val: the looks during training are at data that it learns from", stacklevel=1)
    return load(spec, split=other, size=size)
