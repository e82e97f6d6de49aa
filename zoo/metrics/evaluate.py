"""Run a network over a data set and measure it."""

import contextlib
import time
from collections.abc import Generator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch import distributed as dist

from registry import OptionError, ZooError, is_count, require, require_count, require_each
from registry.vocabulary import PRECISIONS, Precision
from zoo.contract import TASKS, Prediction, Sample, Task
from zoo.data.dataset import PairDataset
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import spread
from zoo.machine import choose, is_out_of_memory
from zoo.metrics.accumulate import Accumulator
from zoo.metrics.bootstrap import RESAMPLES, intervals
from zoo.metrics.evaluation import Evaluation
from zoo.precision import float32, half
from zoo.progress import Tick


def evaluate(
    model: nn.Module,
    dataset: PairDataset,
    *,
    batch: int = 16,
    workers: int = 0,
    device: str | torch.device | None = None,
    precision: Precision = "fp32",
    channels_last: bool = False,
    samples: int | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    tick: Tick | None = None,
) -> Evaluation:
    """All metrics of a network on a data set, with 95 % intervals and each image's own values.

    device: where to; the network stays there. None: where it is. samples: at most so many, spread evenly over the data
    set; None: all. metrics: names; None: all of the network's tasks that the data has. resamples, seed: of the
    intervals. tick: is told how far things are.

    Where torch.distributed runs, each process takes every world-th image, and all get the result of all. Each part of
    the network is in training mode afterwards if it was before.
    """
    if not isinstance(model, nn.Module) or not isinstance(dataset, PairDataset):
        raise OptionError(
            f"evaluate takes a network and a data set, not a {type(model).__name__} and a {type(dataset).__name__};"
            " zoo.load(FILE) and zoo.data.load(SPEC, split=...) give them"
        )
    for name, value in (("resamples", resamples), ("seed", seed)):
        require_count(name, value, least=0)
    require_each("precision", precision, (precision,), PRECISIONS)
    chosen = indices(len(dataset), samples, dataset)
    accumulator = Accumulator(_tasks(model, dataset, metrics), metrics)
    place = _place(model, device)
    rank, world = (dist.get_rank(), dist.get_world_size()) if _is_distributed() else (0, 1)
    mine = chosen[rank::world]
    start = time.monotonic()
    predictions = predict(
        model,
        Loader(dataset, mine, batch=batch, workers=workers),
        place,
        precision=precision,
        channels_last=channels_last,
    )
    with contextlib.closing(predictions):
        done = 0
        for prediction, sample in predictions:
            count = len(sample.fg_bg)
            accumulator.update(prediction, sample, ids=mine[done : done + count])
            done += count
            if tick is not None:
                tick(_pace(done, len(mine), time.monotonic() - start), done, len(mine))
    result = accumulator.reduce().compute()
    seconds = time.monotonic() - start
    facts = {
        "model": str(getattr(_bare(model), "spec", type(_bare(model)).__name__)),
        "data": str(getattr(dataset, "spec", type(dataset).__name__)),
        "split": getattr(dataset, "split", None),
        "size": getattr(dataset, "size", None),
        "of": len(dataset),
        "batch": batch,
        "device": str(place),
        "precision": precision,
        "torch": torch.__version__,
        "resamples": resamples,
        "seed": seed,
        "seconds": round(seconds, 3),
    }
    return Evaluation(result, intervals(result, resamples=resamples, seed=seed), facts)


def predict(
    model: nn.Module,
    batches: Loader,
    device: torch.device,
    *,
    precision: Precision = "fp32",
    channels_last: bool = False,
) -> Generator[tuple[Prediction, Sample]]:
    """Each batch with its prediction, both on the device, without gradients and in eval mode."""
    bare = _undistributed(model)  # DDP sends buffers around with each batch, and not all processes have as many
    modes = {module: module.training for module in bare.modules()}
    first = next((value for value in bare.parameters() if value.is_floating_point()), None)
    dtype = torch.float32 if first is None else first.dtype
    layout = torch.channels_last if channels_last else torch.contiguous_format
    bare.eval()
    try:
        for batch in batches:
            moved = {name: getattr(batch, name).to(device, non_blocking=True) for name in Sample._fields[:-1]}
            sample = Sample(**moved, meta=batch.meta)
            bg, fg_bg = (image.to(dtype).contiguous(memory_format=layout) for image in (sample.bg, sample.fg_bg))
            try:
                with torch.inference_mode(), float32(tf32=precision == "tf32"), half(device, precision):
                    prediction = bare(bg, fg_bg)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                much = " x ".join(map(str, fg_bg.shape))
                raise ZooError(f"{device} has no room for a batch of {much}; give a smaller batch") from None
            yield cast("Prediction", prediction), sample
    finally:
        for module, mode in modes.items():
            module.training = mode


def indices(there: int, samples: int | None, dataset: object = None) -> list[int]:
    """At most so many indices, spread evenly over the data set, which must not be empty."""
    require(samples is None or is_count(samples), "samples", samples, "a whole number from 1 up, or None")
    if there == 0:
        what, split = getattr(dataset, "spec", "the data"), getattr(dataset, "split", None)
        raise OptionError(f"{what} has no samples in split {split}; choose another split")
    return spread(there, samples)


def _tasks(model: nn.Module, dataset: object, wanted: Sequence[str] | None) -> tuple[Task, ...]:
    """What can be measured: the tasks that the network predicts and the data knows."""
    face = getattr(_bare(model), "face", None)
    predicted: tuple[Task, ...] = TASKS if face is None else face.tasks
    known = getattr(dataset, "tasks", TASKS)
    if wanted is not None:
        for task in {metric.card.task for metric in Accumulator(metrics=wanted).metrics}:
            for what, has in (("the network", predicted), ("the data", known)):
                if task not in has:
                    raise OptionError(f"{what} has no {task}, only {' and '.join(has)}; leave its metrics out")
    both = tuple(task for task in predicted if task in known)
    if not both:
        raise OptionError(f"the network predicts {' and '.join(predicted)}, and the data knows {' and '.join(known)}")
    return both


def _place(model: nn.Module, device: str | torch.device | None) -> torch.device:
    """Where to compute; the model is moved there."""
    if device is None:
        first = next((value for values in (model.parameters(), model.buffers()) for value in values), None)
        return torch.device("cpu") if first is None else first.device
    place = choose(device, mps=True)
    model.to(place)
    return place


def _pace(done: int, total: int, seconds: float) -> str:
    """How far, how fast, and how much longer."""
    rate = done / max(seconds, 1e-9)
    return f"evaluating {done:,} of {total:,} images, {rate:.0f}/s, {(total - done) / rate:.0f} s left"


def _undistributed(model: nn.Module) -> nn.Module:
    while isinstance(model, nn.parallel.DistributedDataParallel):
        model = model.module
    return model


def _bare(model: nn.Module) -> nn.Module:
    """The network itself, inside of what DDP and torch.compile put around it."""
    while not hasattr(model, "face"):
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            break
        model = inner
    return model


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def probabilities(prediction: Prediction, task: Task) -> Tensor | None:
    """(b, 1, h, w) in [0, 1], float32 on the CPU; None for a task that was not predicted."""
    logits: Tensor | None = getattr(prediction, task)
    return None if logits is None else logits.float().sigmoid().cpu()
