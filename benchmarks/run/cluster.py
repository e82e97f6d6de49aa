"""A comparison over the machines of a Ray cluster: each job's records come back whole, or the job is done elsewhere.
A job that brings its machines down is taken apart by its networks, so that the one at fault fails alone.

Timed cells have a device to themselves: a GPU, or a machine. Trainings may share a GPU. The folder of the trainings
is on storage that all machines share.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.networks.entrants import enter
from benchmarks.plan.cells import Cell, device_type
from benchmarks.plan.comparison import Comparison
from benchmarks.run.campaign import Campaign, home, part_of
from benchmarks.store.names import OF_MACHINE
from benchmarks.store.record import Record, Settings
from registry import ZooError
from zoo import machine
from zoo.parallel import Resources, run
from zoo.progress import Tick

TRAINED = ("accuracy", "sensitivity")


@dataclass(frozen=True)
class Job:
    """Cells that are measured together, in a form that travels: what was asked for, the measure, the settings."""

    cells: tuple[tuple[str, str, Settings], ...]

    @property
    def measure(self) -> str:
        return self.cells[0][1]

    def by_network(self) -> list["Job"]:
        """The same cells, a job for each network."""
        networks = dict.fromkeys(asked for asked, *_ in self.cells)
        return [Job(tuple(cell for cell in self.cells if cell[0] == asked)) for asked in networks]

    def __repr__(self) -> str:
        return f"{self.measure} of {', '.join(dict.fromkeys(asked for asked, *_ in self.cells))}"


def jobs(chosen: Sequence[Cell], folder: Path) -> list[Job]:
    """Timed cells of one setting together, a training with its sensitivity, every other cell alone."""
    grouped: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(chosen):
        alone = part_of(cell) if cell.measure in ("latency", "throughput") else number
        grouped.setdefault(home(folder, cell) if cell.measure in TRAINED else alone, []).append(cell)
    return [Job(tuple((str(c.entrant.asked), c.measure, c.settings) for c in group)) for group in grouped.values()]


def perform(job: Job, *, asked: Comparison) -> list[Record] | ZooError:
    """Measure a job, on whichever machine this is; an error where this machine cannot even enter its networks."""
    try:
        cells = entered(job)
    except ZooError as error:
        return error
    with machine.threads(asked.threads):
        return list(Campaign(cells, asked).measure(lambda *_: None))


def entered(job: Job) -> list[Cell]:
    return [Cell(measure, enter(asked)[0], settings) for asked, measure, settings in job.cells]


def measure(chosen: Sequence[Cell], asked: Comparison, tick: Tick) -> Iterator[Record]:
    """Records of all cells, as jobs are finished; a machine that is lost is named, and its jobs are done again."""
    todo, device = jobs(chosen, asked.out), device_type(asked)
    work = partial(perform, asked=replace(asked, device=device, out=asked.out.absolute()))
    here = Campaign((), asked)
    count = 0
    while todo:
        found = run(
            work,
            todo,
            executor="ray",
            resources=partial(needs, device=device),
            address=asked.address,
            on_loss=lambda job, error: error,  # what kills its machine is a result, and the other jobs go on
        )
        todo = []
        for job, records in found:
            if isinstance(records, ZooError):
                if len(alone := job.by_network()) > 1:  # one of them may have brought it down, and falls alone then
                    todo += alone
                    continue
                records = [here.failed(cell, records) for cell in entered(job)]
            for record in records:
                count += 1
                tick(f"{record.measure} {count} of {len(chosen)} cells", count, len(chosen))
                yield record


def needs(job: Job, *, device: str) -> Resources:
    """What a job must have to itself."""
    alone = job.measure in OF_MACHINE
    if device == "cuda":
        return {"cpu": 1, "gpu": 1 if alone else 0.5}
    return {"exclusive": True} if alone else {"cpu": 1}
