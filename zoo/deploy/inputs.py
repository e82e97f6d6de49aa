"""What people hand over as a photo, brought into one form: (c, h, w), uint8 or float32 in [0, 1], on the CPU."""

from os import PathLike, fspath
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from registry import require_count
from registry.vocabulary import LARGEST_PHOTO
from zoo.contract import InputError
from zoo.data.dataset import DataError
from zoo.data.files.archive import BIGGEST, read_file
from zoo.data.files.images import (
    BYTES,
    TooLargeError,
    open_image,
    require_pixels,
    resize,
    rgb_of,
    same_aspect,
)

Photo = str | PathLike[str] | Image.Image | np.ndarray | Tensor

ROUNDING = 1e-4  # how far outside [0, 1] a float may lie; arithmetic leaves 1.0000001
ARRAY, TENSOR = "an array is (h, w, c) or (h, w)", "a tensor is (c, h, w) or (h, w)"
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601), as Pillow has them


def read(photo: Photo, name: str = "the photo", channels: int = 3, *, max_pixels: int = LARGEST_PHOTO) -> Tensor:
    """One photo, (c, h, w) with c of 3, 1 or `channels`; files come upright, as their EXIF says.

    photo: a path; a PIL image; an array (h, w, c) or (h, w); a tensor (c, h, w) or (h, w). Arrays and tensors hold
        uint8, uint16, or floats in [0, 1].
    name: how messages call it, where it is no file.
    channels: what the network takes of an image; files have 3.
    max_pixels: of a path or a PIL image, known before it is decoded; a file may have four times as many bytes, or
        268 MB.

    >>> read(np.zeros((32, 48, 3), np.uint8)).shape
    torch.Size([3, 32, 48])
    """
    require_count("max_pixels", max_pixels)
    try:
        if isinstance(photo, str | PathLike):
            most = max(BIGGEST, BYTES * max_pixels)
            return rgb_of(open_image(read_file(photo, most), str(photo), max_pixels), str(photo))
        if isinstance(photo, Image.Image):
            require_pixels(photo, name, max_pixels)
    except TooLargeError as error:
        raise TooLargeError(f"{error}. zoo.deploy.read(PHOTO, max_pixels=N), or --max-pixels N, reads more") from None
    if isinstance(photo, Image.Image):
        try:
            upright = ImageOps.exif_transpose(photo)  # an image that is upright already has no such mark left
        except Exception as error:  # Pillow reads the pixels only now, and damage may raise anything
            raise DataError(f"{name}: damaged or cut short ({error or type(error).__name__})") from error
        return rgb_of(upright, name)
    if isinstance(photo, Tensor):
        values = photo.detach().cpu()  # numpy has no bfloat16
        return _read_array((values.float() if values.is_floating_point() else values).numpy(), name, channels, TENSOR)
    if isinstance(photo, np.ndarray):
        return _read_array(photo, name, channels, ARRAY)
    raise InputError(
        f"{name} is a {type(photo).__name__}; a path, a PIL image, an array (h, w, c) or a tensor (c, h, w) is read"
    )


def fitted(image: Tensor, channels: int, name: str) -> Tensor:
    """The photo with as many channels as the network takes: grey is repeated, colours become grey."""
    count = len(image)
    if count == channels:
        return image
    if count == 1 and channels == 3:
        return image.expand(3, -1, -1)
    if count == 3 and channels == 1:
        grey = (image * torch.tensor(GREY)[:, None, None]).sum(0, keepdim=True)
        return grey if image.is_floating_point() else grey.round().to(image.dtype)
    raise InputError(
        f"{name} has {count} channels and this network takes {channels} per image; pass arrays or tensors with these"
    )


def same_size(bg: Tensor, fg_bg: Tensor, names: tuple[str, str], *, resize_plate: bool) -> Tensor:
    """The plate, resized to the photo if that is allowed and needed."""
    (h, w), (own_h, own_w) = bg.shape[-2:], fg_bg.shape[-2:]
    if (h, w) == (own_h, own_w):
        return bg
    if resize_plate:
        return resize(bg, (own_h, own_w))
    if (h, w) == (own_w, own_h):
        why = "One of them is turned by 90 degrees; turn it back, or restore its EXIF orientation"
    elif same_aspect((h, w), (own_h, own_w)):
        why = "If they are one view at two scales, allow resizing bg with resize_plate=True (--resize-plate)"
    else:
        why = "Their shapes differ too, so they may not be one view; resize_plate=True (--resize-plate) stretches bg"
    raise InputError(
        f"{names[0]} is {h} x {w} and {names[1]} is {own_h} x {own_w} (height x width); both must show one view, pixel"
        f" on pixel. {why}"
    )


def label(photo: Any, name: str) -> str:
    """How messages call it: by its path, or by its part."""
    return fspath(photo) if isinstance(photo, str | PathLike) else name


def _read_array(array: np.ndarray, name: str, channels: int, kind: str) -> Tensor:
    shape, accepted = " x ".join(map(str, array.shape)), sorted({1, 3, 4, channels})
    if array.ndim == 2:
        array = array[None]
    elif array.ndim == 3 and kind == ARRAY:
        array = array.transpose(2, 0, 1)
    if array.ndim != 3 or len(array) not in accepted or not array.size:
        raise InputError(
            f"{name} is {shape or 'a single number'}; {kind}, c of {', '.join(map(str, accepted))}, of one image"
        )
    image = torch.from_numpy(_unit(np.ascontiguousarray(array), name))
    if len(image) != 4 or channels == 4:
        return image
    if bool((image[3] < (1 if image.is_floating_point() else 255)).any()):
        raise DataError(f"{name}: a photo with transparent pixels; lay it over a background or drop its alpha channel")
    return image[:3]


def _unit(values: np.ndarray, name: str) -> np.ndarray:
    """uint8 as it is, anything else that has a meaning as float32 in [0, 1]."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return np.divide(values, np.float32(65535), dtype=np.float32)
    if values.dtype.kind != "f":
        raise InputError(f"{name} holds {values.dtype}; uint8, uint16 and floats in [0, 1] are read")
    low, high = float(values.min()), float(values.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # so that nan is refused too
        raise InputError(
            f"{name} holds floats from {low:g} to {high:g}; expected [0, 1], so divide values of 8 bits by 255"
        )
    return values.astype(np.float32).clip(0, 1)
