"""Collages of people's own photographs: exact masks without annotation; depth is unknown there."""

from collections.abc import Sequence
from typing import Annotated, Any, cast

import numpy as np
import torch

from registry import Card
from zoo.contract import Sample, Task
from zoo.data.collage.library import library
from zoo.data.collage.render import VERSION, render
from zoo.data.dataset import DataError, PairDataset, sources

LENGTH = {"train": 1_000_000, "val": 10_000, "test": 10_000}
SIZE = (224, 224)


@sources.register("collage", Card(summary="objects of pieces laid over your own photos; masks alone", group="computed"))
class Collage(PairDataset):
    """Random access; the same index gives the same scene, whatever the batch, the worker or the device.

    Photos belong to one split each, and so do the families of silhouettes.
    """

    tasks: tuple[Task, ...] = ("mask",)

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        plates: Annotated[str, "a folder of photos: what scenes are made of"],
        textures: Annotated[str | None, "a folder of photos that objects are cut from; None: the plates"] = None,
        cutouts: Annotated[str | None, "a folder of cut-outs (RGBA); None: silhouettes of ours alone"] = None,
        version: Annotated[int, "of the pictures"] = VERSION,
        device: Annotated[str, "where scenes are rendered"] = "cpu",
    ):
        if version != VERSION:
            raise DataError(f"collage version {version} is not what this release makes; it makes {VERSION}")
        self.size, self.split, self.device = size or SIZE, split, device
        self.plates = library(plates, split, self.size)
        self.cutouts = None if cutouts is None else library(cutouts, split, self.size, cutouts=True)
        self.textures = self.plates if textures is None else library(textures, split, self.size)

    def __len__(self) -> int:
        return LENGTH[self.split]

    def sample(self, index: int) -> Sample:
        return Sample(*(field[0] for field in cast("tuple[Any, ...]", self.batch([index]))))

    def batch(self, indices: Sequence[int]) -> Sample:
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size and not (-len(self) <= chosen.min() and chosen.max() < len(self)):
            raise IndexError(f"collage has {len(self):,} scenes in split {self.split}; {chosen.tolist()} go beyond")
        size, device = self.size or SIZE, torch.device(self.device)
        return render(self.plates, self.textures, self.cutouts, self.split, chosen % len(self), size, device)
