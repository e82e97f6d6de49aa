"""A folder of photos in memory: each is decoded once, kept small, and belongs to one split."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from registry import listed
from zoo.data.dataset import DataError
from zoo.data.files.archive import Folder, folder_of_images
from zoo.data.files.images import decode, decode_rgba, resize
from zoo.data.splitting.named import of_split

MEMORY = 1 << 30  # bytes of all photos of a library
FINER = 1.3  # a photo's side against the picture's: a view shows between half of it and all
LEAST, MOST = 96, 1024  # pixels of a photo's side
SHOWN = 5  # names in one message


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

    def to(self, device: torch.device) -> "Library":
        """Where the pictures are made of it."""
        return replace(self, photos=self.photos.to(device), aspects=self.aspects.to(device))


def library(folder: str, split: str | None, size: tuple[int, int], *, cutouts: bool = False) -> Library:
    """The photos of a folder that belong to a split, large enough for pictures of a size; cutouts: with their alpha.

    split: None for all photos.
    """
    store, chosen = folder_of_images(folder) if split is None else of_split(folder, split)
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
    which = "photos" if split is None else f"photos of split {split}"
    lost = f"{folder}: {len(damaged)} of {len(chosen)} {which} cannot be used: {listed(damaged, SHOWN)}"
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
