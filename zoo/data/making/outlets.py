"""Where composed samples go: the founding layout, or shards. Both are filled by several processes, in any order.

`make` writes one of the `pieces`, in a worker process, and says how many samples it made and how many were there
already; `finish` writes what tells that everything is there.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.dataset import DataError
from zoo.data.files.layout import DIRS, MAPS
from zoo.data.files.shards import Index, finished, shard_name, write_index, write_shard
from zoo.data.making.composition import Composition, sample_files
from zoo.data.splitting.splits import decide
from zoo.files import replacing, write_bytes

MANIFEST = "manifest.jsonl"
MOST = 32  # samples made in one go
Held = Literal["held-out", "backgrounds", "objects", "none"]


@dataclass(frozen=True)
class LooseFiles:
    """bg/, fg_bg/, fg_bg_mask/ and fg_bg_depth/, numbered from 1, and a manifest."""

    composition: Composition
    folder: Path

    def __len__(self) -> int:
        return len(self.composition)

    def settings(self) -> dict[str, Any]:
        """What the files depend on."""
        return self.composition.settings() | {"layout": "folders"}

    def pieces(self) -> Iterator[range]:
        """Samples that share a background and a cut-out."""
        step = self.composition.per_cutout
        for pair in range(0, len(self), step):
            for first in range(pair, pair + step, MOST):
                yield range(first, min(first + MOST, pair + step))

    def make(self, piece: Any) -> tuple[int, int]:
        for name in DIRS:
            (self.folder / name).mkdir(exist_ok=True)
        made = 0
        for number in piece:
            if missing := {name: path for name, path in self.paths(number).items() if not _written(path)}:
                files = sample_files(self.composition, number)
                for name, path in missing.items():
                    write_bytes(path, files[name], lasting=False)
                made += 1
        return made, len(piece) - made

    def finish(self) -> None:
        os.sync()  # a manifest says that all of it is on the disk
        with (
            replacing(self.folder / MANIFEST) as draft,
            open(draft, "w", encoding="utf-8", errors="backslashreplace") as file,  # which is JSON's own way
        ):
            for number in range(len(self)):
                names = {name: path.relative_to(self.folder).as_posix() for name, path in self.paths(number).items()}
                facts = self.composition.facts(number)
                row = {**names, "object": facts["object"], "photo": facts["bg"], "placement": facts["placement"]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def paths(self, number: int) -> dict[str, Path]:
        """Map -> file of a sample."""
        places = dict.fromkeys(MAPS, f"img_{number + 1:07d}")
        places["bg"] = f"bg_{number // self.composition.per_background + 1:07d}"
        suffixes = self.composition.suffixes
        return {
            name: self.folder / folder / f"{places[name]}.{suffixes[name]}"
            for name, folder in zip(MAPS, DIRS, strict=True)
        }


@dataclass(frozen=True)
class ShardSettings:
    """hold_out: which of backgrounds and objects val and test have for themselves, none for one split of everything."""

    hold_out: Held = "held-out"
    per_shard: int = 1000


@dataclass(frozen=True)
class TarShards:
    """Shards of each split, each whole or not there. Samples that mix the splits' groups are in none, so not made."""

    composition: Composition
    folder: Path
    numbers: dict[str, np.ndarray]  # split -> its samples
    shards: ShardSettings

    @staticmethod
    def of(composition: Composition, folder: Path, shards: ShardSettings) -> "TarShards":
        """Shards of train, val and test; of all samples as one split if nothing is held out."""
        everything = np.arange(len(composition)).reshape(-1, composition.per_cutout)
        if shards.hold_out == "none":
            return TarShards(composition, folder, {"all": everything.ravel()}, shards)
        pairs = [composition.parts(number)[:2] for number in everything[:, 0].tolist()]
        groups = [background.name for background, _ in pairs], [cutout.name for _, cutout in pairs]
        try:
            splits = decide(*groups, seed=composition.recipe.seed, kind=shards.hold_out)
        except DataError as error:
            raise DataError(f"{error}. For shards of one split, compose with --hold-out none") from None
        numbers = {name: everything[found].ravel() for name, found in splits.indices(*groups).items()}
        return TarShards(composition, folder, numbers, shards)

    def __len__(self) -> int:
        return sum(map(len, self.numbers.values()))

    def settings(self) -> dict[str, Any]:
        """What the files depend on."""
        return self.composition.settings() | {"layout": "shards", **asdict(self.shards)}

    def pieces(self) -> Iterator[tuple[Path, list[int]]]:
        """Each shard with its samples."""
        size = self.shards.per_shard
        for split, numbers in self.numbers.items():
            for shard, first in enumerate(range(0, len(numbers), size)):
                yield self.folder / shard_name(split, shard), numbers[first : first + size].tolist()

    def make(self, piece: Any) -> tuple[int, int]:
        path, numbers = piece
        if finished(path):
            return 0, len(numbers)
        write_shard(path, map(self._sample, numbers))
        return len(numbers), 0

    def _sample(self, number: int) -> tuple[str, dict[str, bytes]]:
        """Key and files of a sample."""
        suffixes = self.composition.suffixes
        files = {f"{name}.{suffixes[name]}": data for name, data in sample_files(self.composition, number).items()}
        facts = {"index": number, **self.composition.facts(number)}
        return f"{number:09d}", {
            **files,
            "json": json.dumps(facts, ensure_ascii=False).encode(errors="backslashreplace"),
        }

    def finish(self) -> None:
        source = {name: value for name, value in self.settings().items() if not isinstance(value, dict)}
        for split in self.numbers:
            shards = (finished(path) for path, _ in self.pieces() if path.name.startswith(f"{split}-"))
            write_index(self.folder, Index(split, tuple(shard for shard in shards if shard), source))


def _written(path: Path) -> bool:
    """A power cut leaves some files empty, which are made again."""
    try:
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False


Outlet = LooseFiles | TarShards
