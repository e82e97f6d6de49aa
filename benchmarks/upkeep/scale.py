"""What a large sweep takes, laid out from the committed records: docs/scale.md, which `make readme` writes."""

import heapq
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from typing import Any

from benchmarks.show.table import grid
from benchmarks.store.files import line
from benchmarks.store.names import BASELINE, EQUAL, MEASURES
from benchmarks.store.record import Record

MILLION = 1_000_000
FEW = 4  # networks from which their mix says something of others
NETWORKS, SAMPLES = 100, 100 * MILLION
MACHINES = (1, 4, 16, 64, 256)
UNITS = {"s": 1, "min": 60, "hours": 3600, "days": 24 * 3600, "years": 365 * 24 * 3600}
BESIDE = ("cost", "latency", "memory")  # what is measured of a network beside its training

TEXT = """# What a sweep takes

`make readme` writes this page from the records in `benchmarks/records`; no figure in a table is typed by hand. A cell
is one measure of one network under one setting. A cluster distributes cells (`python -m benchmarks.compare
--executor ray`).

## One cell

{each}

A timed cell has its machine to itself; trainings share one. A cell that is lost with its machine is measured
again on another, and a training resumes from its newest checkpoint if all machines see its folder.

## A million samples

Recipe `equal` at {size}, scenes rendered while training runs, validation included; {slots} trainings side by
side on one machine with {cores} cores, {machine}, load {load:.1f}.

{rates}

## {networks} networks, {samples} million samples

The networks above in turn until there are {networks}, the longest training first, each where there is room
next. A training is not split here (`torchrun` would do that), so no number of machines makes the sweep shorter
than its longest training.

{sweep}

Cost, latency and memory of {networks} networks take {beside} more on one machine. {networks} records of
accuracy, with the values of every image, take {records} on disk, and the weights {weights}.

## 400,000 composed samples

The founding systems composed 400,000 samples each. `zoo data compose` made 40,032 at 96 x 96 pixels as loose files
in 118 s with two worker processes, on two cores that had other work (2026-11-28, AMD EPYC): 340/s, so that 400,000
take 20 minutes. The release before made 67 to 114/s in turns with 173 to 239/s of this one (2,016 samples, start
included), and wrote the same bytes. On a busy disk, most of its time went into waiting for each file.
"""


def page(records: Sequence[Record]) -> str:
    """The text; empty where fewer than FEW networks were both counted and trained by the recipe that all share."""
    done = [record for record in records if record.status == "done"]
    alike: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for record in done:
        if record.measure == "accuracy" and record.group != BASELINE and record.accuracy.trained_as.kind == EQUAL:
            alike[record.accuracy.trained_as, record.cell.size, record.machine.identity].append(record)
    found = {record.spec: record.values for record in done if record.measure == "cost"}
    if not alike or not found:
        return ""
    trainings = max(alike.values(), key=lambda found: (found[0].machine.device == "cpu", len(found)))
    first = trainings[0]
    cores, threads = first.machine.cores or 1, first.machine.threads or 1
    slots = max(1, cores // threads)
    rates = seconds_for_a_sample(trainings)
    if len(rates) < FEW:
        return ""
    beside = sum(statistics.mean(times) for times in times_beside(done).values())
    return TEXT.format(
        each=grid(["measure", "machine", "cells", "median", "longest"], by_measure(done)),
        size="{} x {} pixels".format(*first.cell.size),
        machine=first.machine.headline,
        slots=slots,
        cores=cores,
        load=statistics.median(record.load or 0 for record in trainings),
        rates=grid(
            ["network", "samples /s", "hours for a million"],
            [[f"`{name}`", f"{1 / each:.1f}", f"{each * MILLION / 3600:.1f}"] for name, each in rates.items()],
        ),
        networks=NETWORKS,
        samples=SAMPLES // MILLION,
        sweep=sweep(list(rates.values()), slots),
        beside=in_words(beside * NETWORKS),
        records=_size(NETWORKS * statistics.mean(len(line(record)) for record in trainings)),
        weights=_size(NETWORKS * statistics.mean(values["weight_bytes"] for values in found.values())),
    )


def seconds_for_a_sample(trainings: Iterable[Record]) -> dict[str, float]:
    """By network, the fastest first, time that it stood still left out; the mean where a network has several."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in trainings:
        if record.samples:
            times[record.model].append((record.values["seconds"] - record.raw.paused) / record.samples)
    means = {name: statistics.mean(found) for name, found in times.items()}
    return dict(sorted(means.items(), key=lambda pair: pair[1]))


def by_measure(records: Sequence[Record]) -> list[list[str]]:
    """How long a cell of each measure takes, on each machine."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in sorted(records, key=lambda record: MEASURES.index(record.measure)):
        found[record.measure, record.machine.headline].append(seconds(record))
    return [
        [*key, str(len(times)), in_words(statistics.median(times)), in_words(max(times))]
        for key, times in found.items()
    ]


def times_beside(records: Iterable[Record]) -> dict[str, list[float]]:
    """By measure, what each network took: all cells of it together, on the CPU that measured most, else elsewhere."""
    found: dict[str, dict[tuple[Any, ...], dict[str, float]]] = {measure: {} for measure in BESIDE}
    for record in records:
        if record.measure in BESIDE:
            of = found[record.measure].setdefault(record.machine.identity, defaultdict(float))
            of[record.spec] += record.took or 0
    most = {
        name: max(places, key=lambda at: (at[0] == "cpu", len(places[at]))) for name, places in found.items() if places
    }
    return {name: list(found[name][place].values()) for name, place in most.items()}


def seconds(record: Record) -> float:
    """That a cell took, with what went before a training was stopped and resumed, without time that it stood still."""
    return max(record.took or 0, record.value("seconds") or 0) - record.raw.paused


def sweep(rates: Sequence[float], slots: int) -> str:
    """A row for each number of machines, a column for all the samples once and one for all of them for each network."""
    columns = [[rate * amount for rate in islice(cycle(rates), NETWORKS)] for amount in (SAMPLES / NETWORKS, SAMPLES)]
    body = [[str(n), *(in_words(makespan(trainings, n * slots)) for trainings in columns)] for n in MACHINES]
    body.append(["longest training", *(in_words(max(trainings)) for trainings in columns)])
    return grid(["machines", f"{SAMPLES // MILLION} million in all", f"{SAMPLES // MILLION} million each"], body)


def makespan(durations: Iterable[float], slots: int) -> float:
    """When all are done, if the longest begin first and each begins where there is room next.

    >>> makespan([2, 1, 1, 3], slots=2), makespan([5, 1, 1], slots=9)
    (4.0, 5.0)
    """
    free = [0.0] * slots
    for duration in sorted(durations, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


def in_words(seconds: float) -> str:
    """A time in the largest unit of which it is more than two.

    >>> in_words(0.24), in_words(100), in_words(9000), in_words(200000), in_words(3 * 10**7), in_words(10**8)
    ('0.24 s', '100 s', '2.5 hours', '2.3 days', '350 days', '3.2 years')
    """
    unit = next((unit for unit in reversed(UNITS) if seconds > 2 * UNITS[unit]), "s")
    rounded = float(f"{seconds / UNITS[unit]:.{3 if unit == 's' else 2}g}")
    return f"{rounded:g} {unit}"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
