"""What every source of data gives: random access to samples and batches; and the catalog of sources."""

import operator
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import default_collate

from registry import Catalog, Entry, OptionError, Spec, UnknownNameError, ZooError, require_each
from registry.vocabulary import SMALLEST, SPLITS, Split
from zoo.contract import Sample, checked_size

Read = TypeVar("Read")  # what somebody makes of samples


class DataError(ZooError):
    """Data that cannot be read, found or written; the message names the file."""


class DamagedError(DataError):
    """One sample that cannot be read, of data that may be used without it."""


class NoSplitError(DataError):
    """Data without the requested split. there: the splits it has, if any."""

    def __init__(self, message: str, there: tuple[str, ...] = ()):
        super().__init__(message)
        self.there = there


class PairDataset(torch.utils.data.Dataset[Sample]):
    """Samples by index. A source defines `__len__` and `sample`; one that makes whole batches at once, `batch` too.

    >>> class Grey(PairDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def sample(self, index):
    ...         one = torch.full((1, 8, 8), 0.5)
    ...         return Sample(one.expand(3, 8, 8), one.expand(3, 8, 8), one, one, torch.ones(2, 8, 8), {})
    >>> Grey().batch([0, 1]).bg.shape
    torch.Size([2, 3, 8, 8])
    """

    spec: Spec  # name and every option; set by `load`, kept in records
    split: str
    size: tuple[int, int] | None  # h, w; None: as the files are
    decided: Mapping[str, Any] = {}  # options whose default depends on the others

    @property
    def problems(self) -> dict[str, str]:
        """The samples that could not be used, as far as they were read: name -> reason."""
        return {}

    def report(self) -> str:
        """The same in a few lines; empty if all could be used."""
        return ""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def sample(self, index: int) -> Sample:
        """One sample, 0 <= index < len(self)."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(index)")

    def __getitem__(self, index: int) -> Sample:
        n = len(self)
        try:
            index = operator.index(index)
        except TypeError:
            raise OptionError(
                f"[{index!r}] is not an index; give one whole number, or several to batch, as data.batch([0, 1])"
            ) from None
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of range: {self.spec} has {n} samples in split {self.split}")
        return self.sample(index % n)

    def batch(self, indices: Sequence[int]) -> Sample:
        """Samples stacked, (b, ...) each; the sizes must agree."""
        return collate([self[index] for index in indices])

    def keep_split(self) -> None:
        """Write the split beside the data if it was decided here; every training calls this."""

    def damaged(self, indices: Iterable[int]) -> dict[int, str]:
        """Those of the samples that cannot be read, and why; each is read to find out."""
        found = {}
        for index in indices:
            try:
                self[index]
            except DamagedError as error:
                found[index] = str(error)
        return found

    def batch_into(self, indices: Sequence[int], out: Sample) -> tuple[dict[str, Any], ...]:
        """Fill the tensors of `out`, (b, c, h, w) each, and return the metas; a source may do it without the copy."""
        made = self.batch(indices)
        if any(place.shape != value.shape for place, value in zip(out[:-1], made[:-1], strict=True)):
            raise OptionError(
                f"{self.spec} has samples of several sizes, which cannot be batches of one; load the data with size="
            )
        for place, value in zip(out[:-1], made[:-1], strict=True):
            place.copy_(value)
        return cast("tuple[dict[str, Any], ...]", made.meta)


class BatchDataset(PairDataset):
    """A source whose samples are functions of their index, made by the batch: it defines `__len__` and `make`."""

    def make(self, indices: NDArray[np.int64]) -> Sample:
        """One batch, 0 <= index < len(self)."""
        raise NotImplementedError(f"{type(self).__name__} must define make(indices)")

    def damaged(self, indices: Iterable[int]) -> dict[int, str]:
        """None is: they are computed."""
        return {}

    def sample(self, index: int) -> Sample:
        return Sample(*(field[0] for field in cast("tuple[Any, ...]", self.batch([index]))))

    def batch(self, indices: Sequence[int]) -> Sample:
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size and not (-len(self) <= chosen.min() and chosen.max() < len(self)):
            raise IndexError(
                f"{self.spec.name} has {len(self):,} scenes in split {self.split}; {chosen.tolist()} go beyond"
            )
        return self.make(chosen % len(self))


def collate(samples: Sequence[Sample]) -> Sample:
    """Single samples as one batch.

    samples: of one size.

    >>> scenes = load("pairbench:clean", size=16)
    >>> collate([scenes[0], scenes[1]]).mask.shape
    torch.Size([2, 1, 16, 16])
    """
    sizes = {tuple(sample.fg_bg.shape[-2:]) for sample in samples}
    if len(sizes) > 1:
        raise DataError(f"samples of different sizes cannot be a batch: {sorted(sizes)}; load the data with size=")
    *columns, metas = zip(*samples, strict=True)
    return Sample._make([*map(default_collate, columns), metas])  # in shared memory in a worker


def without_damaged(
    dataset: PairDataset, indices: Sequence[int], read: Callable[[Sequence[int]], Read]
) -> tuple[Read | None, dict[int, str]]:
    """What `read` gives of the samples that are whole, None where none is; and the damaged ones, with the reason."""
    try:
        return read(indices), {}
    except DamagedError:
        damaged = dataset.damaged(indices)
    whole = [index for index in indices if index not in damaged]
    return read(whole) if whole else None, damaged


Source = Callable[..., PairDataset]  # (*, split, size, options) -> PairDataset; NAME:x gives x to the first option

sources: Catalog[Source] = Catalog("data source", package="zoo.data.sources", group="zoo.data")


def load(
    spec: str | Spec, *, split: Split = "train", size: int | tuple[int, int] | None = None, **options: Any
) -> PairDataset:
    """A data set by name.

    spec: "pairbench:hard", short for "pairbench(tier=hard)"; "folders:PATH" for "folders(path=PATH)"; or just the path
        of a folder, a zip or shards, whose kind is then seen from what is there; ./photos where a source is called so.
    split: what held-out splits are for: train, val, test; "all" where the data has none.
    size: pixels, one number or (h, w); images are resized to it. None keeps the files' size.

    options: of the source, by their names.

    >>> scenes = load("pairbench:hard", split="test", size=32)
    >>> len(scenes), scenes[0].bg.shape, scenes.batch(range(2)).depth.shape
    (10000, torch.Size([3, 32, 32]), torch.Size([2, 1, 32, 32]))
    """
    require_each("split", split, (split,), SPLITS)
    accepted = f"pixels from {SMALLEST} up, one number or (h, w), or None"
    checked = None if size is None else checked_size(size, accepted, largest=sys.maxsize)
    entry, resolved = resolve(spec, options)
    dataset = entry.factory(split=split, size=checked, **resolved)
    dataset.spec, dataset.split = Spec(entry.name, {**resolved, **dataset.decided}), split
    dataset.size = getattr(dataset, "size", checked)  # a source may have a size of its own where none is asked for
    return dataset


def resolve(spec: str | Spec, options: Mapping[str, Any]) -> tuple[Entry[Source], dict[str, Any]]:
    """The source of a spec, and all options of it; options: given beside the spec."""
    entry, told = parse(spec)
    given = told.extended(options)
    for name, option in entry.options.items():
        if name not in ("split", "size", *given) and option.default is Parameter.empty:
            raise OptionError(f"data source {entry.name} needs {name}, as in {entry.name}:{name.upper()}")
    return sources.resolve(Spec(entry.name, given), given_by_caller=("split", "size"))


def rendered_on(device: torch.device, spec: str | Spec) -> dict[str, str]:
    """The option of `load` that has a source compute its scenes on a device; nothing where it computes none, or the
    spec says where."""
    entry, told = parse(spec)
    is_free = device.type != "cpu" and "device" in entry.options and "device" not in told.options
    return {"device": str(device)} if is_free else {}


def parse(spec: str | Spec) -> tuple[Entry[Source], Spec]:
    """The source and the options of a spec; a bare path is one of the source that reads what is there."""
    if isinstance(spec, str) and not spec.strip():
        raise OptionError(f"data={spec!r} is not accepted; data takes a source, as pairbench:hard, or a folder's path")
    is_path = isinstance(spec, str) and spec not in sources and os.path.exists(spec)  # pathlib's raises for a long one
    if isinstance(spec, str) and is_path:
        entry = sources.get("shards" if any(Path(spec).glob("*.index.json")) else "folders")
        return entry, Spec(entry.name, {"path": spec})
    parsed = Spec.parse(spec) if isinstance(spec, str) else spec
    name, colon, argument = parsed.name.partition(":")
    try:
        entry = sources.get(name)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; and there is no folder or file {parsed.name}") from None
    given = dict(parsed.options)
    if colon:
        first = next(option for option in entry.options if option not in ("split", "size"))
        given = {first: argument, **given}
    return entry, Spec(entry.name, given)
