"""The pass over a data set that its figures need, and the record of them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial, reduce
from itertools import product
from typing import Any

from registry import Spec, listed
from registry.vocabulary import Split
from zoo.data.dataset import DamagedError, DataError, PairDataset, load, parse, without_damaged
from zoo.data.feeding.order import spread
from zoo.data.inspecting.stats import Stats
from zoo.parallel import run
from zoo.progress import Tick

CHUNK = 32  # samples at once: 40 MB of float64 at 224 pixels
COMPUTED = 500  # samples, unless told otherwise, of a source that has millions because it computes them
SCHEMA = 1

Item = tuple[str, tuple[int, ...]]  # a spec's short name, and indices of samples
Part = tuple[Stats | None, dict[int, str]]  # figures of some samples, None where none is whole; index -> why one is not

_dataset = lru_cache(1)(load)  # once per process


def figures(
    spec: str,
    *,
    split: Split | None = None,
    size: int | None = None,
    limit: int | None = None,
    workers: int = 0,
    tick: Tick = lambda *_: None,
) -> tuple[Stats, dict[str, Any]]:
    """The figures of a data set by name, and their record.

    split, limit: None is 500 of test where samples are computed, and everything where they are files.
    A data set that has `perturbations` is measured with each of them alone too, by its option `only`.
    """
    _dataset.cache_clear()  # files may have changed since
    computed = parse(spec)[0].card.group == "computed"
    split = split or ("test" if computed else "all")
    dataset = _dataset(spec, split=split, size=size)
    whole, there = dataset.spec, len(dataset)
    if not there:
        raise DataError(f"{spec} has no samples in split {split}")
    indices = spread(there, limit or (COMPUTED if computed else None))
    specs = {whole.name: spec}
    for only in getattr(dataset, "perturbations", ()):
        specs[only] = str(Spec(whole.name, {**whole.options, "only": only}))
    chunks = [tuple(indices[first : first + CHUNK]) for first in range(0, len(indices), CHUNK)]
    parts = run(partial(_part, specs, split, size), product(specs, chunks), workers=workers)
    found, left_out = _together(parts, dict.fromkeys(specs, Stats()), len(specs) * len(indices), tick)
    stats = found.pop(whole.name)
    if not stats.samples:
        raise DataError(f"{spec}: no sample can be read: {listed(list(left_out.values()))}")
    rows = [{"only": only, **alone.threshold()} for only, alone in found.items()]
    note = getattr(dataset, "split_note", "")
    record = {"schema": SCHEMA, "spec": str(whole), "split": split, "split_note": note, "of": there}
    problems = [f"{name}: {reason}" for name, reason in dataset.problems.items()]  # partners that are missing too
    record["left_out"] = list(dict.fromkeys([*problems, *left_out.values()]))
    return stats, {**record, **stats.to_dict(), "perturbations": rows}


def _together(
    parts: Iterable[tuple[Item, Part]], found: dict[str, Stats], total: int, tick: Tick
) -> tuple[dict[str, Stats], dict[int, str]]:
    """The figures of all parts by spec, added to those found; and what had to be left out."""
    done, left_out = 0, dict[int, str]()
    for (what, chunk), (part, damaged) in parts:
        found[what], done = found[what].merge(part or Stats()), done + len(chunk)
        left_out |= damaged
        tick(f"stats of {what}: {done:,} of {total:,} samples", done, total)
    return found, left_out


def collect(dataset: PairDataset, indices: Sequence[int]) -> Stats:
    """The figures of some samples, all at once where their sizes allow it."""
    try:
        return Stats.of(dataset.batch(indices))
    except DataError as error:
        if dataset.size is not None or isinstance(error, DamagedError):
            raise
    return reduce(Stats.merge, (Stats.of(dataset.batch([index])) for index in indices))  # files of several sizes


def _part(specs: dict[str, str], split: Split, size: int | None, item: Item) -> Part:
    """The figures of some samples; and those that are damaged, with the reason."""
    what, chunk = item
    dataset = _dataset(specs[what], split=split, size=size)
    return without_damaged(dataset, chunk, partial(collect, dataset))
