"""A small window around each pixel; beyond the border, the border is repeated."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor


def around(image: Tensor, reach: int) -> Tensor:
    """(b, c, h, w): the mean of each pixel's window. Sums of slices: a CPU pools at stride 1 eight times as slowly."""
    h, w = image.shape[-2:]
    wide = F.pad(image, (reach,) * 4, mode="replicate")
    if is_exporting():  # one operation there, not many
        return F.avg_pool2d(wide, 2 * reach + 1, 1)
    each = range(2 * reach + 1)
    rows = torch.stack([wide[..., y : y + h, :] for y in each]).sum(0)
    return torch.stack([rows[..., x : x + w] for x in each]).sum(0) / len(each) ** 2


def shifts(image: Tensor, reach: int) -> Iterator[Tensor]:
    """The image moved by every whole shift up to `reach` pixels: a row of shifts to both sides,
    (b, c, 2 reach + 1, h, w), for each shift up and down."""
    wide = F.pad(image, (reach,) * 4, mode="replicate")
    # counted from both borders, so that an export computes with no size
    each = [slice(start, start - 2 * reach or None) for start in range(2 * reach + 1)]
    for y in each:
        yield torch.stack([wide[..., y, x] for x in each], 2)


def is_exporting() -> bool:
    """Whether one of torch's exporters is at work, and not a call: each operation counts, and some are not known."""
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
