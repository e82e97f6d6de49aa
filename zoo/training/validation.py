"""A look at held-out data during training: the loss, a few metrics, and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.contract import Prediction, Sample
from zoo.data.dataset import PairDataset
from zoo.data.feeding.loader import Loader
from zoo.data.inspecting.sheet import gallery, write_png
from zoo.data.warp import each
from zoo.losses import Criterion
from zoo.metrics import Accumulator
from zoo.precision import half
from zoo.training.world import World

METRICS = ("mask_iou", "depth_rmse")
SHOWN = 6  # scenes in a picture


def validate(
    model: nn.Module,
    objective: Criterion,
    data: PairDataset,
    indices: Sequence[int],
    *,
    tasks: tuple[Any, ...],
    batch: int,
    precision: str,
    layout: torch.memory_format,
    world: World,
) -> tuple[dict[str, float], Tensor | None]:
    """Loss and metrics over samples, shared out over the processes; and a picture of the first ones."""
    accumulator = Accumulator(metrics=[name for name in METRICS if name.startswith(tuple(objective.tasks))])
    loss = torch.zeros(2, dtype=torch.float64, device=world.device)
    picture, modes = None, [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            for n, raw in enumerate(Loader(data, indices[world.rank :: world.size], batch=batch)):
                here = each(lambda value: value.to(world.device).contiguous(memory_format=layout), raw)
                with half(world.device, precision):
                    predictions = model(here.bg, here.fg_bg, sides=True)
                losses = objective(predictions, here, tasks=tasks)
                count = len(here.fg_bg)
                loss += torch.stack([losses.total.double() * count, torch.tensor(float(count)).to(loss)])
                accumulator.update(predictions[0], here)
                picture = grid(here, predictions[0]) if n == 0 else picture
    finally:
        for module, mode in modes:
            module.training = mode
    if world.size > 1:
        torch.distributed.all_reduce(loss)
        accumulator.reduce()
    values = accumulator.compute().values
    return {"loss": float(loss[0] / loss[1].clamp(min=1)), **values}, picture


def grid(sample: Sample, prediction: Prediction) -> Tensor:
    """(3, h, w): a row for each scene: bg, fg_bg, the true and the predicted mask, the true and the predicted depth."""
    columns = [sample.bg, sample.fg_bg]
    for truth, logits in zip((sample.mask, sample.depth), prediction, strict=True):
        columns += [truth] if logits is None else [truth, logits.float().sigmoid()]
    return gallery([column[:SHOWN] for column in columns])


def save_picture(folder: Path, step: int, picture: Tensor) -> None:
    folder.mkdir(exist_ok=True)
    write_png(folder / f"step-{step:08d}.png", picture)
