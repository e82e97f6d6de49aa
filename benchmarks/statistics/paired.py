"""Two networks on the same test images: what a record keeps for that, and how sure their difference is.

A record keeps the sums from which a metric's value of any set of images follows, as `zoo.metrics` adds them: for the
pooled IoU, pixels found rightly, wrongly, and missed. Images are drawn again with replacement, the same for both
networks and for all seeds, so that a hard image is hard for both. Training seeds are too few to be drawn again: what
they differ by widens the interval as Student's t says.
"""

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any

import numpy as np

from benchmarks.statistics.intervals import STUDENT
from benchmarks.store.record import AccuracySettings, Record
from registry import Spec, ZooError
from zoo.contract import TASKS
from zoo.metrics import build
from zoo.metrics.accumulate import Result
from zoo.metrics.bootstrap import RANGE, RESAMPLES
from zoo.metrics.catalog import Numbers

KEPT = ("mask_iou", "mask_iou_image", "mask_boundary_f", "depth_rmse", "depth_rmse_aligned")
HEADLINE = {"mask": "mask_iou", "depth": "depth_rmse"}
ROWS = 500  # of sums in a record; of more images, neighbours are added up
DIGITS = 6  # of numbers that are not whole
STUDENT_OF_MORE = 2.571  # for six seeds, and a little wide for more

ENOUGH = 3  # seeds from which their spread says something
COUNTS = ("images", "rows")

Records = Record | Sequence[Record]  # one, or one for each seed
BySeed = dict[int | None, Record]
Family = tuple[str, AccuracySettings]  # what a network has in common with its single-task twins
Links = tuple[tuple[str, str], ...]  # each task with its link


class PairedError(ZooError):
    """Records that cannot be compared image by image; the message says why."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, over the images, and over the seeds where there are several."""

    value: float
    low: float
    high: float
    seeds: int
    images: int

    @property
    def is_tie(self) -> bool:
        """Of a difference: whether 0 is inside the interval, so that neither network is shown to be better."""
        return not (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        over = f"{self.seeds} seeds" if self.seeds > 1 else "one seed"
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}], {self.images} images, {over}"


@dataclass(frozen=True)
class Gain:
    """The gain of learning both tasks at once: relative improvements over the networks that learned one task."""

    model: str
    data: str
    tasks: dict[str, Estimate]  # those whose twin was run
    mean: Estimate | None  # over the tasks; None unless both twins were run


def sums_of(result: Result) -> dict[str, Any]:
    """The sums of an evaluation as a record keeps them: by metric, a list for each sum, or a number where all agree."""
    rows = min(result.images, ROWS)
    group = np.arange(result.images) * rows // max(result.images, 1)
    found: dict[str, Any] = {"images": result.images, "rows": rows}
    for name in KEPT:
        if name in result.sums:
            sums = np.zeros((rows, result.sums[name].shape[1]))
            np.add.at(sums, group, result.sums[name])
            found[name] = [_column(column) for column in sums.T]
    return found


def difference(one: Records, other: Records, metric: str) -> Estimate:
    """How much more of a metric the first network has, over the same images and the seeds that both were trained with.

    >>> difference(u2net, unet, "mask_iou").is_tie  # doctest: +SKIP
    True
    """
    matched = _matched(one, other)
    return _estimate([_drawn(a, metric) - _drawn(b, metric) for a, b in matched], matched[0][0])


def ties(one: Records, other: Records, metric: str) -> bool:
    """Whether nothing shows a difference; if images cannot be paired, whether the networks' intervals overlap."""
    try:
        return difference(one, other, metric).is_tie
    except PairedError:
        spans = [interval(records, metric) for records in (one, other)]
        return max(low for low, _ in spans) <= min(high for _, high in spans)


def interval(records: Records, metric: str) -> tuple[float, float]:
    """95 % interval of one network's metric, nan where none is known.

    Of three seeds and more over images and seeds; two say next to nothing of a third, so of two it is as wide as both
    of their intervals together.
    """
    found = list(_by_seed(records).values())
    if len(found) >= ENOUGH:
        with contextlib.suppress(PairedError):  # records without sums
            over = over_seeds(found, metric)
            return over.low, over.high
    spans = [record.interval(metric) for record in found]
    ends = [(low, high) for low, high in spans if low is not None and high is not None]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (math.nan, math.nan)


def over_seeds(records: Records, metric: str) -> Estimate:
    """The mean over seeds of one network's metric."""
    found = _by_seed(records)
    return _estimate([_drawn(record, metric) for record in found.values()], next(iter(found.values())))


def gain(both: Records, twins: Mapping[str, Records]) -> Estimate:
    """The multi-task gain: the mean over tasks of the relative change for the better (Maninis et al., 2019).

    twins: by task, the same network trained for that task alone.
    """
    matched = _matched(both, *twins.values())
    metrics = [HEADLINE[task] for task in twins]
    rows = [np.mean([*map(_change, repeat(a), alone, metrics)], axis=0) for a, *alone in matched]
    return _estimate(rows, matched[0][0])


def _change(together: Record, alone: Record, metric: str) -> Numbers:
    """How much better a metric is than the other record's, as a share of that."""
    sign = 1 if build(metric).card.better == "higher" else -1
    a, b = _drawn(together, metric), _drawn(alone, metric)
    return sign * np.divide(a - b, b, out=np.full_like(b, np.nan), where=b != 0)


def gains(records: Iterable[Record]) -> list[Gain]:
    """The gains of all two-task networks of which a single-task twin was run under the same cell, seed by seed."""
    trained: dict[tuple[Family, Links], list[Record]] = defaultdict(list)
    for record in records:
        if record.measure == "accuracy" and record.status == "done" and (known := _family(record)):
            trained[known].append(record)
    found = []
    for (family, links), both in trained.items():
        twins: dict[str, Records] = {}
        for task, link in links if len(links) > 1 else ():
            alone = trained.get((family, ((task, link),)), [])
            if _by_seed(alone).keys() & _by_seed(both).keys():
                twins[task] = alone
        if twins:
            met = set(_by_seed(both)).intersection(*map(_by_seed, twins.values()))
            tasks = {task: gain(both, {task: twin}) for task, twin in twins.items()}
            mean = gain(both, twins) if met and len(twins) == len(TASKS) else None
            found.append(Gain(both[0].model, both[0].accuracy.tested_on, tasks, mean))
    return found


def _family(record: Record) -> tuple[Family, Links] | None:
    """What a network has in common with its single-task twins, and its tasks with their links."""
    spec = Spec.parse(record.spec)
    options = dict(spec.options)
    tasks, link = options.pop("tasks", None), options.pop("link", None)
    if record.raw.sums is None or not (isinstance(tasks, tuple) and isinstance(link, tuple)):
        return None  # without tasks and links it is a network of one's own
    links = tuple((str(task), str(each)) for task, each in zip(tasks, link, strict=True))
    return (str(Spec(spec.name, options)), record.accuracy.unseeded), links


def _by_seed(records: Records) -> BySeed:
    """Records by seed; of two with one seed, the later."""
    several = [records] if isinstance(records, Record) else records
    return {record.accuracy.seed: record for record in several}


def _matched(*networks: Records) -> list[tuple[Record, ...]]:
    """For each seed that all were trained with, a record of each network; all are of the same test images."""
    found = [_by_seed(records) for records in networks]
    matched = [tuple(each[seed] for each in found) for seed in found[0] if all(seed in each for each in found)]
    if not matched:
        seeds = "; ".join(", ".join(map(str, each)) or "none" for each in found)
        raise PairedError(f"these were trained with different seeds ({seeds}); at least one must be common")
    for one, *others in matched:
        for other in others:
            _require_alike(one, other)
    return matched


def _require_alike(one: Record, other: Record) -> None:
    """Raise PairedError unless two records are of the same test images."""
    for name in ("data", "size", "test_images"):
        a, b = (getattr(record.accuracy, name) for record in (one, other))
        if a != b:
            raise PairedError(f"{one.model} was tested with {name} {a}, and {other.model} with {b}")
    for name in COUNTS:
        a, b = (_sums(record)[name] for record in (one, other))
        if a != b:
            raise PairedError(f"{one.model} keeps sums of {a} {name}, and {other.model} of {b}")


def _drawn(record: Record, metric: str) -> Numbers:
    """A metric of all images, then of each resample, (1 + RESAMPLES,)."""
    sums = _sums(record)
    if metric not in sums:
        there = ", ".join(name for name in sums if name not in COUNTS)
        raise PairedError(f"the record of {record.model} keeps no sums of {metric}; it has {there}")
    rows = np.stack([np.broadcast_to(np.asarray(column, dtype=float), sums["rows"]) for column in sums[metric]], axis=1)
    return np.asarray(build(metric)(_times(sums["rows"]) @ rows))


def _sums(record: Record) -> Mapping[str, Any]:
    if record.raw.sums is None:
        raise PairedError(f"the record of {record.model} keeps no sums of its test images")
    return record.raw.sums


@cache
def _times(rows: int) -> Numbers:
    """How often each row is drawn: once, then in each resample, (1 + RESAMPLES, rows); always the same."""
    drawn = np.random.default_rng(0).multinomial(rows, np.full(rows, 1 / rows), RESAMPLES)
    return np.concatenate([np.ones((1, rows)), drawn])


def _estimate(by_seed: Sequence[Numbers], record: Record) -> Estimate:
    """The mean over seeds; rows of the value of all images, then of the resamples."""
    drawn = np.mean(by_seed, axis=0)
    value, seeds = float(drawn[0]), len(by_seed)
    known = drawn[1:][np.isfinite(drawn[1:])]
    low, high = np.percentile(known, RANGE) if len(known) else (math.nan, math.nan)
    between = 0.0
    if seeds > 1:
        deviation = float(np.std([row[0] for row in by_seed], ddof=1))
        between = STUDENT.get(seeds, STUDENT_OF_MORE) * deviation / math.sqrt(seeds)
    below, above = math.hypot(max(value - low, 0), between), math.hypot(max(high - value, 0), between)
    return Estimate(value, value - below, value + above, seeds, int(_sums(record)["images"]))


def _column(values: Numbers) -> float | list[float]:
    """One number where all are the same."""
    numbers = [int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}") for value in values.tolist()]
    return numbers[0] if numbers and len(set(numbers)) == 1 else numbers
