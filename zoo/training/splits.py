"""Which part of the data a training learns from, and which it looks at."""

from typing import Literal

import torch

from registry.vocabulary import Split
from zoo.data.dataset import NoSplitError, PairDataset, load, rendered_on

WHOLE: Literal["all"] = "all"
CPU = torch.device("cpu")
Size = tuple[int, int]


def training_data(spec: str, size: Size, device: torch.device = CPU) -> PairDataset:
    """The train split. Data without any splits is taken whole. device: where scenes are computed that are."""
    there = rendered_on(device, spec)
    try:
        return load(spec, split="train", size=size, **there)
    except NoSplitError as error:
        if set(error.there) - {WHOLE}:
            raise
    return load(spec, split=WHOLE, size=size, **there)


def validation_data(spec: str, size: Size, device: torch.device = CPU) -> PairDataset:
    """The val split. Where there is none, what is trained on."""
    there = rendered_on(device, spec)
    try:
        return load(spec, split="val", size=size, **there)
    except NoSplitError as error:
        other: Split = "train" if "train" in error.there else WHOLE
    return load(spec, split=other, size=size, **there)


def not_held_out(learned: str, looked_at: PairDataset) -> str:
    """What is not new to a network that learned from a split, in a line; empty where looks are at a split of their own.

    learned, looked_at: the split, and the data of the looks during training.
    """
    name = looked_at.spec.options.get("path", looked_at.spec)
    if learned == WHOLE:
        hint = "; split_kind=random splits it by sample" if "split_kind" in looked_at.spec.options else ""
        return f"{name} is not split: the training learns from all of it, and nothing is left to test{hint}"
    if looked_at.split in (learned, WHOLE):
        return f"{name} has no split val: the looks during training are at data that it learns from"
    return ""
