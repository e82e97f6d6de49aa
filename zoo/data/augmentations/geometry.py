"""Changes of geometry: all maps move together, and `valid` says where no true pixels are left.

A plate was taken earlier, and the camera has moved a little since.
"""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from registry import Card
from zoo.contract import Sample
from zoo.data.augment import GEOMETRY, BatchDraw, Least, P, augmentations
from zoo.data.warp import displaced, each, move, square, turning


@augmentations.register("flip", Card(summary="left and right mirrored"))  # exact, so not by a matrix
def flip(batch: Sample, draw: BatchDraw, *, p: P = 0.5) -> Sample:
    chosen = draw.chosen(p)
    return each(lambda tensor: torch.where(chosen, tensor.flip(-1), tensor), batch)


@augmentations.register("rotate", Card(summary="turned about the centre", group=GEOMETRY))
def rotate(
    batch: Sample, draw: BatchDraw, *, degrees: Annotated[float, "largest angle, either way"] = 10.0, p: P = 1.0
) -> Tensor:
    h, w = batch.fg_bg.shape[-2:]
    return _pick(draw.chosen(p), turning(draw.uniform(-degrees, degrees), h, w))


@augmentations.register("crop", Card(summary="a part of the picture, resized to the whole", group=GEOMETRY))
def crop(
    batch: Sample,
    draw: BatchDraw,
    *,
    share: Annotated[float, "smallest side of the part, as a share of the picture's"] = 0.75,
    stretch: Annotated[float, "how far height and width may scale apart, as a share"] = 0.1,
    p: P = 1.0,
) -> Tensor:
    h, w = batch.fg_bg.shape[-2:]
    side, uneven = draw.uniform(share, 1), draw.uniform(-stretch, stretch)
    tall, wide = (side * (1 + uneven).sqrt()).clamp(max=1), (side / (1 + uneven).sqrt()).clamp(max=1)
    top, left = draw.uniform(0, 1) * (1 - tall) * h, draw.uniform(0, 1) * (1 - wide) * w
    zero = torch.zeros_like(tall)
    # the part's edge goes to the picture's edge, which is half a pixel outside the first pixel's centre
    matrix = [1 / wide, zero, (0.5 - left) / wide - 0.5, zero, 1 / tall, (0.5 - top) / tall - 0.5]
    return _pick(draw.chosen(p), square(torch.stack(matrix, 1).view(-1, 2, 3)))


@augmentations.register("plate_shift", Card(summary="the plate shifted"))
def plate_shift(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest, as a share of the sides"] = 0.01,
    least: Least = 0.0,
    p: P = 0.5,
) -> Sample:
    h, w = batch.bg.shape[-2:]
    matrix = torch.eye(3, dtype=batch.bg.dtype, device=batch.bg.device).repeat(len(batch.bg), 1, 1)
    if least:
        angle = draw.uniform(0, 2 * math.pi)
        away = draw.strength(least, limit)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    else:
        away = draw.uniform(-limit, limit, 2)
    matrix[:, 0, 2], matrix[:, 1, 2] = away[:, 0] * w, away[:, 1] * h
    return batch._replace(bg=draw.some(p, batch.bg, lambda rows: move(batch.bg[rows], matrix[rows])))


@augmentations.register("plate_turn", Card(summary="the plate turned about its centre"))
def plate_turn(
    batch: Sample,
    draw: BatchDraw,
    *,
    degrees: Annotated[float, "largest angle, either way"] = 1.0,
    least: Least = 0.0,
    p: P = 0.5,
) -> Sample:
    h, w = batch.bg.shape[-2:]
    angle = draw.strength(least, degrees) * draw.sign() if least else draw.uniform(-degrees, degrees)
    matrix = turning(angle, h, w)
    return batch._replace(bg=draw.some(p, batch.bg, lambda rows: move(batch.bg[rows], matrix[rows])))


@augmentations.register("zoom", Card(summary="the plate scaled, as taken from a little nearer or farther"))
def zoom(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of scale, as a share"] = 0.04,
    least: Least = 0.002,
    p: P = 0.5,
) -> Sample:
    h, w = batch.bg.shape[-2:]
    scale = 1 + draw.strength(least, limit) * draw.sign()
    matrix = turning(torch.zeros_like(scale), h, w, scale)
    return batch._replace(bg=draw.some(p, batch.bg, lambda rows: move(batch.bg[rows], matrix[rows])))


@augmentations.register("plate_parallax", Card(summary="the plate shifted by a smooth field, as parallax does"))
def plate_parallax(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest, as a share of the longer side"] = 0.02,
    least: Least = 0.001,
    p: P = 0.4,
) -> Sample:
    h, w = batch.bg.shape[-2:]
    coarse = draw.uniform(-1, 1, 2, 4, 4) * draw.strength(least, limit)[:, None, None, None]
    field = F.interpolate(coarse, (h, w), mode="bilinear", align_corners=True) * max(h, w)  # pixels right and down
    return batch._replace(bg=draw.some(p, batch.bg, lambda rows: displaced(batch.bg[rows], field[rows])))


@augmentations.register("wrong_plate", Card(summary="another sample's plate, as if somebody had mixed them up"))
def wrong_plate(batch: Sample, draw: BatchDraw, *, p: P = 0.02) -> Sample:
    return batch._replace(bg=torch.where(draw.chosen(p), batch.bg[draw.order()], batch.bg))


def _pick(chosen: Tensor, matrix: Tensor) -> Tensor:
    return torch.where(chosen[:, 0], matrix, torch.eye(3, dtype=matrix.dtype, device=matrix.device))
