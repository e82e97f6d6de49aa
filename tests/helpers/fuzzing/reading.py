"""What is done with a data set that could be opened: every sample is read, and looked at."""

from collections.abc import Sequence

import torch

from fuzzing.outcome import FaultError
from zoo.data import PairDataset, Sample

MOST = 12  # samples that are read


def read_all(dataset: PairDataset) -> None:
    """Read the samples, alone and as a batch."""
    indices = range(min(len(dataset), MOST))
    for index in indices:
        sound(dataset[index])
    if dataset.size is not None and indices:
        sound(dataset.batch([*indices]))


def sound(sample: Sample) -> None:
    """Raise where a sample is none, though nobody refused it."""
    maps: Sequence[torch.Tensor] = sample[:5]
    for name, values in zip(Sample._fields, maps, strict=False):
        if not bool(((values >= 0) & (values <= 1)).all()):  # nor nan
            raise FaultError(f"{name} has values from {values.min()} to {values.max()}")
    if len({values.shape[-2:] for values in maps}) > 1:
        raise FaultError(f"maps of several sizes: {[tuple(values.shape) for values in maps]}")
