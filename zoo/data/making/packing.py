"""Packing a data set into shards: one shard after the other, in several processes, resumable after a kill.

A shard is in place or it is not; the plan beside the shards says what they are packed from, so that a second run goes
on where the first one ended, and refuses to mix two data sets. The index comes last and takes the plan's place.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any, cast

import torch

from registry.vocabulary import Split
from zoo.contract import TASKS, Sample, Task
from zoo.data.dataset import DamagedError, DataError, PairDataset, load
from zoo.data.files.images import Suffix, encode, to_bytes
from zoo.data.files.shards import INDEX, Index, Shard, finished, read_index, shard_name, write_index, write_shard
from zoo.data.making.settings import require_same, settle
from zoo.data.sources.folders import Folders
from zoo.files import sweep
from zoo.lock import locked
from zoo.parallel import Workers

WIDTH = 9  # digits of a key

IN_THIS_PROCESS = Workers(1)

_dataset = cache(load)  # opened once in each process


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is packed, and how. samples: None packs all there are."""

    spec: str
    split: Split
    folder: Path
    per_shard: int = 1000
    size: tuple[int, int] | None = None
    samples: int | None = None
    pictures: Suffix = "jpg"
    quality: int = 95  # of JPEG, where pictures are encoded

    @property
    def file(self) -> Path:
        """Where the plan stands while it is carried out."""
        return self.folder / f".{self.split}.plan.json"

    def shard(self, number: int) -> Path:
        return self.folder / shard_name(self.split, number)

    @property
    def dataset(self) -> PairDataset:
        return _dataset(self.spec, split=self.split, size=self.size)


def pack(plan: Plan, *, workers: Workers = IN_THIS_PROCESS) -> Iterator[tuple[int, int]]:
    """Write the shards and the index of a split; yields how many samples were looked at, and how many there are.

    workers: on a cluster all folders lie on shared storage.
    """
    _dataset.cache_clear()  # files may have come since
    there = len(plan.dataset)
    total = there if plan.samples is None else min(plan.samples, there)
    if not total:
        raise DataError(f"{plan.spec} has no samples in split {plan.split}: there is nothing to pack")
    plan.dataset.keep_split()
    facts = _facts(plan, total)
    with locked(plan.folder):
        index, hint = plan.folder / f"{plan.split}{INDEX}", f"pack into another folder than {plan.folder}"
        if index.exists():
            begun = read_index(index).source
            require_same({name: begun.get(name) for name in facts}, facts, f"{index} was packed", hint)
            yield total, total
            return
        settle(plan.file, facts, hint)
        sweep(plan.folder, f".{plan.split}-*.part")
        numbers = range(-(-total // plan.per_shard))
        kept = {number: shard for number in numbers if (shard := finished(plan.shard(number)))}
        yield min(len(kept) * plan.per_shard, total), total
        missing = [number for number in numbers if number not in kept]
        for number, shard in workers.run(partial(_pack, plan, total), missing):
            kept[number] = shard
            yield min(len(kept) * plan.per_shard, total), total
        write_index(plan.folder, Index(plan.split, tuple(kept[number] for number in numbers), facts))
        plan.file.unlink()


def _pack(plan: Plan, total: int, number: int) -> Shard:
    """Write one shard. A sample that cannot be read is left out, and its key with it."""
    first = number * plan.per_shard
    samples = (
        (f"{index:0{WIDTH}d}", files)
        for index in range(first, min(first + plan.per_shard, total))
        if (files := sample_files(plan, index)) is not None
    )
    return write_shard(plan.shard(number), samples)


def sample_files(plan: Plan, index: int) -> dict[str, bytes] | None:
    """The files of one sample: those it is made of, byte for byte, where there are any; encoded otherwise."""
    dataset = plan.dataset
    try:
        sample = dataset[index]  # copied files are decoded too, so that no damaged one gets into a shard
    except DamagedError:
        return None
    meta = cast("dict[str, Any]", sample.meta)
    text = json.dumps(meta, default=_plain).encode()
    if isinstance(dataset, Folders) and plan.size is None:
        return {**_copied(dataset, index), "json": text}
    return {**_encoded(sample, plan), "json": text}


def _copied(dataset: Folders, index: int) -> dict[str, bytes]:
    """The very files of a sample, "bg.jpg" -> content."""
    row = dataset.layout.row(index)
    suffixes = {name: PurePosixPath(file).suffix.lower().replace("jpeg", "jpg") for name, file in row.items()}
    return {f"{name}{suffixes[name]}": dataset.layout.store.read(file) for name, file in row.items()}


def _encoded(sample: Sample, plan: Plan) -> dict[str, bytes]:
    """Photos as JPEG or PNG, of the tasks that the data knows the mask in 8 bits, the depth in 16, and where they are
    not known."""
    tasks: tuple[Task, ...] = getattr(plan.dataset, "tasks", TASKS)
    photos = {"bg": sample.bg, "fg_bg": sample.fg_bg}
    if any(photo.shape[0] not in (1, 3) for photo in photos.values()):
        raise DataError(f"shards hold photos of 1 or 3 channels, and {plan.spec} gives {sample.bg.shape[0]}")
    files = {
        f"{name}.{plan.pictures}": encode(to_bytes(photo), plan.pictures, plan.quality)
        for name, photo in photos.items()
    }
    if "mask" in tasks:
        mask = to_bytes(sample.mask)
        if int(mask.max()) == 1:
            mask = torch.zeros_like(mask)  # a file of nothing but 0 and 1 would be read as labels; this is 1 of 255
        files["mask.png"] = encode(mask)
    if "depth" in tasks:
        files["depth.png"] = encode((sample.depth.clamp(0, 1) * 65535).round().to(torch.int32).to(torch.uint16))
    known = {f"valid_{task}": sample.known(task) for task in tasks}
    first, *others = known.values()
    if all(other.equal(first) for other in others):
        known = {"valid": first}
    return files | {f"{name}.png": encode(to_bytes(where)) for name, where in known.items() if not bool(where.all())}


def _plain(value: Any) -> Any:
    """What JSON does not know: numbers of numpy and torch, tensors, paths."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _facts(plan: Plan, total: int) -> dict[str, Any]:
    """What tells one packing from another."""
    facts = asdict(plan) | {"spec": str(plan.dataset.spec), "samples": total}
    del facts["folder"], facts["split"]
    if isinstance(plan.dataset, Folders):
        facts["split_note"] = plan.dataset.split_note
        facts["reading"] = {"tasks": plan.dataset.tasks}
        if plan.size is None:
            facts["reading"]["depth"] = plan.dataset.depth
    elif (tasks := tuple(getattr(plan.dataset, "tasks", TASKS))) != TASKS:
        facts["reading"] = {"tasks": tasks}
    return facts
