"""What a network found in a photo, and the files that show it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from registry import OptionError, require
from zoo.contract import Task
from zoo.data.dataset import DataError
from zoo.data.files.images import encode, to_bytes
from zoo.deploy.colours import coloured
from zoo.files import write_bytes

FILES: dict[Task, tuple[str, ...]] = {"mask": ("mask", "binary", "cutout"), "depth": ("depth", "depth_preview")}


@dataclass(frozen=True)
class Predicted:
    """The maps of one photo, at its size, on the CPU; None for a task that the network has not, or never learned.

    photo   (c, h, w) as it was read: uint8, or float32 in [0, 1]
    mask    (1, h, w) probability of object
    depth   (1, h, w) relative depth, 0 nearest, 1 farthest or sky

    >>> found = Predicted(torch.zeros(3, 8, 8), torch.full((1, 8, 8), 0.4), None)
    >>> found.binary.any().item(), found.at(0.3).binary.all().item()
    (False, True)
    """

    photo: Tensor
    mask: Tensor | None
    depth: Tensor | None
    threshold: float = 0.5  # the probability from which a pixel is object

    def __post_init__(self) -> None:
        require_probability("threshold", self.threshold)

    def at(self, threshold: float) -> "Predicted":
        """The same maps with another threshold, for `binary`, `cutout` and the files."""
        return replace(self, threshold=threshold)

    @property
    def binary(self) -> Tensor | None:
        """Where the object is, bool (1, h, w)."""
        return None if self.mask is None else self.mask >= self.threshold

    @property
    def cutout(self) -> Tensor | None:
        """The object alone, uint8 (4, h, w): colours, then alpha. None without a mask, or where the photo is no RGB.

        Alpha is the probability, and 0 below the threshold, so that edges are soft and no haze lies around them;
        pixels with alpha 0 are black.
        """
        if self.mask is None or len(self.photo) not in (1, 3):
            return None
        alpha = to_bytes(self.mask * (self.mask >= self.threshold))
        colours = self.photo if self.photo.dtype == torch.uint8 else to_bytes(self.photo)
        return torch.cat([colours.expand(3, -1, -1) * (alpha > 0), alpha])

    def save(self, folder: str | PathLike[str], stem: str, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write PNG files into a folder, which is made if it is missing; each is written whole or not at all.

        STEM_mask            8 bits: the probability of object, 255 is 1
        STEM_binary          8 bits: 255 where the probability reaches the threshold, else 0
        STEM_cutout          RGBA: the object
        STEM_depth           16 bits: relative depth, 0 nearest, 65535 farthest
        STEM_depth_preview   colours: near is yellow, far is dark blue

        Files that are there already are refused, unless overwrite.
        """
        if not stem or Path(stem).name != stem or "\0" in stem:
            raise OptionError(f"stem={stem!r} is not accepted; it is how the files' names begin, without a folder")
        folder = Path(folder)
        pictures = pictures_of(self)
        if "mask" in pictures:
            pictures["mask"] *= pictures["mask"].max() > 1  # a file of 0 and 1 would be read as labels
        paths = {name: folder / f"{stem}_{name}.png" for name in pictures}
        refuse_existing(() if overwrite else paths.values())
        encoded = {name: encode(picture) for name, picture in pictures.items()}  # all, before the first is written
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            write_bytes(path, encoded[name])
        return tuple(paths.values())


def pictures_of(found: Predicted) -> dict[str, Tensor]:
    """What the files show, or rows of them: names -> uint8 (c, h, w), uint16 (1, h, w) of the depth."""
    pictures: dict[str, Tensor] = {}
    if found.mask is not None:
        pictures["mask"] = to_bytes(found.mask)
        pictures["binary"] = to_bytes((found.mask >= found.threshold).float())
        if (cutout := found.cutout) is not None:
            pictures["cutout"] = cutout
    if found.depth is not None:
        pictures["depth"] = (found.depth.double() * 65535).round().to(torch.uint16)
        pictures["depth_preview"] = coloured(found.depth)
    return pictures


def require_probability(name: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    require(is_number and 0 <= value <= 1, name, value, "a probability from 0 to 1")


def files(folder: Path, stem: str, tasks: Iterable[Task]) -> list[Path]:
    """Every file that `Predicted.save` may write."""
    return list(paths_of(folder, stem, tasks).values())


def preview_of(folder: Path, stem: str) -> tuple[Path, ...]:
    """The file of a quarter of the size that may come first."""
    return (folder / f"{stem}_preview.png",)


def paths_of(folder: Path, stem: str, tasks: Iterable[Task]) -> dict[str, Path]:
    """The same, by what each shows."""
    return {name: folder / f"{stem}_{name}.png" for task in tasks for name in FILES[task]}


def refuse_existing(paths: Iterable[Path]) -> None:
    """Raise DataError if any of them exists."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise DataError(f"{there[0]}{more}: already exists; allow overwrite (--overwrite), or give another folder")
