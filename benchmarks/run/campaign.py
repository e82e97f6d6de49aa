"""A comparison from start to end: the cells that are still to be measured, one after the other, with a record for
each."""

import hashlib
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.measures import accuracy, cost, memory, ready_made, sensitivity
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.run.side_by_side import Outcome, measure_together
from benchmarks.store import identity
from benchmarks.store.files import one_line
from benchmarks.store.record import Found, Machine, Record, TimedSettings
from benchmarks.timing import clocks, limits, rounds
from zoo import machine
from zoo.metrics import enter
from zoo.precision import float32
from zoo.progress import Tick
from zoo.training import StoppedError


class Campaign:
    """Cells on the device of a comparison; gives a record for each. Trainings live in its folder."""

    def __init__(self, cells: Sequence[Cell], asked: Comparison):
        self.cells, self.asked, self.device = cells, asked, torch.device(asked.device)
        self.clocks = clocks.Clocks(self.device)
        enter(asked.metric)  # on another machine of a cluster they are not known yet
        self.run, self.machine = uuid.uuid4().hex[:12], Machine.here(self.device)

    def measure(self, tick: Tick) -> Iterator[Record]:
        """Measure all cells; an error is its cell's result. Ctrl-C gives what was half done, then ends."""
        total, count = len(self.cells), 0
        parts: dict[tuple[Any, ...], list[Cell]] = {}  # a network's cells stand together in a plan, a setting's do not
        for cell in self.cells:
            parts.setdefault(part_of(cell), []).append(cell)
        for part, cells in parts.items():
            tick(f"{part[0]} {count} of {total} cells", count, total)
            with clocks.Clocks(self.device) as self.clocks, float32():  # and as it was after: timed cells set their own
                begun = time.perf_counter()
                for cell, status, failed, found in self._measured(cells, tick):
                    count += 1
                    yield self._record(cell, status, failed, found, took=round(time.perf_counter() - begun, 3))
                    begun = time.perf_counter()

    def _measured(self, cells: list[Cell], tick: Tick) -> Iterator[Outcome]:
        if cells[0].measure in ("latency", "throughput"):
            yield from measure_together(cells, self.asked, tick)
            return
        for cell in cells:
            try:
                yield cell, "done", None, self._alone(cell, tick)
            except StoppedError:  # training took Ctrl-C, and has saved itself
                raise KeyboardInterrupt from None
            except Exception as error:
                yield cell, "failed", f"failed: {one_line(error)}", Found()

    def _alone(self, cell: Cell, tick: Tick) -> Found:
        """One cell that needs no others beside it."""
        entrant, weights = cell.entrant, self.asked.weights
        if cell.measure == "memory":
            return Found(memory.peak(entrant, cell.timed, self.device))
        once = TimedSettings(cell.settings.size, device=self.device.type)
        for work in ("once", "training") if cell.measure == "accuracy" and not weights else ("once",):
            memory.rehearse(entrant, once, self.device, work, seconds=rounds.CAP)  # a network of one's own may hang
        if cell.measure == "cost":
            with limits.within_time(rounds.CAP):
                return Found(asdict(cost.count(entrant.make(), *cell.settings.size)))
        folder, device = home(self.asked.out, cell), str(self.device)
        if cell.measure == "sensitivity":
            model = ready_made.ready_made(weights, entrant) if weights else accuracy.trained(folder, entrant)
            found = sensitivity.measure(model, cell.sensitivity, device=device, tick=tick)
            return found if weights else replace(found, raw=replace(found.raw, samples=accuracy.samples(folder)))
        if weights:
            found = accuracy.test_only(weights, cell.accuracy, folder, entrant=entrant, device=device, tick=tick)
        else:
            found = accuracy.measure(
                entrant, cell.accuracy, folder, device=device, workers=self.asked.workers, tick=tick
            )
        return replace(found, gallery=str((folder / accuracy.picture(cell.accuracy)).relative_to(self.asked.out)))

    def failed(self, cell: Cell, error: Exception) -> Record:
        """The record of a cell that another machine could not measure."""
        return self._record(cell, "failed", f"failed: {one_line(error)}", Found(), took=0.0)

    def _record(self, cell: Cell, status: str, failed: str | None, found: Found, *, took: float) -> Record:
        return Record(
            measure=cell.measure,
            status=status,
            failed=failed,
            model=str(cell.entrant.asked),
            spec=cell.entrant.spec,
            group=cell.entrant.group,
            cell=cell.settings,
            machine=self.machine,
            run=self.run,
            load=machine.load(),
            clocks=self.clocks.read(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            **vars(found) | {"took": took if found.took is None else found.took},
        )


def home(folder: Path, cell: Cell) -> Path:
    """Where a cell's training lives, however it is tested and whichever way its network was spelled."""
    key = identity.training(cell.entrant.spec, cell.settings)
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in cell.entrant.asked.name)[:40]
    return folder / "runs" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def part_of(cell: Cell) -> tuple[Any, ...]:
    """What is measured side by side: timed cells that differ in the network, the layout or the engine alone.

    The largest batches of two networks are no pair, and would not fit into memory together.
    """
    if cell.measure not in ("latency", "throughput"):
        return (cell.measure,)
    timed = cell.timed
    batch = timed.batch or (cell.entrant.spec, timed.layout, timed.engine)
    return cell.measure, timed.size, batch, timed.precision
