"""PairBench: scenes that are computed when asked for, with true depth, in three tiers."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from registry import Card, OptionError
from zoo.contract import Sample
from zoo.data.dataset import BatchDataset, DataError, NoSplitError, sources
from zoo.data.scenes.faults import PROBABILITY
from zoo.data.scenes.render import VERSION, render
from zoo.data.wild.chances import PROBABILITY as WILD_PROBABILITY
from zoo.data.wild.render import render as render_wild
from zoo.data.wild.stage import VERSION as WILD
from zoo.machine import choose

LENGTH = {"train": 1_000_000, "val": 10_000, "test": 10_000}
SIZE = (224, 224)
FAULTS = {"clean": (), "hard": tuple(PROBABILITY), "wild": tuple(WILD_PROBABILITY)}
VERSIONS = {"clean": VERSION, "hard": VERSION, "wild": WILD}


@sources.register(
    "pairbench", Card(summary="computed scenes with true depth; tiers clean, hard and wild", group="computed")
)
class PairBench(BatchDataset):
    """Random access; the same index gives the same scene, whatever the batch, the worker or the device."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        tier: Annotated[
            Literal["clean", "hard", "wild"],
            "clean: a pixel-perfect plate; hard: two shots of a camera; wild: scenes and plates closer to real ones",
        ] = "hard",
        only: Annotated[str | None, "one perturbation of the tier, alone"] = None,
        version: Annotated[int | None, "of the pictures; None: this release's"] = None,
        device: Annotated[str, "where scenes are rendered"] = "cpu",
    ):
        if split not in LENGTH:
            known = ", ".join(LENGTH)
            raise NoSplitError(f"pairbench has the splits {known}; each holds out what the others show", tuple(LENGTH))
        renders = VERSIONS[tier]
        if version not in (None, renders):
            raise DataError(
                f"pairbench:{tier} version {version} is not what this release renders; it renders {renders}"
            )
        if only is not None and only not in FAULTS[tier]:
            known = "; ".join(f"{', '.join(faults)} with tier={name}" for name, faults in FAULTS.items() if faults)
            raise OptionError(f"only={only!r} is not accepted; only takes {known}")
        self.tier, self.only, self.device, self.decided = tier, only, choose(device), {"version": renders}
        self.perturbations = FAULTS[tier] if only is None else ()
        self.split, self.size = split, size or SIZE

    def __len__(self) -> int:
        return LENGTH[self.split]

    def make(self, indices: NDArray[np.int64]) -> Sample:
        size = self.size or SIZE
        if self.tier == "wild":
            return render_wild(self.split, indices, size, self.device, self.only)
        return render(self.split, self.tier, indices, size, self.device, self.only)
