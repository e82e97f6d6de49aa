"""How much memory a network needs for one photo, known before it starts.

The most that is alive at once in a forward pass is traced on the meta device, where nothing is computed. On a CPU, what
a process took more was 1 to 6 % of it at 1600 x 1600 pixels, beside 120 MB of libraries.
"""

import copy
import weakref
from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from zoo.contract import InputError
from zoo.data.files.images import FORMATS
from zoo.deploy.tiling.spans import SMALLEST_TILE
from zoo.describing.trace import trace
from zoo.machine import at_hand
from zoo.model import PairModel, unwrapped

SMALL = 1 << 20  # pixels up to which nothing is asked: few networks take 2 GB for them, and tracing takes a second

_known: "weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, int], int | None]]" = weakref.WeakKeyDictionary()


def needed(model: nn.Module, size: tuple[int, int]) -> int | None:
    """Bytes that a pass over one photo of a size (h, w) takes, without the weights; None where it cannot be traced."""
    bare = unwrapped(model)
    if not isinstance(bare, PairModel):
        return None
    sizes = _known.setdefault(bare, {})
    if size not in sizes:
        sizes[size] = _traced(bare, size)
    return sizes[size]


def require_memory(model: nn.Module, size: Iterable[int], device: torch.device, *, is_half: bool) -> None:
    """Raise where a pass over a photo of a size takes more than is free on the device."""
    h, w = size
    if takes := lacks_memory(model, (h, w), device, is_half=is_half):
        raise InputError(
            f"{h} x {w} pixels take about {_shown(takes)} of memory with this network, and {device} has"
            f" {_shown(free(device) or 0)} free; give a size (--size 512)"
        )


def lacks_memory(model: nn.Module, size: tuple[int, int], device: torch.device, *, is_half: bool) -> int:
    """The bytes that a pass over a photo of a size takes, if they are more than is free on the device; else 0."""
    if size[0] * size[1] <= SMALL:
        return 0
    takes, room = needed(model, size), free(device)
    if takes is None or room is None:
        return 0
    takes = takes // 2 if is_half else takes
    return takes if takes > room else 0


def memory_of_largest(model: nn.Module, photos: Iterable[Path]) -> str:
    """What the largest of these photos takes at its own size, in a line; empty where nobody can tell."""
    h, w = max((size_of(photo) for photo in photos), key=lambda size: size[0] * size[1], default=(0, 0))
    takes = needed(model, (h, w)) if h * w else None
    room = free(place_of(model).device)
    is_large = takes is not None and room is not None and takes > room and max(h, w) > SMALLEST_TILE
    in_tiles = "; that is not free, so it is computed in tiles" if is_large else ""
    return "" if takes is None else f"the largest photo, {h} x {w}, takes about {_shown(takes)} of memory{in_tiles}"


def place_of(model: nn.Module) -> torch.Tensor:
    """Something of the dtype and on the device of the weights."""
    return next((p for p in (*model.parameters(), *model.buffers()) if p.is_floating_point()), torch.empty(0))


def free(device: torch.device) -> int | None:
    """Bytes that can still be taken on a device; None where the system does not tell."""
    if device.type != "cuda":
        return at_hand() if device.type == "cpu" else None
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, for what comes next
    return torch.cuda.mem_get_info(device)[0] + kept


def _shown(count: int) -> str:
    """
    >>> _shown(4_712_000_000), _shown(18_440)
    ('4.7 GB', '1 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(1, round(count / 1e6))} MB"


def _traced(model: PairModel, size: tuple[int, int]) -> int | None:
    memo: dict[int, object] = {id(p): nn.Parameter(p.to("meta"), requires_grad=False) for p in model.parameters()}
    memo |= {id(buffer): buffer.to("meta") for buffer in model.buffers()}
    try:
        return trace(copy.deepcopy(model, memo), size).peak_bytes
    except Exception:  # a network of one's own may read values, or hold what cannot be copied
        return None


def size_of(photo: Path) -> tuple[int, int]:
    """h, w of a file by its header; 0, 0 where that cannot be read, which is told when the photo is."""
    try:
        if photo.is_file():  # and no pipe, which would wait
            with Image.open(photo, formats=FORMATS) as image:
                return image.height, image.width
    except Exception:
        pass
    return 0, 0
