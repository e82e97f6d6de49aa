"""Collages of people's own photographs: exact masks without annotation; depth is unknown there."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from registry import Card
from zoo.contract import Sample, Task
from zoo.data.collage.library import library
from zoo.data.collage.painted import painted
from zoo.data.collage.render import VERSION, render
from zoo.data.dataset import BatchDataset, DataError, sources
from zoo.machine import choose

LENGTH = {"train": 1_000_000, "val": 10_000, "test": 10_000}
SIZE = (224, 224)


@sources.register("collage", Card(summary="objects pasted onto your own photos; masks only", group="computed"))
class Collage(BatchDataset):
    """Random access; the same index gives the same scene, whatever the batch, the worker or the device.

    Photos belong to one split each, and so do the families of silhouettes.
    """

    tasks: tuple[Task, ...] = ("mask",)
    is_one_camera = False

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        plates: Annotated[str, "a folder of photos: what scenes are made of"],
        textures: Annotated[
            str | None, "a folder of photos that objects are cut from; None: the plates, or computed"
        ] = None,
        cutouts: Annotated[str | None, "a folder of cut-outs (RGBA); None: silhouettes of ours alone"] = None,
        version: Annotated[int, "of the pictures"] = VERSION,
        device: Annotated[str, "where scenes are rendered"] = "cpu",
    ):
        if version != VERSION:
            raise DataError(f"collage version {version} is not what this release makes; it makes {VERSION}")
        self.size, self.split, self.device = size or SIZE, split, choose(device)
        self.plates = library(plates, None if self.is_one_camera else split, self.size).to(self.device)
        self.cutouts = None if cutouts is None else library(cutouts, split, self.size, cutouts=True).to(self.device)
        if textures is not None:
            self.textures = library(textures, split, self.size).to(self.device)
        else:
            self.textures = painted(split).to(self.device) if self.is_one_camera else self.plates

    def __len__(self) -> int:
        return LENGTH[self.split]

    def make(self, indices: NDArray[np.int64]) -> Sample:
        size = self.size or SIZE
        return render(self.plates, self.textures, self.cutouts, self.split, indices, size, self.device)


@sources.register("camera", Card(summary="collages over photos of one place, shared by all splits", group="computed"))
class Camera(Collage):
    """All plates are in all splits, so that one is enough; objects are of one split each as ever.

    Their textures are computed where no folder of photos is given.
    """

    is_one_camera = True
