"""What pictures are composed of: backgrounds and cut-outs, each looked at once before the work begins."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from registry import listed
from zoo.data.dataset import DataError
from zoo.data.files.images import SUFFIXES, decode_rgb, decode_rgba
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


Look = Callable[[str, str, bytes], Ingredient | str]  # (name, path, content) -> what can be used, or why it cannot


def backgrounds(folder: Path, depth: DepthSource, *, workers: int | None, tick: Tick) -> list[Ingredient]:
    """The backgrounds of a folder that can be read; the others are left out, with a warning that names them.

    One without the depth map that `depth` needs is an error: which backgrounds there are must not depend on that.
    """
    found = _usable(folder, _background, "backgrounds", workers, tick)
    return [Ingredient(one.name, one.digest + depth.digest_of(one.name), one.h, one.w) for one in found]


def cutouts(folder: Path, *, workers: int | None, tick: Tick) -> list[Ingredient]:
    """The cut-outs of a folder with something to see and something to see through; the others are left out."""
    return _usable(folder, _cutout, "cut-outs", workers, tick)


def _usable(folder: Path, look: Look, what: str, workers: int | None, tick: Tick) -> list[Ingredient]:
    names = _listed(folder)
    found: dict[str, Ingredient] = {}
    wrong: dict[str, str] = {}
    for done, (name, result) in enumerate(
        run(partial(_looked_at, look, folder), names, workers=1 if len(names) <= ALONE else workers), start=1
    ):
        tick(f"looking at {what}", done, len(names))
        if isinstance(result, Ingredient):
            found[name] = result
        else:
            wrong[name] = result
    said = listed([wrong[name] for name in sorted(wrong)], SHOWN)
    if not found:
        raise DataError(f"none of the {len(names)} images in {folder} can be used: {said}")
    if wrong:
        warnings.warn(f"{len(wrong)} of {len(names)} {what} left out: {said}", stacklevel=2)
    return [found[name] for name in sorted(found)]


def _listed(folder: Path) -> list[str]:
    """The image files of a folder and the folders in it, by their names inside it."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))
    if not names:
        raise DataError(f"{folder}: no images in it; files that end in {' '.join(SUFFIXES)} are looked at")
    return names


def _looked_at(look: Look, folder: Path, name: str) -> Ingredient | str:
    """What can be used, or what is wrong with it."""
    path = folder / name
    try:
        return look(name, str(path), path.read_bytes())
    except DataError as error:
        return str(error)
    except OSError as error:
        return f"{path}: {error.strerror}"


def _background(name: str, path: str, data: bytes) -> Ingredient:
    _, h, w = decode_rgb(data, path).shape
    return Ingredient(name, digest(data), h, w)


def _cutout(name: str, path: str, data: bytes) -> Ingredient | str:
    """The cut-out, or what is wrong with it."""
    image = decode_rgba(data, path)
    seen = box(image)
    if seen is None:
        return f"{path}: nothing of it is solid, so there is no object to see"
    if int(image[3].min()) == 255:
        return f"{path}: no see-through pixels, so it is no cut-out; save it as PNG or WebP with an alpha channel"
    top, left, bottom, right = seen
    return Ingredient(name, digest(data), bottom - top, right - left)
