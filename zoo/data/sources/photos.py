"""Composites of held-out photographs: a test column; `make photos` fills its folder."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch

from registry import Card
from registry.vocabulary import SPLITS
from zoo.contract import Sample, Task
from zoo.data.dataset import DamagedError, DataError, PairDataset, sources
from zoo.data.shots.compose import VERSION, Stock, composite
from zoo.data.sources.problems import Problems, summary
from zoo.data.splitting.named import of_split

LENGTH = {"train": 20_000, "val": 1_000, "test": 1_000}
SIZE = (224, 224)
PARTS = ("backgrounds", "cutouts")  # folders inside


@sources.register("photos", Card(summary="composites of held-out photographs, with a camera of their own; masks only"))
class Photos(PairDataset):
    """Random access by index. Splits share no background and no object; they are told by the files' names."""

    tasks: tuple[Task, ...] = ("mask",)

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        plate: Annotated[Literal["moved", "aligned"], "taken at another time and place, or perfect"] = "moved",
        path: Annotated[str, "a folder with backgrounds/ and cutouts/"] = "photos",
        version: Annotated[int, "of the pictures"] = VERSION,
    ):
        if version != VERSION:
            raise DataError(f"photos version {version} is not what this release makes; it makes {VERSION}")
        missing = [part for part in PARTS if not (Path(path) / part).is_dir()]
        if missing:
            raise DataError(
                f"{path} has no folder {' and no '.join(missing)}; `make photos` fills {path} from packages of the"
                " system, or put photos of your own into backgrounds/ and cutouts/ (RGBA) there"
            )
        self.size, self.split, self.is_aligned = size or SIZE, split, plate == "aligned"
        found = (of_split(str(Path(path) / part), split) for part in PARTS)
        self.backgrounds, self.cutouts = (Stock(store, tuple(names)) for store, names in found)

        self._damaged = Problems()

    @property
    def problems(self) -> dict[str, str]:
        return self._damaged.all()

    def report(self) -> str:
        return summary(self.problems, len(self))

    def __len__(self) -> int:
        return LENGTH[self.split]

    def sample(self, index: int) -> Sample:
        rng = np.random.default_rng([VERSION, SPLITS.index(self.split), index])
        size = self.size or SIZE
        try:
            *pictures, facts = composite(self.backgrounds, self.cutouts, rng, size, is_aligned=self.is_aligned)
        except DamagedError as error:
            self._damaged.add(f"composite {index}", str(error))
            raise
        bg, fg_bg, mask = (torch.from_numpy(np.asarray(each, np.float32) / 255) for each in pictures)
        nothing = torch.zeros(1, *size)
        meta = {"source": f"photos{VERSION}", "split": self.split, "index": index, **facts}
        valid = torch.cat([nothing + 1, nothing])
        return Sample(bg.permute(2, 0, 1), fg_bg.permute(2, 0, 1), mask[None], nothing, valid, meta)
