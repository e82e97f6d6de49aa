"""Shards, read at random: one read fetches a sample, whichever it is; batches are decoded straight into their place."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from registry import Card
from registry.vocabulary import SPLITS
from zoo.contract import TASKS, Sample
from zoo.data.dataset import DamagedError, DataError, NoSplitError, PairDataset, sources
from zoo.data.files.maps import fast, finish, read, sample_of
from zoo.data.files.shards import INDEX, Shard, check_sizes, read_files, read_index, read_offsets
from zoo.files import from_json

OPEN = 64  # files held open in each process


@sources.register(
    "shards", Card(summary="tar shards that `zoo data pack` wrote, in WebDataset's naming", group="files")
)
class Shards(PairDataset):
    """Samples by index; `counts` says how many each shard has, for a shard-wise order."""

    def __init__(
        self,
        *,
        split: str,
        size: tuple[int, int] | None,
        path: Annotated[str, "the folder with the shards and their *.index.json"],
    ):
        self.split, self.size, self.folder = split, size, Path(path)
        indices = [read_index(file) for file in _index_files(self.folder, split)]
        for index in indices:
            check_sizes(self.folder, index)
        readings = [index.source.get("reading", {}) for index in indices]
        if any(reading != readings[0] for reading in readings):
            raise DataError(f"{path}: its splits were packed with different options, and cannot be read as one")
        reading = readings[0]
        self.tasks = tuple(reading.get("tasks", TASKS))  # a map that was not packed is zeros
        self.is_nearer = reading.get("depth") == "brighter-is-nearer"
        self.shards = [shard for index in indices for shard in index.shards]
        self.counts = [shard.samples for shard in self.shards]
        self.ends = list(accumulate(self.counts))
        self._open = _Open()

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def sample(self, index: int) -> Sample:
        files, name = self._files(index)
        return sample_of({field: self._map(field, files, name) for field in self._there(files)}, _meta(files, name))

    def batch_into(self, indices: Sequence[int], out: Sample) -> tuple[dict[str, Any], ...]:
        """Fill the tensors of `out`, (b, c, h, w) each, and return the metas: `batch` without its copies."""
        metas = []
        for row, index in enumerate(indices):
            files, name = self._files(index)
            there = self._there(files)
            for field, maps in zip(Sample._fields, out[:-1], strict=False):
                if field == "valid":
                    for channel, task in enumerate(TASKS):
                        own = next((each for each in (f"valid_{task}", "valid") if each in there), "")
                        known = self._map(own, files, name)[0] if own else torch.ones(())
                        maps[row, channel] = known if task in there else 0
                elif field not in there:
                    maps[row].fill_(0)
                elif not self._fast(field, files, maps[row]):
                    _put(maps[row], self._map(field, files, name), name)
            metas.append(_meta(files, name))
        return tuple(metas)

    def _there(self, files: dict[str, bytes]) -> set[str]:
        """The maps of a sample that were packed."""
        return {"bg", "fg_bg", *self.tasks, *(each for each in map(_field, files) if each.startswith("valid"))}

    def _files(self, index: int) -> tuple[dict[str, bytes], str]:
        """The files of a sample, and its name for messages."""
        at = bisect_right(self.ends, index)
        shard, inside = self.shards[at], index - (self.ends[at] - self.counts[at])
        path = self.folder / shard.name
        name = f"{path}, sample {inside}"
        descriptor = self._open.file(path)
        start, end = self._open.offsets(path, shard)[inside : inside + 2].tolist()
        data = os.pread(descriptor.number, end - start, start)
        if len(data) < end - start:
            raise DataError(f"{name}: the shard is cut short; copy it again, or pack it again")
        return read_files(data, name), name

    def _fast(self, field: str, files: dict[str, bytes], out: Tensor) -> bool:
        """Fill `out` where the file is an ordinary JPEG of its size; False where it is not."""
        if fast(files.get(f"{field}.jpg", b""), len(out), tuple(out.shape[1:]), out.numpy()) is None:
            return False
        if field == "depth" and self.is_nearer:
            torch.sub(1, out, out=out)
        return True

    def _map(self, field: str, files: dict[str, bytes], name: str) -> Tensor:
        """One map, float (c, h, w)."""
        file = next((file for file in files if _field(file) == field), None)
        if file is None:
            raise DataError(f"{name}: no {field} in it; it has {', '.join(files)}")
        field = "valid" if field.startswith("valid") else field
        try:
            found = read(field, files[file], f"{name}, {file}", self.size)
        except DataError as error:  # one picture: the shard itself is whole
            raise DamagedError(str(error)) from error
        return finish(field, found, self.size, is_nearer=self.is_nearer)


def _field(file: str) -> str:
    """Which map a file of a sample is."""
    return file.partition(".")[0]


def _offsets(path: Path, shard: Shard) -> Tensor:
    """Where the samples of a shard start and end."""
    described, offsets = read_offsets(path)
    if described != shard:
        raise DataError(f"{path}: its offsets belong to other shards than the index; pack the data again")
    return torch.tensor(offsets)


class _Open:
    """What a process has open of its shards; a copy that goes to another process begins anew."""

    def __init__(self) -> None:
        self.file, self.offsets = lru_cache(OPEN)(_Descriptor), cache(_offsets)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Open, ()


class _Descriptor:
    """An open file; it closes when its last reader lets go of it, so that one may be forgotten while another reads."""

    def __init__(self, path: Path):
        try:
            self.number = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; copy the shards again") from None

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


def _index_files(folder: Path, split: str) -> list[Path]:
    """The index of a split; for "all" those of all splits, where they were packed one by one."""
    there = {file.name.removesuffix(INDEX): file for file in sorted(folder.glob(f"*{INDEX}"))}
    if split in there:
        return [there[split]]
    if split == "all" and (known := [there[name] for name in SPLITS if name in there]):
        return known
    unfinished = sorted(folder.glob(f"{split}-*.tar")) or (not there and sorted(folder.glob("*.tar")))
    if unfinished:
        raise DataError(
            f"{folder}: {len(unfinished)} shards and no {split}{INDEX}: the packing was not finished;"
            " run the same `zoo data pack` again to continue"
        )
    if there:
        raise NoSplitError(
            f"{folder} holds the splits {', '.join(there)}, not {split}; ask for one of them, or for all", tuple(there)
        )
    raise DataError(f"{folder}: no *{INDEX} there; `zoo data pack SPEC --out {folder}` makes shards")


def _meta(files: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        return dict(from_json(files["json"]))
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{name}: its json cannot be read ({error}); pack the shard again") from None


def _put(place: Tensor, found: Tensor, name: str) -> None:
    if place.shape != found.shape:
        sizes = " and ".join(f"{h} x {w}" for h, w in (place.shape[-2:], found.shape[-2:]))
        raise DataError(f"{name}: samples of {sizes} cannot be one batch; load the data with size=")
    place.copy_(found)
