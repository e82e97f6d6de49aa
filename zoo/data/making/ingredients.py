"""What pictures are composed of: backgrounds and cut-outs, each looked at once before the work begins."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from registry import listed
from zoo.data.dataset import DataError
from zoo.data.files.archive import Folder, folder_of_images
from zoo.data.files.images import decode, decode_rgba
from zoo.data.making.depth_sources import DepthSource, digest
from zoo.data.making.placing import box
from zoo.parallel import run
from zoo.progress import Tick

SHOWN = 5  # files named in one message
ALONE = 200  # files that are looked at before other processes have started


@dataclass(frozen=True)
class Ingredient:
    """A file that can be used. h, w: of the background, or of what is seen of the cut-out."""

    name: str  # inside its folder
    digest: str
    h: int
    w: int


Look = Callable[[bytes, str], tuple[int, int]]  # (content, path) -> h, w; a DataError says why it cannot be used


def backgrounds(folder: Path, depth: DepthSource, *, workers: int | None, tick: Tick) -> list[Ingredient]:
    """The backgrounds of a folder that can be read; the others are left out, with a warning that names them.

    One without the depth map that `depth` needs is an error: which backgrounds there are must not depend on that.
    """
    found = _usable(folder, _background, "backgrounds", workers, tick)
    return [replace(one, digest=one.digest + depth.digest_of(one.name)) for one in found]


def cutouts(folder: Path, *, workers: int | None, tick: Tick) -> list[Ingredient]:
    """The cut-outs of a folder with something to see and something to see through; the others are left out."""
    return _usable(folder, _cutout, "cut-outs", workers, tick)


def _usable(folder: Path, look: Look, what: str, workers: int | None, tick: Tick) -> list[Ingredient]:
    store, names = folder_of_images(str(folder))
    found: dict[str, Ingredient | str] = {}
    for name, result in run(partial(_looked_at, look, store), names, workers=1 if len(names) <= ALONE else workers):
        found[name] = result
        tick(f"looking at {what}", len(found), len(names))
    results = [found[name] for name in sorted(found)]
    usable = [one for one in results if isinstance(one, Ingredient)]
    wrong = [one for one in results if isinstance(one, str)]
    if not usable:
        raise DataError(f"none of the {len(names)} images in {folder} can be used: {listed(wrong, SHOWN)}")
    if wrong:
        warnings.warn(f"{len(wrong)} of {len(names)} {what} left out: {listed(wrong, SHOWN)}", stacklevel=2)
    return usable


def _looked_at(look: Look, store: Folder, name: str) -> Ingredient | str:
    """What can be used, or what is wrong with it."""
    try:
        data = store.read(name)
        return Ingredient(name, digest(data), *look(data, store.label(name)))
    except DataError as error:
        return str(error)


def _background(data: bytes, path: str) -> tuple[int, int]:
    _, h, w = decode("bg", data, path).shape
    return h, w


def _cutout(data: bytes, path: str) -> tuple[int, int]:
    image = decode_rgba(data, path)
    seen = box(image)
    if seen is None:
        raise DataError(f"{path}: transparent everywhere, so there is no object in it")
    if int(image[3].min()) == 255:
        raise DataError(
            f"{path}: no transparent pixels, so it is not a cut-out; save it as PNG or WebP with an alpha channel"
        )
    top, left, bottom, right = seen
    return bottom - top, right - left
