"""Samples as one picture, to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from PIL import Image, ImageDraw
from torch import Tensor

from zoo.contract import TASKS, Sample
from zoo.data.dataset import DataError
from zoo.data.files.images import encode, to_bytes
from zoo.files import replacing, write_bytes

GAP = 2  # pixels between samples


def contact_sheet(samples: Sequence[Sample], *, columns: int = 2) -> Tensor:
    """Single samples -> (3, h, w) in [0, 1]: bg, fg_bg, mask and depth side by side, `columns` samples in a row.

    A task that is known of no sample has no picture.
    """
    if not samples or columns < 1:
        raise DataError(f"a contact sheet needs samples and columns; got {len(samples)} samples and {columns} columns")
    tasks = [task for task in TASKS if any(bool(sample.known(task).any()) for sample in samples)]
    strips = [torch.cat([s.bg, s.fg_bg, *(getattr(s, task).expand_as(s.bg) for task in tasks)], 2) for s in samples]
    strips = [torch.nn.functional.pad(strip, (0, GAP, 0, GAP), value=1.0) for strip in strips]
    strips += [torch.ones_like(strips[0])] * (-len(strips) % columns)
    return rearrange(torch.stack(strips), "(rows columns) c h w -> c (rows h) (columns w)", columns=columns)


def gallery(columns: Sequence[Tensor]) -> Tensor:
    """(b, c, h, w) each -> (3, h, w) on the CPU, a row for each of the batch; c below 3 shows the first, as grey."""
    shown = [column[:, : 3 if column.shape[1] >= 3 else 1].float().expand(-1, 3, -1, -1) for column in columns]
    framed = [torch.nn.functional.pad(column, (0, GAP, 0, GAP), value=1.0) for column in shown]
    return rearrange(framed, "columns b c h w -> c (b h) (columns w)").cpu()


def thumbnail(values: Tensor, size: tuple[int, int]) -> Image.Image:
    """A map (c, h, w) in [0, 1] as a picture of a size (w, h); other channels than three show the first, as grey."""
    rgb = values if len(values) == 3 else values[:1].expand(3, -1, -1)
    pixels = to_bytes(rgb.nan_to_num(0)).permute(1, 2, 0).contiguous().cpu().numpy()
    return Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)


def write_png(path: Path, image: Tensor) -> None:
    """A picture (3, h, w) in [0, 1], written whole or not at all."""
    write_bytes(path, encode(to_bytes(image)))


def save_page(page: Image.Image, path: Path) -> None:
    """A drawn page as PNG, written whole or not at all."""
    with replacing(path) as draft:
        page.save(draft, "PNG")


def fit(pen: ImageDraw.ImageDraw, font: Any, line: str, width: int) -> str:
    """The line, cut where it is too long for the page."""
    while pen.textlength(line, font) > width:
        line = f"{line[:-2]}…"
    return line
