"""Shards, read at random: one read fetches a sample, whichever it is; batches are decoded straight into their place."""

import json
import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import torch
from torch import Tensor

from registry import Card
from registry.vocabulary import SPLITS
from zoo.contract import TASKS, Sample
from zoo.data.dataset import DataError, NoSplitError, PairDataset, sources
from zoo.data.files import fast_decode, images
from zoo.data.files.images import resize
from zoo.data.files.shards import INDEX, check_sizes, read_files, read_index, read_offsets

OPEN = 64  # files held open in each process
MAPS = ("bg", "fg_bg", "mask", "depth", "valid")
CHANNELS = dict(zip(MAPS, (3, 3, 1, 1, 1), strict=True))


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
        self._forget()

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def sample(self, index: int) -> Sample:
        files, name = self._files(index)
        fg_bg = self._map("fg_bg", files, name)
        like = fg_bg[:1]
        return Sample(
            bg=self._map("bg", files, name),
            fg_bg=fg_bg,
            mask=self._map("mask", files, name) if "mask" in self.tasks else torch.zeros_like(like),
            depth=self._map("depth", files, name) if "depth" in self.tasks else torch.zeros_like(like),
            valid=self._map("valid", files, name) if _has_valid(files) else torch.ones_like(like),
            meta=_meta(files, name),
        )

    def batch_into(self, indices: Sequence[int], out: Sample) -> tuple[dict[str, Any], ...]:
        """Fill the tensors of `out`, (b, c, h, w) each, and return the metas: `batch` without its copies."""
        metas = []
        for row, index in enumerate(indices):
            files, name = self._files(index)
            for field in MAPS:
                place = getattr(out, field)[row]
                if field == "valid" and not _has_valid(files):
                    place.fill_(1)
                elif field in TASKS and field not in self.tasks:
                    place.fill_(0)
                elif not self._fast(field, files, place):
                    _put(place, self._map(field, files, name), name)
            metas.append(_meta(files, name))
        return tuple(metas)

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in ("_open", "_lock")}
        return {**kept, "_offsets": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def _forget(self) -> None:
        self._open: OrderedDict[int, _Descriptor] = OrderedDict()
        self._offsets: dict[int, Tensor] = {}
        self._lock = Lock()

    def _files(self, index: int) -> tuple[dict[str, bytes], str]:
        """The files of a sample, and its name for messages."""
        shard = bisect_right(self.ends, index)
        inside = index - (self.ends[shard] - self.counts[shard])
        path = self.folder / self.shards[shard].name
        name = f"{path}, sample {inside}"
        descriptor = self._descriptor(shard, path)
        start, end = self._offsets[shard][inside : inside + 2].tolist()
        data = os.pread(descriptor.number, end - start, start)
        if len(data) < end - start:
            raise DataError(f"{name}: the shard is cut short; copy it again, or pack it anew")
        return read_files(data, name), name

    def _descriptor(self, shard: int, path: Path) -> "_Descriptor":
        with self._lock:
            if shard in self._open:
                self._open.move_to_end(shard)
                return self._open[shard]
            if shard not in self._offsets:
                described, offsets = read_offsets(path)
                if described != self.shards[shard]:
                    raise DataError(f"{path}: its offsets belong to other shards than the index; pack the data anew")
                self._offsets[shard] = torch.tensor(offsets)
            if len(self._open) >= OPEN:
                self._open.popitem(last=False)
            self._open[shard] = _Descriptor(path)
            return self._open[shard]

    def _fast(self, field: str, files: dict[str, bytes], out: Tensor) -> bool:
        """Fill `out` where the file is an ordinary JPEG of its size; False where it is not."""
        data = files.get(f"{field}.jpg")
        done = data is not None and fast_decode.decode(data, out.numpy())
        if done and field == "depth" and self.is_nearer:
            torch.sub(1, out, out=out)
        return done

    def _map(self, field: str, files: dict[str, bytes], name: str) -> Tensor:
        """One map, float (c, h, w)."""
        suffix, data = _member(field, files, name)
        shape = fast_decode.shape(data)
        if shape and shape[0] == CHANNELS[field] and self.size in (None, shape[1:]):
            found = torch.empty(shape)
            if self._fast(field, files, found):
                return found
        label = f"{name}, {field}.{suffix}"
        if CHANNELS[field] == 3:
            return self._resized(images.decode_rgb(data, label)).float() / 255
        if field == "depth":
            depth = self._resized(images.decode_depth(data, label))
            return 1 - depth if self.is_nearer else depth
        return self._resized(images.decode_mask(data, label), binary=True)

    def _resized(self, image: Tensor, *, binary: bool = False) -> Tensor:
        return image if self.size is None else resize(image, self.size, binary=binary)


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
    if split == "all" and there:
        return [there[name] for name in SPLITS if name in there]
    unfinished = sorted(folder.glob(f"{split}-*.tar")) or (not there and sorted(folder.glob("*.tar")))
    if unfinished:
        raise DataError(
            f"{folder}: {len(unfinished)} shards and no {split}{INDEX}: the packing was not finished;"
            " run the same `zoo data pack` again and it goes on"
        )
    if there:
        raise NoSplitError(
            f"{folder} holds the splits {', '.join(there)}, not {split}; ask for one of them, or for all", tuple(there)
        )
    raise DataError(f"{folder}: no *{INDEX} there; `zoo data pack SPEC --out {folder}` makes shards")


def _has_valid(files: dict[str, bytes]) -> bool:
    """Whether a map of what is valid was packed; without one everything is."""
    return any(file.startswith("valid.") for file in files)


def _member(field: str, files: dict[str, bytes], name: str) -> tuple[str, bytes]:
    for file, data in files.items():
        stem, _, suffix = file.partition(".")
        if stem == field:
            return suffix, data
    raise DataError(f"{name}: no {field} in it; it has {', '.join(files)}")


def _meta(files: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(files["json"]))
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{name}: its json cannot be read ({error}); pack the shard anew") from None


def _put(place: Tensor, found: Tensor, name: str) -> None:
    if place.shape != found.shape:
        sizes = " and ".join(f"{h} x {w}" for h, w in (place.shape[-2:], found.shape[-2:]))
        raise DataError(f"{name}: samples of {sizes} cannot be one batch; load the data with size=")
    place.copy_(found)
