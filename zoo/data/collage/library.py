"""A folder of photos in memory: each is decoded once, kept small, and belongs to one split."""

import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from registry import listed
from zoo.data.dataset import DataError, NoSplitError
from zoo.data.files.archive import Folder, images
from zoo.data.files.images import SUFFIXES, decode, decode_rgba, resize

MEMORY = 1 << 30  # bytes of all photos of a library
FINER = 1.3  # a photo's side against the picture's: a view shows between half of it and all
LEAST, MOST = 96, 1024  # pixels of a photo's side
SHARES = {"test": 0.1, "val": 0.1}  # of the photos; the rest is for training
SHOWN = 5  # names in one message
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Library:
    """Photos of a split: names, uint8 (n, c, side, side), and each one's width over its height.

    They are squeezed into squares, so that a batch is one tensor; whoever looks at one stretches it again.
    """

    names: tuple[str, ...]
    photos: Tensor
    aspects: Tensor  # (n,)

    def __len__(self) -> int:
        return len(self.names)


def library(folder: str, split: str, size: tuple[int, int], *, cutouts: bool = False) -> Library:
    """The photos of a folder that belong to a split, large enough for pictures of a size; cutouts: with their alpha."""
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder of photos")
    store = Folder(folder)
    names = images(store)
    if not names:
        raise DataError(f"{folder}: no images in it; files that end in {' '.join(SUFFIXES)} are looked at")
    chosen = _of_split(folder, names, split)
    channels = 4 if cutouts else 3
    room = int((MEMORY / (channels * len(chosen))) ** 0.5)
    if room < LEAST:
        raise DataError(f"{folder}: {len(chosen):,} photos take more than {MEMORY / 1e9:.1f} GB of memory; give fewer")
    side = min(max(round(FINER * max(size)), LEAST), MOST, room)
    kept, photos, aspects, damaged = [], [], [], []
    for name in chosen:
        try:
            photo = _read(store, name, cutouts=cutouts)
        except DataError as error:
            damaged.append(str(error))
            continue
        kept.append(name)
        aspects.append(photo.shape[2] / photo.shape[1])
        photos.append(resize(photo, (side, side)))
    lost = f"{folder}: {len(damaged)} of {len(chosen)} photos of split {split} cannot be used: {listed(damaged, SHOWN)}"
    if not kept:
        raise DataError(lost)
    if damaged:
        warnings.warn(lost, stacklevel=2)
    return Library(tuple(kept), _shared(torch.stack(photos)), torch.tensor(aspects))


def _read(store: Folder, name: str, *, cutouts: bool) -> Tensor:
    label = store.label(name)
    if not cutouts:
        return decode("bg", store.read(name), label)
    alpha = (cutout := decode_rgba(store.read(name), label))[3].numpy()
    rows, columns = np.nonzero(alpha.any(1))[0], np.nonzero(alpha.any(0))[0]
    if not len(rows):
        raise DataError(f"{label}: nothing to see in it")
    return cutout[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _shared(photos: Tensor) -> Tensor:
    """In memory that processes share: a worker takes no copy."""
    return photos.share_memory_()  # type: ignore[no-untyped-call]


def _of_split(folder: str, names: list[str], split: str) -> list[str]:
    """The names that belong to a split, whole photos each; where they lie in the order of their hashes decides."""
    order = sorted(names, key=lambda name: (zlib.crc32(Path(name).name.encode()), name))
    counts = {each: max(1, round(share * len(order))) for each, share in SHARES.items()}
    if len(order) < len(SPLITS):
        counts = dict.fromkeys(counts, 0)
    start, parts = 0, {}
    for each, count in counts.items():
        parts[each] = order[start : start + count]
        start += count
    parts["train"] = order[start:]
    there = tuple(each for each in SPLITS if parts[each])
    if split not in there:
        raise NoSplitError(
            f"{folder} has {len(names)} photos, and so no split {split}; from {len(SPLITS)} photos on there are"
            f" {', '.join(SPLITS)}",
            there,
        )
    return sorted(parts[split])
