"""Where composed samples go: the founding layout, or shards. Both are filled by several processes, in any order."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from zoo.data.dataset import DataError
from zoo.data.files.layout import DIRS, MAPS
from zoo.data.files.shards import Index, offsets_file, read_offsets, shard_name, write_index, write_shard
from zoo.data.making.composition import Composition, background_file, sample_files
from zoo.data.splitting.splits import Splits, decide
from zoo.files import replacing, sweep, write_bytes

MANIFEST = "manifest.jsonl"
MOST = 32  # samples made in one go
Held = Literal["held-out", "backgrounds", "objects", "none"]


class Outlet(Protocol):
    """A place for samples. `make` runs in worker processes; what it finds made it leaves."""

    @property
    def folder(self) -> Path:
        """What it fills."""

    def settings(self) -> dict[str, Any]:
        """What its files depend on beside the composition."""

    def count(self) -> int:
        """How many samples it will hold."""

    def prepare(self) -> None:
        """Make folders, and remove what a killed run left half written."""

    def items(self) -> Iterator[Any]:
        """The pieces of the work."""

    def make(self, item: Any) -> tuple[int, int]:
        """How many samples of a piece were made, and how many were there already."""

    def finish(self) -> None:
        """Write what tells that everything is there."""


@dataclass(frozen=True)
class LooseFiles:
    """bg/, fg_bg/, fg_bg_mask/ and fg_bg_depth/, numbered from 1, and a manifest."""

    composition: Composition
    folder: Path

    def settings(self) -> dict[str, Any]:
        return {"layout": "folders"}

    def count(self) -> int:
        return len(self.composition)

    def prepare(self) -> None:
        for name in DIRS:
            (self.folder / name).mkdir(exist_ok=True)
            sweep(self.folder / name)
        sweep(self.folder)

    def items(self) -> Iterator[range]:
        """Samples that share a background and a cut-out."""
        step = self.composition.per_cutout
        for pair in range(0, len(self.composition), step):
            for first in range(pair, pair + step, MOST):
                yield range(first, min(first + MOST, pair + step))

    def make(self, item: range) -> tuple[int, int]:
        if item[0] % self.composition.per_background == 0 and not (bg := self.paths(item[0])["bg"]).exists():
            write_bytes(bg, background_file(self.composition, item[0]))
        made = 0
        for number in item:
            paths = {name: path for name, path in self.paths(number).items() if name != "bg"}
            if not all(path.exists() for path in paths.values()):
                files = sample_files(self.composition, number)
                for name, path in paths.items():
                    write_bytes(path, files[name])
                made += 1
        return made, len(item) - made

    def finish(self) -> None:
        with replacing(self.folder / MANIFEST) as draft, open(draft, "w", encoding="utf-8") as file:
            for number in range(len(self.composition)):
                facts = self.composition.facts(number)
                names = {name: path.relative_to(self.folder).as_posix() for name, path in self.paths(number).items()}
                row = {**names, "object": facts["object"], "photo": facts["bg"], "placement": facts["placement"]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def paths(self, number: int) -> dict[str, Path]:
        """Map -> file of a sample."""
        suffixes = self.composition.suffixes()
        places = dict.fromkeys(MAPS, f"img_{number + 1:07d}")
        places["bg"] = f"bg_{number // self.composition.per_background + 1:07d}"
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
    pairs: dict[str, list[int]]  # split -> which pairs of background and cut-out it has
    shards: ShardSettings

    @staticmethod
    def of(composition: Composition, folder: Path, shards: ShardSettings) -> "TarShards":
        """Shards of train, val and test; of all samples as one split if nothing is held out."""
        count = len(composition) // composition.per_cutout
        if shards.hold_out == "none":
            return TarShards(composition, folder, {"all": list(range(count))}, shards)
        firsts = range(0, len(composition), composition.per_cutout)
        groups = (
            [composition.background(number).name for number in firsts],
            [composition.cutout(number).name for number in firsts],
        )
        try:
            splits: Splits = decide(*groups, seed=composition.recipe.seed, kind=shards.hold_out)
        except DataError as error:
            raise DataError(f"{error}. For shards of one split, compose with --hold-out none") from None
        pairs = {name: found.tolist() for name, found in splits.indices(*groups).items()}
        return TarShards(composition, folder, pairs, shards)

    def settings(self) -> dict[str, Any]:
        return {"layout": "shards", **asdict(self.shards)}

    def count(self) -> int:
        return sum(map(self.size, self.pairs))

    def size(self, split: str) -> int:
        return len(self.pairs[split]) * self.composition.per_cutout

    def prepare(self) -> None:
        sweep(self.folder)

    def items(self) -> Iterator[tuple[str, int]]:
        for split in self.pairs:
            yield from ((split, number) for number in range(-(-self.size(split) // self.shards.per_shard)))

    def make(self, item: tuple[str, int]) -> tuple[int, int]:
        split, number = item
        first = number * self.shards.per_shard
        last = min(first + self.shards.per_shard, self.size(split))
        path = self.folder / shard_name(split, number)
        if path.exists() and offsets_file(path).exists():
            return 0, last - first
        write_shard(path, (self._sample(split, place) for place in range(first, last)))
        return last - first, 0

    def _sample(self, split: str, place: int) -> tuple[str, dict[str, bytes]]:
        """Key and files of a sample, by its place in the split."""
        pair, rest = divmod(place, self.composition.per_cutout)
        number = self.pairs[split][pair] * self.composition.per_cutout + rest
        suffixes = self.composition.suffixes()
        files = {f"{name}.{suffixes[name]}": data for name, data in sample_files(self.composition, number).items()}
        facts = {"index": number, **self.composition.facts(number)}
        return f"{number:09d}", {**files, "json": json.dumps(facts, ensure_ascii=False).encode()}

    def finish(self) -> None:
        settings = self.composition.settings() | self.settings()
        source = {name: value for name, value in settings.items() if not isinstance(value, dict)}
        for split in self.pairs:
            numbers = [number for name, number in self.items() if name == split]
            shards = tuple(read_offsets(self.folder / shard_name(split, number))[0] for number in numbers)
            write_index(self.folder, Index(split, shards, source))
