"""The founding recipe: every object on every background, at random places, mirrored and not."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from registry import require
from registry.vocabulary import SMALLEST
from zoo.data.dataset import DataError
from zoo.data.files.archive import read_file
from zoo.data.files.images import Suffix, decode, decode_rgba, encode, to_bytes
from zoo.data.making.depth_sources import Scene, build
from zoo.data.making.ingredients import Ingredient
from zoo.data.making.placing import SOLID, Placement, box, cover, paste, place, premultiply

VERSION = 1  # of the pictures: other pictures from the same settings are another version

Format = Literal["png", "jpeg"]
SUFFIX: dict[Format, Suffix] = {"png": "png", "jpeg": "jpg"}


@dataclass(frozen=True, kw_only=True)
class ComposeSettings:
    """What is to be made of the backgrounds and the cut-outs."""

    per_pair: int = 20  # placements of an object on a background
    flip: bool = False  # as many again, mirrored
    size: tuple[int, int] = (224, 224)  # h, w of the pictures
    share: tuple[float, float] = (0.2, 0.7)  # least and greatest height of an object, of the picture's
    seed: int = 0
    quality: int = 90  # of JPEG
    mask: Literal["soft", "binary"] = "soft"
    mask_format: Format = "png"
    depth: str = "plane"
    depth_format: Format = "png"

    def __post_init__(self) -> None:
        low, high = self.share
        require(self.per_pair >= 1, "per_pair", self.per_pair, "a whole number from 1 up")
        require(min(self.size) >= SMALLEST, "size", self.size, f"pixels from {SMALLEST} up")
        require(0 < low <= high <= 1, "share", self.share, "two shares of the height, 0 < least <= greatest <= 1")
        require(self.seed >= 0, "seed", self.seed, "a whole number from 0 up")
        require(1 <= self.quality <= 100, "quality", self.quality, "1 to 100")


@dataclass(frozen=True)
class Composition:
    """Settings with their ingredients: sample n is the same whatever else is made, and by whom."""

    recipe: ComposeSettings
    bg_folder: Path
    fg_folder: Path
    backgrounds: tuple[Ingredient, ...]
    cutouts: tuple[Ingredient, ...]
    ground: float  # the highest place of a foot
    depth_files: str  # digest of what the depth source reads, its maps of the backgrounds aside

    @property
    def per_cutout(self) -> int:
        """Samples of one object on one background."""
        return self.recipe.per_pair * (2 if self.recipe.flip else 1)

    @property
    def per_background(self) -> int:
        return self.per_cutout * len(self.cutouts)

    def __len__(self) -> int:
        return self.per_background * len(self.backgrounds)

    def settings(self) -> dict[str, Any]:
        """What the samples depend on, as JSON can hold it."""
        return {
            "version": VERSION,
            "samples": len(self),
            "per_background": self.per_background,
            **asdict(self.recipe),
            "depth_files": self.depth_files,
            "backgrounds": {one.name: one.digest for one in self.backgrounds},
            "cutouts": {one.name: one.digest for one in self.cutouts},
        }

    def facts(self, number: int) -> dict[str, Any]:
        """What a sample was made of."""
        background, cutout, where = self.parts(number)
        return {"bg": background.name, "object": cutout.name, "placement": asdict(where)}

    def parts(self, number: int) -> tuple[Ingredient, Ingredient, Placement]:
        """A sample's background and cut-out, and where that stands: at random, by the seed and the number alone."""
        recipe, cutout = self.recipe, self.cutouts[number % self.per_background // self.per_cutout]
        where = place(
            (recipe.seed, number),
            (cutout.h, cutout.w),
            recipe.size,
            share=recipe.share,
            ground=self.ground,
            flip=recipe.flip and number % 2 == 1,
        )
        return self.backgrounds[number // self.per_background], cutout, where

    @property
    def suffixes(self) -> dict[str, Suffix]:
        """Map -> suffix of its files."""
        recipe = self.recipe
        return {"bg": "jpg", "fg_bg": "jpg", "mask": SUFFIX[recipe.mask_format], "depth": SUFFIX[recipe.depth_format]}


def sample_files(composition: Composition, number: int) -> dict[str, bytes]:
    """The files of a sample: bg, fg_bg, mask and depth."""
    recipe = composition.recipe
    photo, cutout, where = composition.parts(number)
    bg, bg_file = _background(composition.bg_folder / photo.name, recipe.size, recipe.quality)
    fg_bg, alpha = paste(bg, _cutout(composition.fg_folder / cutout.name), where)
    seen = to_bytes(alpha)
    solid = seen >= SOLID
    depth = _source(recipe.depth).depth(Scene(bg, fg_bg, solid, photo.name, (photo.h, photo.w)))
    maps = {
        "fg_bg": to_bytes(fg_bg),
        "mask": seen if recipe.mask == "soft" else solid.byte() * 255,
        "depth": to_bytes(depth),
    }
    files = {name: encode(image, composition.suffixes[name], recipe.quality) for name, image in maps.items()}
    return {"bg": bg_file, **files}


@lru_cache(maxsize=2)
def _background(path: Path, size: tuple[int, int], quality: int) -> tuple[Tensor, bytes]:
    """A background (3, h, w) in [0, 1], and its file."""
    image = cover(decode("bg", read_file(path), str(path)), size).round().clamp(0, 255).byte()
    return image.float() / 255, encode(image, "jpg", quality)


@lru_cache(maxsize=16)
def _cutout(path: Path) -> Tensor:
    """What is seen of a cut-out, (4, h, w) premultiplied."""
    image = decode_rgba(read_file(path), str(path))
    seen = box(image)
    if seen is None:
        raise DataError(f"{path} was changed while it was in use; put it back, or compose into another folder")
    top, left, bottom, right = seen
    return premultiply(image[:, top:bottom, left:right])


_source = lru_cache(maxsize=1)(build)
