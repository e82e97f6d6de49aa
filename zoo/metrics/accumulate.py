"""Metrics of many images: each image's sums are kept, on its device, until the values are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from registry import OptionError, require_each
from zoo.contract import TASKS, InputError, Prediction, Sample, Task
from zoo.metrics.catalog import HEADLINE, Metric, Numbers, build, metrics
from zoo.metrics.maps import Maps

AT_ONCE = 1 << 21  # pixels looked at together; metrics hold some twenty maps of 8 bytes each


@dataclass(frozen=True)
class Result:
    """Values of all images together, and of each; nan where a metric is undefined."""

    values: dict[str, float]
    per_image: dict[str, list[float]]
    ids: list[int]  # of the images, ascending; their indices in the data set, or 0, 1, 2 ... where none were given
    broken: int  # images whose prediction is not a number somewhere; their metrics, and so the values, are nan
    sums: dict[str, Numbers]  # (images, k) each, for intervals
    metrics: dict[str, Metric]

    @property
    def images(self) -> int:
        return len(self.ids)


class Accumulator:
    """Metrics over batches.

    tasks: of mask and depth, those the predictions have. metrics: names; None is all of the tasks'.

    >>> from zoo import data, load
    >>> batch = data.load("pairbench:clean", split="test", size=16).batch(range(4))
    >>> accumulator = Accumulator(("mask",), metrics=("mask_iou",))
    >>> accumulator.update(load("frame_difference")(batch.bg, batch.fg_bg), batch)
    >>> result = accumulator.compute()
    >>> result.images, list(result.values)
    (4, ['mask_iou'])
    """

    def __init__(self, tasks: Sequence[Task] = TASKS, metrics: Sequence[str] | None = None):
        require_each("tasks", tasks, tasks, TASKS)
        self.metrics = _metrics(tuple(tasks), metrics)
        self.tasks = tuple(task for task in TASKS if any(m.card.task == task for m in self.metrics))
        self._width = sum(metric.width for metric in self.metrics)
        self._rows: list[Tensor] = []  # (b, K) float64: the sums of every metric side by side
        self._ids: list[list[int] | None] = []
        self._reduced = False

    @torch.no_grad()
    def update(self, prediction: Prediction, sample: Sample, ids: Sequence[int] | None = None) -> None:
        """Add a batch, without waiting for its device.

        ids: the images' indices in the data set; all batches have them or none.
        """
        if self._reduced:
            raise OptionError("this Accumulator was reduced already; make a new one for more images")
        count = len(sample.fg_bg)
        if ids is not None and len(ids) != count:
            raise OptionError(f"got {len(ids)} ids for {count} images; give one for each")
        if not isinstance(sample.meta, tuple) or len(sample.meta) not in (0, count):
            raise InputError(f"the sample's meta is to be a tuple of {count} dictionaries, one per image, or empty")
        logits = {task: self._logits(prediction, sample, task) for task in self.tasks}
        step = max(1, AT_ONCE // sample.fg_bg[0, 0].numel())
        self._rows += [self._sums(logits, sample, slice(at, at + step)) for at in range(0, count, step)]
        self._ids.append(None if ids is None else [int(index) for index in ids])

    def _sums(self, logits: dict[Task, Tensor], sample: Sample, part: slice) -> Tensor:
        """The sums of some of a batch's images, (b, K)."""
        images = Sample(*(getattr(sample, name)[part] for name in Sample._fields))
        maps = {task: Maps(task, value[part], images) for task, value in logits.items()}
        columns = []
        for metric in self.metrics:
            seen = maps[metric.card.task]
            columns.append(torch.where(seen.is_number[:, None], metric.sums(seen), torch.nan))
        return torch.cat(columns, 1)

    def reduce(self) -> "Accumulator":
        """Gather the images of all processes, on each of them; they may have different numbers. Itself, if alone."""
        if self._reduced or not (dist.is_available() and dist.is_initialized()):
            return self
        rows, ids = self._gathered()
        parts: list[tuple[Numbers, list[int] | None]] = [(rows, ids)] * dist.get_world_size()
        dist.all_gather_object(parts, (rows, ids))
        held = [(torch.from_numpy(rows), ids) for rows, ids in parts if len(rows)]
        self._rows, self._ids, self._reduced = [rows for rows, _ in held], [ids for _, ids in held], True
        return self

    def compute(self) -> Result:
        """The values so far, of this process's images, or of all after `reduce`."""
        rows, given = self._gathered()
        ids = list(range(len(rows))) if given is None else given
        order = np.argsort(ids, kind="stable")  # in one order whatever the batches were, so sums round alike
        rows = rows[order]
        edges = np.cumsum([metric.width for metric in self.metrics])[:-1]
        parts = np.split(rows, edges, axis=1)
        sums = {metric.name: part for metric, part in zip(self.metrics, parts, strict=True)}
        return Result(
            values={metric.name: float(metric(sums[metric.name].sum(0))) for metric in self.metrics},
            per_image={metric.name: metric(sums[metric.name]).tolist() for metric in self.metrics},
            ids=[int(ids[place]) for place in order],
            broken=int(np.isnan(rows).any(1).sum()),
            sums=sums,
            metrics={metric.name: metric for metric in self.metrics},
        )

    def _gathered(self) -> tuple[Numbers, list[int] | None]:
        """All rows on the CPU, and their ids."""
        if any(ids is None for ids in self._ids) and any(ids is not None for ids in self._ids):
            raise OptionError("some batches have ids and some have none; give ids with all or with none")
        rows = [part.cpu() for part in self._rows]
        stacked = torch.cat(rows) if rows else torch.zeros(0, self._width, dtype=torch.float64)
        known = [index for ids in self._ids if ids is not None for index in ids]
        return stacked.numpy(), known if len(known) == len(stacked) and known else None

    @staticmethod
    def _logits(prediction: Prediction, sample: Sample, task: Task) -> Tensor:
        """The prediction of a task, checked against its truth."""
        logits: Tensor | None = getattr(prediction, task)
        truth: Tensor = getattr(sample, task)
        if logits is None:
            raise InputError(f"the prediction has no {task}; measure the tasks it has, as Accumulator(tasks=...)")
        if logits.dim() != 4 or logits.shape != truth.shape:
            shapes = f"{tuple(logits.shape)} and its truth {tuple(truth.shape)}"
            raise InputError(f"the predicted {task} is {shapes}; both must be (b, 1, h, w)")
        return logits


def _metrics(tasks: tuple[Task, ...], wanted: Sequence[str] | None) -> list[Metric]:
    """The metrics of these tasks, all or those asked for."""
    if wanted is None:
        found = [build(entry.name) for entry in metrics]
        fitting = [metric for metric in found if metric.card.task in tasks]
        return sorted(fitting, key=lambda metric: (TASKS.index(metric.card.task), metric.card.group != HEADLINE))
    chosen = [build(name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
    for metric in chosen:
        if metric.card.task not in tasks:
            raise OptionError(
                f"{metric.name} measures {metric.card.task}, and here there is only {' and '.join(tasks) or 'nothing'}"
            )
    names = [metric.name for metric in chosen]
    if not names or len(set(names)) < len(names):
        raise OptionError(f"metrics={wanted!r} is not accepted; give names, each once, or None for all")
    return chosen
