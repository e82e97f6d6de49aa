"""Which files of a folder belong to a split, by their names alone: a photo keeps its split wherever it lies."""

import zlib
from pathlib import Path

from registry.vocabulary import SPLITS
from zoo.data.dataset import NoSplitError
from zoo.data.files.archive import Folder, folder_of_images

SHARES = {"test": 0.2, "val": 0.1}  # one for all sources: what one trains on, another does not test on


def of_split(folder: str, split: str) -> tuple[Folder, list[str]]:
    """A folder, and the names of its images that belong to a split; in the order of their hashes, test comes first.

    All are for training where there are fewer than three.
    """
    store, names = folder_of_images(folder)
    order = sorted(names, key=lambda name: (zlib.crc32(Path(name).name.encode()), name))
    enough = len(order) > len(SHARES)
    start, parts = 0, dict[str, list[str]]()
    for each, share in SHARES.items():
        end = start + (max(1, round(share * len(order))) if enough else 0)
        parts[each], start = order[start:end], end
    parts["train"] = order[start:]
    if not parts.get(split):
        there = tuple(each for each in SPLITS if parts.get(each))
        raise NoSplitError(f"{folder} has {len(names)} images, and no split {split}; it has {', '.join(there)}", there)
    return store, sorted(parts[split])
