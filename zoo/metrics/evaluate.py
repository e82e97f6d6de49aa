"""Run a network over a data set and compute its metrics."""

import time
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from registry import OptionError, is_count, require, require_count
from zoo.contract import TASKS, Prediction, Sample, Task
from zoo.data.dataset import DataError, PairDataset
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import spread
from zoo.metrics.accumulate import Accumulator
from zoo.metrics.bootstrap import RESAMPLES, intervals
from zoo.metrics.evaluation import Evaluation
from zoo.metrics.inference import Inference
from zoo.model import unwrapped
from zoo.progress import Pace, Tick
from zoo.trained import UNKNOWN


def evaluate(
    model: nn.Module,
    dataset: PairDataset,
    *,
    samples: int | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    inference: Inference = Inference(),
    tick: Tick | None = None,
) -> Evaluation:
    """All metrics of a network on a data set, with 95 % intervals and each image's own values.

    model: a network of the zoo.
    dataset: what `zoo.data.load` gives.
    samples: at most so many, spread evenly over the data set; None: all.
    metrics: names; None: all of the network's tasks that the data has.
    resamples: of the intervals.
    inference: batch, device, and how the network is called.
    tick: called with what is done, how much of it is done, and how much there is.

    Damaged samples are left out, named in a warning, and in the facts. Where torch.distributed runs, each process takes
    every world-th image, and all get the result of all.

    >>> from zoo import data, load
    >>> scenes = data.load("pairbench:clean", split="test", size=32)
    >>> found = evaluate(load("frame_difference"), scenes, samples=4, resamples=50)
    >>> low, high = found.intervals["mask_iou"]
    >>> 0 <= low <= found.values["mask_iou"] <= high <= 1
    True
    """
    _check_asked(model, dataset)
    require_count("resamples", resamples, least=0)
    mine = indices(len(dataset), samples, dataset)
    if dist.is_available() and dist.is_initialized():
        mine = mine[dist.get_rank() :: dist.get_world_size()]
    accumulator = Accumulator(_tasks(model, dataset, metrics), metrics)
    start = time.monotonic()
    batches = Loader(dataset, mine, batch=inference.batch, workers=inference.workers)
    with closing(inference.predict(model, batches)) as predictions:
        _take_in(accumulator, predictions, batches, mine, tick)
    result = accumulator.reduce().compute()
    facts = _about(model, dataset) | {
        "left_out": _left_out(dataset, batches, result.images),
        "batch": inference.batch,
        "device": str(inference.place(model)),
        "precision": inference.precision,
        "torch": torch.__version__,
        "resamples": resamples,
        "seconds": round(time.monotonic() - start, 3),
    }
    return Evaluation(**vars(result), intervals=intervals(result, resamples=resamples), facts=facts)


def indices(there: int, samples: int | None, dataset: object = None) -> list[int]:
    """At most so many indices, spread evenly over the data set, which must not be empty."""
    require(samples is None or is_count(samples), "samples", samples, "a whole number from 1 up, or None")
    if there == 0:
        what, split = getattr(dataset, "spec", "the data"), getattr(dataset, "split", None)
        raise OptionError(f"{what} has no samples in split {split}; choose another split")
    return spread(there, samples)


def _check_asked(model: object, dataset: object) -> None:
    if not isinstance(model, nn.Module) or not isinstance(dataset, PairDataset):
        raise OptionError(
            f"evaluate takes a network and a data set, not a {type(model).__name__} and a {type(dataset).__name__};"
            " zoo.load(FILE) and zoo.data.load(SPEC, split=...) give them"
        )


def _take_in(
    accumulator: Accumulator,
    predictions: Iterable[tuple[Prediction, Sample]],
    batches: Loader,
    ids: list[int],
    tick: Tick | None,
) -> None:
    """Measure every batch, and say how far and how fast it goes."""
    done, total, pace = 0, len(ids), Pace()
    whole = (index for index in ids if index not in batches.left_out)  # which grows as batches come
    for prediction, sample in predictions:
        count = len(sample.fg_bg)
        accumulator.update(prediction, sample, ids=list(islice(whole, count)))
        done += count
        if tick is not None:
            rate = max(pace.at(done), 1e-9)
            left = f"{rate:.0f}/s, {(total - done) / rate:.0f} s left"
            tick(f"evaluating {done:,} of {total:,} images, {left}", done, total)


def _left_out(dataset: PairDataset, batches: Loader, images: int) -> list[str]:
    """The damaged samples that all processes met, which is said; some must be whole."""
    if not images:
        raise DataError(f"{dataset.spec}: no sample can be read\n{dataset.report()}")
    if report := dataset.report():
        warnings.warn(f"{report}\nthey are left out", stacklevel=3)
    parts = [batches.left_out]
    if dist.is_available() and dist.is_initialized():
        parts = parts * dist.get_world_size()
        dist.all_gather_object(parts, batches.left_out)
    return [reason for _, reason in sorted(item for part in parts for item in part.items())]


def _about(model: nn.Module, dataset: PairDataset) -> dict[str, Any]:
    """The names of both, and the data's split and sizes, where they have any."""
    bare = unwrapped(model)
    return {
        "model": str(getattr(bare, "spec", type(bare).__name__)),
        "data": str(getattr(dataset, "spec", type(dataset).__name__)),
        "split": getattr(dataset, "split", None),
        "size": getattr(dataset, "size", None),
        "of": len(dataset),
        "training": getattr(bare, "training_story", UNKNOWN),
    }


def _tasks(model: nn.Module, dataset: object, wanted: Sequence[str] | None) -> tuple[Task, ...]:
    """What can be measured: the tasks that the network has learned, as far as is known, and that the data knows."""
    predicted: tuple[Task, ...] = getattr(unwrapped(model), "trained_tasks", TASKS)
    known = getattr(dataset, "tasks", TASKS)
    if wanted is not None:
        for task in {metric.card.task for metric in Accumulator(metrics=wanted).metrics}:
            for what, has in (("the network has", predicted), ("the data has", known)):
                if task not in has:
                    raise OptionError(f"{what} no {task}, only {' and '.join(has)}; leave out its metrics")
    both = tuple(task for task in predicted if task in known)
    if not both:
        raise OptionError(f"the network predicts {' and '.join(predicted)}, and the data has {' and '.join(known)}")
    return both
