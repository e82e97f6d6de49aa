"""What time does to a plate: it was taken earlier, so the camera has moved a little and sees another light since."""

from typing import Annotated

import torch

from registry import Card
from zoo.contract import Sample
from zoo.data.augment import BatchDraw, augmentations
from zoo.data.warp import move, turning

P = Annotated[float, "share of the samples"]


@augmentations.register("plate_shift", Card(summary="the plate shifted"))
def plate_shift(
    batch: Sample, draw: BatchDraw, *, limit: Annotated[float, "largest, as a share of the sides"] = 0.01, p: P = 0.5
) -> Sample:
    h, w = batch.bg.shape[-2:]
    matrix = torch.eye(3).to(batch.bg).repeat(len(batch.bg), 1, 1)
    matrix[:, :2, 2] = draw.uniform(-limit, limit, 2) * matrix.new_tensor([w, h])
    return batch._replace(bg=torch.where(draw.chosen(p), move(batch.bg, matrix), batch.bg))


@augmentations.register("plate_turn", Card(summary="the plate turned about its centre"))
def plate_turn(
    batch: Sample, draw: BatchDraw, *, degrees: Annotated[float, "largest angle, either way"] = 1.0, p: P = 0.5
) -> Sample:
    h, w = batch.bg.shape[-2:]
    turned = move(batch.bg, turning(draw.uniform(-degrees, degrees), h, w))
    return batch._replace(bg=torch.where(draw.chosen(p), turned, batch.bg))


@augmentations.register("plate_gain", Card(summary="the plate exposed longer or shorter"))
def plate_gain(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of brightness, as a share"] = 0.1,
    p: P = 0.5,
) -> Sample:
    gain = 1 + draw.uniform(-limit, limit, 1, 1, 1) * draw.chosen(p)
    return batch._replace(bg=batch.bg * gain)


@augmentations.register("plate_gamma", Card(summary="the plate with another tone curve"))
def plate_gamma(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of the exponent, as a share"] = 0.1,
    p: P = 0.5,
) -> Sample:
    exponent = (1 + limit) ** (draw.uniform(-1, 1, 1, 1, 1) * draw.chosen(p))
    return batch._replace(bg=batch.bg**exponent)


@augmentations.register("plate_white_balance", Card(summary="the plate warmer, cooler, greener"))
def plate_white_balance(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of a channel, as a share"] = 0.06,
    p: P = 0.5,
) -> Sample:
    gains = 1 + draw.uniform(-limit, limit, batch.bg.shape[1], 1, 1) * draw.chosen(p)
    return batch._replace(bg=batch.bg * gains)


@augmentations.register("wrong_plate", Card(summary="another sample's plate: what happens when somebody mixes them up"))
def wrong_plate(batch: Sample, draw: BatchDraw, *, p: P = 0.02) -> Sample:
    return batch._replace(bg=torch.where(draw.chosen(p), batch.bg[draw.order()], batch.bg))
