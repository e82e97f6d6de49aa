"""The pass over a data set that its figures need, and the record of them."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

from registry import Spec
from registry.vocabulary import Split
from zoo.data.dataset import DataError, PairDataset, load, sources
from zoo.data.feeding.order import spread
from zoo.data.inspecting.stats import Stats
from zoo.parallel import run
from zoo.progress import Tick

CHUNK = 32  # samples at once: 40 MB of float64 at 224 pixels
COMPUTED = 500  # samples, unless told otherwise, of a source that has millions because it computes them
SCHEMA = 1


def figures(
    spec: str,
    *,
    split: Split | None = None,
    size: int | None = None,
    limit: int | None = None,
    workers: int = 0,
    tick: Tick = lambda label, done, total: None,
) -> tuple[Stats, dict[str, Any]]:
    """The figures of a data set by name, and their record.

    split, limit: None is 500 of test where samples are computed, and everything where they are files.
    A data set that has `perturbations` is measured with each of them alone too, by its option `only`.
    """
    _dataset.cache_clear()  # files may have changed since
    computed = _is_computed(spec)
    split = split or ("test" if computed else "all")
    dataset = _dataset(spec, split, size)
    if not len(dataset):
        raise DataError(f"{spec} has no samples in split {split}")
    indices = spread(len(dataset), limit or (COMPUTED if computed else None))
    whole, there, note = dataset.spec, len(dataset), getattr(dataset, "split_note", "")
    perturbations: tuple[str, ...] = tuple(getattr(dataset, "perturbations", ()))
    total, passes = len(indices) * (1 + len(perturbations)), 0

    def one(name: str, what: str) -> Stats:
        def told(done: int) -> None:
            count = passes * len(indices) + done
            tick(f"stats of {what}: {done:,} of {len(indices):,} samples", count, total)

        return measure(name, split, size, indices, workers=workers, tick=told)

    stats, rows = one(spec, whole.name), []
    for only in perturbations:
        passes += 1
        constant, iou = one(str(Spec(whole.name, {**whole.options, "only": only})), only).best_threshold()
        rows.append({"only": only, "constant": round(constant, 4), "iou": round(iou, 4)})
    record = {"schema": SCHEMA, "spec": str(whole), "split": split, "split_note": note, "of": there}
    return stats, {**record, **stats.to_dict(), "perturbations": rows}


def measure(
    spec: str,
    split: Split,
    size: int | None,
    indices: Sequence[int],
    *,
    workers: int = 0,
    tick: Callable[[int], None] = lambda done: None,
) -> Stats:
    """The figures of some samples of a data set by name, over several processes if asked for."""
    chunks: Iterable[tuple[int, ...]] = (tuple(indices[i : i + CHUNK]) for i in range(0, len(indices), CHUNK))
    stats, done = Stats(), 0
    for chunk, part in run(partial(_part, spec, split, size), chunks, workers=workers):
        stats, done = stats.merge(part), done + len(chunk)
        tick(done)
    return stats


def collect(dataset: PairDataset, indices: Sequence[int]) -> Stats:
    """The figures of some samples, all at once where their sizes allow it."""
    try:
        return Stats.of(dataset.batch(indices))
    except DataError:
        if dataset.size is not None:
            raise
    stats = Stats()  # files as they are differ in size
    for index in indices:
        stats = stats.merge(Stats.of(dataset.batch([index])))
    return stats


def _is_computed(spec: str) -> bool:
    if os.path.exists(spec):  # pathlib's raises where a spec is too long for a file's name
        return False
    name = Spec.parse(spec).name.partition(":")[0]
    return name in sources and sources.get(name).card.group == "computed"


def _part(spec: str, split: Split, size: int | None, chunk: tuple[int, ...]) -> Stats:
    return collect(_dataset(spec, split, size), chunk)


@lru_cache(1)  # once per process
def _dataset(spec: str, split: Split, size: int | None) -> PairDataset:
    return load(spec, split=split, size=size)
