"""What the page asks for: two pictures as bytes in, the network's answer as pictures out. Nothing touches a disk."""

import base64
import time
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from zoo.contract import InputError
from zoo.data.files.images import encode, open_image, resize, rgb_of
from zoo.deploy.answer import interface
from zoo.deploy.outputs import pictures_of
from zoo.deploy.predict import predict
from zoo.deploy.tiling.rows import fitting

BYTES = 40_000_000  # of both pictures together
PIXELS = 50_000_000  # of each
SHOWN = 1536, 1024  # pixels of a picture of the same area: larger ones are made smaller before anything is computed
KINDS = ("mask", "cutout", "depth_preview")


def picture(data: bytes, name: str) -> Tensor:
    """uint8 (3, h, w), upright, small enough to be shown."""
    image = rgb_of(open_image(data, name, PIXELS), name)
    return resize(image, fitting((image.shape[-2], image.shape[-1]), SHOWN))


def answer(networks: Mapping[str, nn.Module], name: str, plate: bytes, photo: bytes) -> dict[str, Any]:
    """Pictures as PNG in base64, and the seconds that the network took."""
    if name not in networks:
        raise InputError(f"there is no network {name!r} here; there are {', '.join(networks)}")
    model = networks[name]
    has_plate = bool(interface(model).plate)
    if has_plate and not plate:
        raise InputError("this network compares the photo with its plate; give the photo of the empty scene, too")
    shown = picture(photo, "the photo")
    empty = picture(plate, "the plate") if has_plate else None
    start = time.perf_counter()
    found = predict(model, empty, shown, resize_plate=empty is not None and _same_shape(empty, shown))
    seconds = time.perf_counter() - start
    pictures = pictures_of(found)
    files = {kind: base64.b64encode(encode(pictures[kind])).decode() for kind in KINDS if kind in pictures}
    return {"network": name, "seconds": round(seconds, 3), "size": list(shown.shape[-2:]), "pictures": files}


def _same_shape(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures may be one view at two scales."""
    (h, w), (other_h, other_w) = one.shape[-2:], other.shape[-2:]
    return abs(h * other_w - w * other_h) <= 0.02 * h * other_w
