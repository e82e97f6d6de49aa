"""PairBench: scenes that are computed when asked for, with true depth, in two tiers."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from registry import Card, OptionError
from zoo.contract import Sample
from zoo.data.dataset import BatchDataset, DataError, NoSplitError, sources
from zoo.data.scenes.faults import PROBABILITY
from zoo.data.scenes.render import VERSION, render
from zoo.machine import choose

LENGTH = {"train": 1_000_000, "val": 10_000, "test": 10_000}
SIZE = (224, 224)


@sources.register("pairbench", Card(summary="computed scenes with true depth; tiers clean and hard", group="computed"))
class PairBench(BatchDataset):
    """Random access; the same index gives the same scene, whatever the batch, the worker or the device."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        tier: Annotated[Literal["clean", "hard"], "a pixel-perfect plate, or what a real camera does"] = "hard",
        only: Annotated[str | None, "one perturbation of the hard tier, alone"] = None,
        version: Annotated[int, "of the pictures"] = VERSION,
        device: Annotated[str, "where scenes are rendered"] = "cpu",
    ):
        if split not in LENGTH:
            known = ", ".join(LENGTH)
            raise NoSplitError(f"pairbench has the splits {known}; each holds out what the others show", tuple(LENGTH))
        if version != VERSION:
            raise DataError(f"pairbench version {version} is not what this release renders; it renders {VERSION}")
        if only is not None and (tier != "hard" or only not in PROBABILITY):
            raise OptionError(f"only={only!r} is not accepted; with tier=hard, only takes {', '.join(PROBABILITY)}")
        self.tier, self.only, self.device = tier, only, choose(device)
        self.perturbations = tuple(PROBABILITY) if tier == "hard" and only is None else ()
        self.split, self.size = split, size or SIZE

    def __len__(self) -> int:
        return LENGTH[self.split]

    def make(self, indices: NDArray[np.int64]) -> Sample:
        return render(self.split, self.tier, indices, self.size or SIZE, self.device, self.only)
