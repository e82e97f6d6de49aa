"""One composite by index: a view of a background, cut-outs in front of it, and two exposures."""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from PIL import Image

from zoo.data.dataset import DamagedError, DataError
from zoo.data.files.archive import Folder
from zoo.data.files.images import decode, decode_rgba
from zoo.data.shots.camera import BICUBIC, STILL, Box, Exposure, Rng, seen, shadowed, taken

VERSION = 1  # raised whenever a picture changes
COUNTS = (0.1, 0.6, 0.22, 0.08)  # share of composites with 0, 1, 2 and 3 objects
HEIGHTS = (0.08, 1.1)  # of an object, in heights of the picture
KEPT = 64  # decoded files that are kept


@dataclass(frozen=True)
class Stock:
    """A folder's images of a split, decoded when they are needed."""

    store: Folder
    names: tuple[str, ...]

    def draw(self, rng: Rng, mode: str) -> tuple[str, Image.Image]:
        name = self.names[rng.integers(len(self.names))]
        return name, _decoded(self.store, name, mode)


@lru_cache(KEPT)
def _decoded(store: Folder, name: str, mode: str) -> Image.Image:
    read = decode_rgba if mode == "RGBA" else partial(decode, "bg")
    try:
        image = Image.fromarray(read(store.read(name), store.label(name)).permute(1, 2, 0).numpy())
    except DataError as error:
        raise DamagedError(str(error)) from error
    image.thumbnail((1024, 1024), BICUBIC, reducing_gap=3)
    return image


def composite(
    backgrounds: Stock, cutouts: Stock, rng: Rng, size: tuple[int, int], *, is_aligned: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, object]]:
    """bg, fg_bg uint8 (h, w, 3), mask uint8 (h, w), and what it is made of. is_aligned: the plate is perfect."""
    name, photo = backgrounds.draw(rng, "RGB")
    box = _view(photo, rng, size)
    scene = seen(photo, box, STILL, size)
    mask, used = Image.new("L", scene.size), []
    for _ in range(int(rng.choice(len(COUNTS), p=COUNTS))):
        which, cutout = cutouts.draw(rng, "RGBA")
        placed, foot = _placed(cutout, rng, size)
        alpha = placed.getchannel("A")
        scene = scene if is_aligned else shadowed(scene, alpha, foot, rng)
        scene = Image.composite(placed.convert("RGB"), scene, alpha)
        mask = Image.composite(Image.new("L", mask.size, 255), mask, alpha)
        used.append(which)
    first = Exposure() if is_aligned else Exposure.draw(rng, moved=True)
    second = Exposure() if is_aligned else Exposure.draw(rng, moved=False)
    bg = taken(seen(photo, box, first.corners, size), first, rng)
    return bg, taken(scene, second, rng), np.asarray(mask), {"bg": name, "objects": used}


def _view(photo: Image.Image, rng: Rng, size: tuple[int, int]) -> Box:
    """A crop of the picture's aspect, with room around it for a camera that was moved."""
    aspect = size[1] / size[0]
    high = min(photo.height, photo.width / aspect) * rng.uniform(0.55, 0.88)
    wide = high * aspect
    room = 0.06 * wide
    left, top = (
        rng.uniform(min(room, spare / 2), max(spare - room, spare / 2))
        for spare in (photo.width - wide, photo.height - high)
    )
    return left, top, left + wide, top + high


def _placed(cutout: Image.Image, rng: Rng, size: tuple[int, int]) -> tuple[Image.Image, int]:
    """A cut-out somewhere in a transparent picture of (h, w), cut by its border perhaps; and its foot's row."""
    h, w = size
    low, high = np.log(HEIGHTS)
    tall = max(2, round(float(np.exp(rng.uniform(low, high))) * h))
    cutout = cutout.crop(cutout.getchannel("A").getbbox() or (0, 0, *cutout.size))
    wide = max(2, min(round(cutout.width * tall / cutout.height), 2 * w))
    cutout = cutout.resize((wide, tall), Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        cutout = cutout.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cutout = cutout.rotate(rng.normal(0, 5), BICUBIC, expand=True)
    foot = round(rng.uniform(0.5, 1.1) * h)
    picture = Image.new("RGBA", (w, h))
    picture.paste(cutout, (round(rng.uniform(-0.1, 1.1) * w - cutout.width / 2), foot - cutout.height))
    return picture, foot
