"""JPEG as arithmetic on tensors: what compression does to a picture, per sample, on any device (ITU-T T.81)."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.scenes.cache import few_at_once

LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))  # the rest is 99


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """(b, 3, h, w) compressed at a quality (b,) from 1 to 100, with chroma at half size; all in [0, 1] then."""
    parts = few_at_once(len(images), images[:1].numel(), images.device)
    found = [_compressed(images[few], quality[few]) for few in parts]
    return torch.cat(found) if found else images


def _compressed(images: Tensor, quality: Tensor) -> Tensor:
    h, w = images.shape[-2:]
    padded = images.clamp(0, 1).mul_(255)
    if h % 16 or w % 16:
        padded = F.pad(padded, (0, -w % 16, 0, -h % 16), mode="replicate")
    luma = _mixed(padded, 0.299, 0.587, 0.114).sub_(128)
    halved = padded[..., ::2, :] + padded[..., 1::2, :]
    halved = (halved[..., ::2] + halved[..., 1::2]).mul_(0.25)
    chroma = torch.cat([_mixed(halved, -0.168736, -0.331264, 0.5), _mixed(halved, 0.5, -0.418688, -0.081312)], 1)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100  # the IJG's scale
    luma = _quantised(luma, _table(False, images.device), scale).add_(128)
    chroma = _quantised(chroma, _table(True, images.device), scale)
    cb, cr = _doubled(chroma).split(1, 1)  # type: ignore[no-untyped-call]
    green = luma.add(cb, alpha=-0.344136).sub_(cr, alpha=0.714136)
    rgb = torch.cat([luma.add(cr, alpha=1.402), green, luma.add(cb, alpha=1.772)], 1)
    return rgb[..., :h, :w].clamp_(0, 255).round_().div_(255).to(images.dtype)


def _mixed(images: Tensor, red: float, green: float, blue: float) -> Tensor:
    """One plane of three."""
    return (images[:, :1] * red).add_(images[:, 1:2], alpha=green).add_(images[:, 2:], alpha=blue)


def _doubled(planes: Tensor) -> Tensor:
    """Twice as large, between four pixels; whole rows are faster by hand."""
    b, c, h, w = planes.shape
    wide = F.interpolate(planes, scale_factor=(1, 2), mode="bilinear", align_corners=False)
    padded = F.pad(wide, (0, 0, 1, 1), mode="replicate")
    rows = [torch.lerp(wide, padded[..., at : at + h, :], 0.25) for at in (0, 2)]
    return torch.stack(rows, 3).view(b, c, 2 * h, 2 * w)


def _quantised(planes: Tensor, table: Tensor, scale: Tensor) -> Tensor:
    """Each 8 x 8 block through the cosine transform, rounded to steps of the table, and back."""
    b, c, h, w = planes.shape
    steps = (table * scale[:, None, None]).round().clamp_(1, 255).repeat(1, 1, w // 8)[:, None]  # (b, 1, 8, w)
    down, up, there, back = _cosines(planes.device)
    rows = down @ planes.reshape(-1, 8, w)  # down each block, in long rows
    found = (rows.view(-1, 16) @ there).view(b, -1, 8, w)
    found = found.div_(steps).round_().mul_(steps)
    return (up @ (found.view(-1, 16) @ back).view(-1, 8, w)).view(b, c, h, w)


@cache
def _cosines(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The orthonormal cosine transform of columns and back, (8, 8); of rows, two blocks at once, and back, (16, 16)."""
    k = torch.arange(8, dtype=torch.float64)
    waves = torch.cos(torch.pi * k[:, None] * (2 * k + 1) / 16) / 2
    waves[0] /= 2**0.5
    two = torch.block_diag(waves, waves)  # type: ignore[no-untyped-call]  # numbers of two blocks in a row: BLAS takes a third of the time
    down, up, there, back = (each.contiguous().float().to(device) for each in (waves, waves.T, two.T, two))
    return down, up, there, back


@cache
def _table(is_chroma: bool, device: torch.device) -> Tensor:
    table = torch.tensor(CHROMA_CORNER if is_chroma else LUMA, dtype=torch.float32, device=device)
    return F.pad(table, (0, 8 - len(table), 0, 8 - len(table)), value=99)
