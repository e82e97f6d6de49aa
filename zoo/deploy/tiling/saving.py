"""Maps that come in rows, in the files that `Predicted.save` writes, each whole or not at all."""

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

from zoo.contract import Task
from zoo.data.files.images import encode, resize
from zoo.deploy.outputs import Predicted, paths_of, pictures_of, refuse_existing
from zoo.deploy.tiling.fusing import enlarged
from zoo.deploy.tiling.png import PNG
from zoo.deploy.tiling.rows import Maps, Parts
from zoo.files import replacing, write_bytes

QUARTER = 4  # of the photo's height and width: the answer that is there first
LABELS = 1  # a mask with no level above it would be read as labels


def save(
    photo: Tensor, parts: Parts, out: tuple[Path, str], *, threshold: float, tasks: Collection[Task], overwrite: bool
) -> tuple[Path, ...]:
    """As `Predicted.save`, of a photo (c, h, w) that is looked at in parts; the pixels are the same.

    out: folder, and how the names of the files begin.
    """
    h, w = photo.shape[-2:]
    paths = paths_of(*out, tasks)
    refuse_existing(() if overwrite else paths.values())
    out[0].mkdir(parents=True, exist_ok=True)
    with ExitStack() as drafts:
        files: dict[Path, PNG] = {}
        highest = 0
        for top, maps in parts.rows():
            known = {task: maps[task] for task in tasks if task in maps}
            rows = next(iter(known.values())).shape[1]
            pictures = pictures_of(_predicted(photo[:, top : top + rows], known, threshold))
            highest = max(highest, int(pictures["mask"].max())) if "mask" in pictures else highest
            for name, picture in pictures.items():
                path = paths[name]
                if path not in files:
                    file = drafts.enter_context(drafts.enter_context(replacing(path)).open("wb"))
                    files[path] = drafts.enter_context(PNG(file, h, w))
                files[path].add(picture)
    if "mask" in tasks and 0 < highest <= LABELS:
        _write_nothing(paths["mask"], h, w)
    return tuple(files)


def save_preview(photo: Tensor, parts: Parts, path: Path, *, threshold: float, tasks: Collection[Task]) -> None:
    """A quarter of the photo's height and width, from the look at the whole: the cut-out, or the mask, or the depth."""
    size = max(1, photo.shape[-2] // QUARTER), max(1, photo.shape[-1] // QUARTER)
    maps: Maps = {
        task: enlarged(logits, size, (0, size[0]), (0, size[1])).sigmoid()
        for task, logits in parts.whole.items()
        if task in tasks
    }
    pictures = pictures_of(_predicted(resize(photo, size), maps, threshold))
    for name in ("cutout", "mask", "depth_preview"):
        if name in pictures:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, encode(pictures[name]))
            return


def _predicted(photo: Tensor, maps: Maps, threshold: float) -> Predicted:
    return Predicted(photo, maps.get("mask"), maps.get("depth"), threshold)


def _write_nothing(path: Path, h: int, w: int) -> None:
    with replacing(path) as draft, draft.open("wb") as file, PNG(file, h, w) as png:
        for top in range(0, h, 256):
            png.add(torch.zeros(1, min(256, h - top), w, dtype=torch.uint8))
