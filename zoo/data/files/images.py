"""Image files as tensors and back. Whatever cannot be read rightly is a DataError that names the file.

Photos may be of any mode that has one meaning as RGB; masks are grey or an alpha channel; depth is grey of 8 or 16
bits, or floats in [0, 1]. EXIF rotation is applied, colour profiles are not. Of several pictures the first is read.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError
from torch import Tensor

from registry.vocabulary import LARGEST_PHOTO
from zoo.data.dataset import DataError

ROUNDING = 1.5  # pixels by which sides may miss a common aspect; halves and thirds of odd sizes do
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF")  # those that need no outside program
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".webp", ".tif", ".tiff")
Suffix = Literal["jpg", "png"]  # of the files that are written
LOSSY = ("JPEG", "MPO", "WEBP")
BYTES = 4  # of a file for each pixel that may be read, at most: an uncompressed photo has 3
GREY = 32  # of 255: how far apart the channels of a grey picture may be; JPEG keeps them within 2
BAND = 1 << 22  # pixels that are copied at once
WIDE = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # grey of 16 bits; I is how some formats come that hold as much


class TooLargeError(DataError):
    """More bytes or pixels than are read."""


def decode(which: str, data: bytes, name: str) -> Tensor:
    """The map in a file: uint8 (3, h, w) of bg and fg_bg, float (1, h, w) in [0, 1] of the others."""
    return map_of(which, open_image(data, name), name)


def map_of(which: str, image: Image.Image, name: str) -> Tensor:
    """The same of a decoded picture."""
    return {"mask": mask_of, "valid": mask_of, "depth": depth_of}.get(which, rgb_of)(image, name)


def decode_rgba(data: bytes, name: str) -> Tensor:
    """A cut-out, uint8 (4, h, w): colours, then alpha, which is 255 where the file has none."""
    image = open_image(data, name)
    if image.has_transparency_data and image.mode not in WIDE:  # those Pillow would clip, not scale
        return _tensor(image.convert("RGBA"))
    colours = rgb_of(image, name)
    return torch.cat([colours, torch.full_like(colours[:1], 255)])


def encode(image: Tensor, suffix: Suffix = "png", quality: int = 95) -> bytes:
    """uint8 (1 or 3, h, w) as a JPEG file of a quality; uint8 (1, 3 or 4, h, w) or uint16 (1, h, w) as a PNG file."""
    array, buffer = image.detach().cpu().numpy(), io.BytesIO()
    picture = Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0).copy())
    picture.save(buffer, "JPEG" if suffix == "jpg" else "PNG", quality=quality)  # which PNG does not look at
    return buffer.getvalue()


def open_image(data: bytes, name: str, max_pixels: int = LARGEST_PHOTO) -> Image.Image:
    """The decoded picture, upright; its `format` is the file's."""
    if not data:
        raise DataError(f"{name}: the file is empty")
    try:
        with _pillow_limit(max_pixels):
            header = Image.open(io.BytesIO(data), formats=FORMATS)
        require_pixels(header, name, max_pixels)
        header.load()
        ImageOps.exif_transpose(header, in_place=True)  # no second picture in memory
        return header
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image, or damaged at its start; {', '.join(FORMATS)} are read") from None
    except Image.DecompressionBombError:  # Pillow's own limit, beyond ours
        raise TooLargeError(f"{name}: too many pixels; at most {max_pixels:,} are read") from None
    except TooLargeError:
        raise
    except Exception as error:  # damage may raise anything: OSError, SyntaxError, struct.error, zlib.error
        raise DataError(f"{name}: damaged or cut short ({error or type(error).__name__})") from error


def require_pixels(image: Image.Image, name: str, max_pixels: int) -> None:
    """Raise where a picture is larger than may be read; its pixels need not be read for it."""
    if image.width * image.height > max_pixels:
        raise TooLargeError(
            f"{name}: {image.width:,} x {image.height:,} pixels are too many; at most {max_pixels:,} are read"
        )


@contextmanager
def _pillow_limit(max_pixels: int) -> Iterator[None]:
    """Pillow's limit, which is for the whole process, out of the way of a larger one."""
    before = Image.MAX_IMAGE_PIXELS
    if before is not None and max_pixels > before:
        Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def rgb_of(image: Image.Image, name: str) -> Tensor:
    """A photo, uint8 (3, h, w). See-through pixels have no colour, so a photo with some is refused."""
    if _see_through(image):
        raise DataError(
            f"{name}: a photo with transparent pixels (mode {image.mode}); lay it over a background or save it as RGB"
        )
    if image.mode in (*WIDE, "F"):
        image = Image.fromarray((_values(image, name) * 255).round().astype(np.uint8))
    return _tensor(_converted(image, "RGB", name))


def mask_of(image: Image.Image, name: str) -> Tensor:
    """A mask, float (1, h, w) in [0, 1], 1 is object: the alpha channel where anything is transparent, else the grey.

    A lossless file that holds only 0 and 1 of 255 holds labels, and 1 is object.
    """
    if _see_through(image):
        return torch.from_numpy(unit(np.asarray(image.convert("RGBA").getchannel("A"))))[None]
    grey = torch.from_numpy(_grey(image, name))[None]
    is_8_bit = image.mode not in ("1", *WIDE, "F")
    labels = is_8_bit and image.format not in LOSSY and round(float(grey.max()) * 255) == 1
    return (grey > 0).float() if labels else grey


def depth_of(image: Image.Image, name: str) -> Tensor:
    """A depth map, float (1, h, w) in [0, 1]: 255 of 8 bits, 65535 of 16 bits and 1.0 of floats are 1."""
    if _see_through(image):
        raise DataError(f"{name}: a depth map with transparent pixels (mode {image.mode}); save it as grey")
    return torch.from_numpy(_grey(image, name))[None]


def unit(values: np.ndarray) -> np.ndarray:
    """8-bit values as float32 in [0, 1]; by numpy, since torch's threads cost more than they save on one picture."""
    return np.divide(values, np.float32(255), dtype=np.float32)


def to_bytes(image: Tensor) -> Tensor:
    """[0, 1] -> uint8."""
    return (image.clamp(0, 1) * 255).round().byte()


def _see_through(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return float(lowest) < 255  # type: ignore[arg-type]


def _grey(image: Image.Image, name: str) -> np.ndarray:
    """Grey values, float32 (h, w) in [0, 1]; a picture in colours is refused: it is a colour map or a class map."""
    if image.mode in (*WIDE, "F"):
        return _values(image, name)
    if image.mode not in ("1", "L"):
        image = _converted(image, "RGB", name)
        pairs = combinations(image.split(), 2)
        apart = max(int(ImageChops.difference(*pair).getextrema()[1]) for pair in pairs)  # type: ignore[arg-type]
        if apart > GREY:
            raise DataError(
                f"{name}: coloured (channels up to {apart} of 255 apart), and colours have no order; save it as grey"
            )
    return unit(np.asarray(image.convert("L")))


def _values(image: Image.Image, name: str) -> np.ndarray:
    """The values of a picture of 16 bits or floats, float32 (h, w) in [0, 1]."""
    values = np.asarray(image)
    top = 1 if image.mode == "F" else 65535
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= top):  # so that nan is refused too
        raise DataError(f"{name}: values from {low} to {high} (mode {image.mode}); 0 to {top} are read")
    return values.astype(np.float32) / np.float32(top)


def _converted(image: Image.Image, mode: str, name: str) -> Image.Image:
    if image.mode == mode and not image.has_transparency_data:
        return image
    try:
        return image.convert("RGBA").convert(mode) if image.has_transparency_data else image.convert(mode)
    except ValueError:
        raise DataError(f"{name}: mode {image.mode} cannot be read as {mode}; save it as {mode}") from None


def _tensor(image: Image.Image) -> Tensor:
    """uint8 (c, h, w)."""
    if image.width * image.height <= BAND:
        array = np.array(image)
        return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())
    planes = np.empty((len(image.getbands()), image.height, image.width), np.uint8)
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):  # in bands: three copies of a large photo would be alive at once
        band = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        planes[:, top : top + rows] = band[None] if band.ndim == 2 else band.transpose(2, 0, 1)
    return torch.from_numpy(planes)


def same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes are one picture's, at two scales, within rounding."""
    (h, w), (other_h, other_w) = one, other
    return abs(h * other_w - other_h * w) <= ROUNDING * max(h, w, other_h, other_w)


def resize(image: Tensor, size: tuple[int, int], *, binary: bool = False) -> Tensor:
    """(c, h, w) resized to size, of the same dtype: bilinear and antialiased; nearest for a binary map with 0 and 1."""
    if tuple(image.shape[-2:]) == size:
        return image
    planes = image.numpy()  # and not torch, whose threads cost more than they save on one picture
    nearest = binary and bool(((planes == 0) | (planes == 1)).all())
    method = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    resized = [np.asarray(Image.fromarray(plane).resize(size[::-1], method)) for plane in planes]
    return torch.from_numpy(np.stack(resized).clip(0, 255 if image.dtype == torch.uint8 else 1))
