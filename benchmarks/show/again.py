"""How a figure is had again: the command that measures its cell, and the revision that it was measured at."""

import shlex
from collections.abc import Iterator, Sequence

from benchmarks.store.names import READY_MADE
from benchmarks.store.record import Record

SCENES = 500  # what a comparison tests on unless it is told
SHOWN = 10  # letters of a commit's name


def command(records: Sequence[Record]) -> str:
    """One for all of a network that differ in measure, seed or perturbation alone; empty where a file was needed that
    no record holds: weights, or a recipe of somebody's own.

    >>> from benchmarks.store.record import CostSettings, Machine
    >>> name, settings = "unet(depth=4)", CostSettings((64, 96))
    >>> command([Record("cost", "done", None, name, name, "founding", settings, Machine())])
    "python -m benchmarks.compare --models 'unet(depth=4)' --measure cost --sizes 64x96"
    """
    first = records[0]
    settings = dict(_timed(records) if first.measure in TIMED else _trained(records))
    if not settings:
        return ""
    trained = ["accuracy"] if first.measure == "sensitivity" else []  # a curve is of a network that was trained
    measures = ",".join(dict.fromkeys([*trained, *(record.measure for record in records)]))
    words = {"models": first.model, "measure": measures, **settings}
    options = (f"--{name} {shlex.quote(text)}" for name, text in words.items())
    return " ".join(["python -m benchmarks.compare", *options])


def of(records: Sequence[Record]) -> tuple[str, str]:
    """The command and the revisions of some records, as a reader sees them; nothing of none."""
    known = dict.fromkeys(filter(None, map(revision, records)))
    return (command(records), ", ".join(known)) if records else ("", "")


def revision(record: Record) -> str:
    """The commit, and whether files had been changed since."""
    machine = record.machine
    return f"{machine.commit[:SHOWN]}{' with changes' if machine.dirty else ''}" if machine.commit else ""


TIMED = ("cost", "latency", "throughput", "memory")


def _timed(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    yield "sizes", "x".join(map(str, records[0].cell.size))
    cells = [record.timed for record in records if record.measure != "cost"]
    if not cells:
        return
    yield "precisions", cells[0].precision
    engines = [record.timed.engine for record in records if record.measure in ("latency", "throughput")]
    yield "engines", ",".join(dict.fromkeys(engines or [cells[0].engine]))
    yield "layouts", ",".join(dict.fromkeys(cell.layout for cell in cells))
    if batches := [record.timed.batch for record in records if record.measure == "throughput"]:
        yield "batches", ",".join(dict.fromkeys(str(batch or "max") for batch in batches))
    machine = next(record.machine for record in records if record.measure != "cost")
    if machine.device == "cpu" and machine.threads:
        yield "threads", str(machine.threads)


def _trained(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    cell = records[0].accuracy
    if cell.content or cell.weights or cell.recipe.startswith(READY_MADE):
        return
    yield "data", cell.data
    if cell.test:
        yield "test", cell.test
    yield "recipes", cell.recipe
    if cell.samples:
        yield "samples", str(cell.samples)
    yield "seeds", ",".join(dict.fromkeys(str(record.accuracy.seed) for record in records))
    yield "train-size", "x".join(map(str, cell.size))
    if cell.precision:
        yield "train-precision", cell.precision
    if cell.test_images != SCENES:
        yield "scenes", str(cell.test_images)
