"""A camera that took the plate at another time, and from a place a little off; with Pillow and real JPEG files."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

Rng = np.random.Generator
Box = tuple[float, float, float, float]  # left, top, right, bottom
BICUBIC = Image.Resampling.BICUBIC
STILL = (0.0,) * 8  # how far the corners of a view are off, right and down each: not at all


@dataclass(frozen=True)
class Exposure:
    """How one picture was taken. corners: by how much each corner of its view is off, in shares of the width."""

    corners: tuple[float, ...] = STILL
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    vignette: float = 0.0
    blur: float = 0.0  # pixels at 128
    noise: float = 0.0
    quality: int = 65  # of JPEG, as the founding systems' data had it

    @classmethod
    def draw(cls, rng: Rng, *, moved: bool) -> "Exposure":
        shift = rng.normal(0, 0.012, 2) * (rng.random() < 0.85)
        turn = rng.normal(0, 0.015) * (rng.random() < 0.6)
        zoom = rng.normal(0, 0.012) * (rng.random() < 0.5)
        bend = rng.normal(0, 0.004, (4, 2))
        square = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
        turned = np.stack([-square[:, 1], square[:, 0]], 1)
        off = shift + turn * turned + zoom * square + bend
        warmth, tint = rng.normal(0, 0.04, 2)
        level = np.exp(rng.normal(0, 0.12))
        return cls(
            corners=tuple(off.flatten().tolist()) if moved else STILL,
            gain=(level * (1 + warmth), level * (1 + tint), level * (1 - warmth)),
            gamma=float(np.exp(rng.normal(0, 0.08))),
            vignette=float(rng.uniform(0, 0.3)) if rng.random() < 0.5 else 0.0,
            blur=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.4 else 0.0,
            noise=float(rng.uniform(0.004, 0.05)) if rng.random() < 0.7 else 0.0,
            quality=int(rng.integers(30, 96)),
        )


def seen(photo: Image.Image, box: Box, off: tuple[float, ...], size: tuple[int, int]) -> Image.Image:
    """What lies in a box of a photo whose corners are off, as a picture of (h, w)."""
    left, top, right, bottom = box
    wide = right - left
    corners = ((left, top), (left, bottom), (right, bottom), (right, top))
    quad = [value + wide * off[2 * i + axis] for i, corner in enumerate(corners) for axis, value in enumerate(corner)]
    return photo.transform((size[1], size[0]), Image.Transform.QUAD, quad, BICUBIC)


def shadowed(picture: Image.Image, alpha: Image.Image, foot: int, rng: Rng) -> Image.Image:
    """A picture with the soft shadow of what covers `alpha`, laid down from its foot to a side."""
    if rng.random() < 0.35:
        return picture
    lean, flat = rng.uniform(-1.2, 1.2), rng.uniform(0.15, 0.55)
    # the place (x, y) shows what was at (x + lean / flat * (foot - y), foot - (foot - y) / flat)
    matrix = (1, -lean / flat, lean / flat * foot, 0, 1 / flat, foot - foot / flat)
    cast = alpha.transform(alpha.size, Image.Transform.AFFINE, matrix, BICUBIC)
    cast = cast.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4) * alpha.width / 128))
    left = 1 - rng.uniform(0.15, 0.7)  # of the light
    return Image.composite(picture.point(lambda value: value * left), picture, cast)


def taken(picture: Image.Image, how: Exposure, rng: Rng) -> np.ndarray:
    """The picture as the camera wrote it to a file and somebody read it again: uint8 (h, w, 3)."""
    if how.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(how.blur * picture.width / 128))
    values = np.asarray(picture, np.float32) / 255
    values = values**how.gamma * np.asarray(how.gain, np.float32)
    h, w = values.shape[:2]
    y, x = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    values = values * (1 - how.vignette * (x**2 + y**2) / 2)[..., None]
    values = values + rng.normal(0, how.noise, values.shape) if how.noise else values
    file = io.BytesIO()
    Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8)).save(file, "JPEG", quality=how.quality)
    return np.asarray(Image.open(file))
