"""A comparison from start to end: the cells that are not measured yet, one after the other; a record for each."""

import hashlib
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.measures import accuracy, cost, memory, ready_made, sensitivity
from benchmarks.networks import engines
from benchmarks.plan.cells import Cell
from benchmarks.plan.presets import WITHIN
from benchmarks.run.side_by_side import Outcome, race
from benchmarks.store.files import one_line
from benchmarks.timing import clocks, limits, rounds
from zoo import machine
from zoo.precision import float32
from zoo.progress import Tick
from zoo.training import StoppedError

Found = dict[str, Any]  # values, intervals, raw; of timed cells, which are measured side by side, what each took


@dataclass(frozen=True)
class Effort:
    """How long things are measured, and with what help."""

    seconds: float  # of timing, for each cell
    rounds: int  # at least, for each timed cell
    workers: int | None = None  # that make data for training
    weights: Path | None = None  # ready-made files, in place of training
    threads: int | None = None  # on the CPU, on each machine; None: what torch chooses
    within: float = WITHIN  # the half width of a median's interval that ends its timing, as a share


class Campaign:
    """Cells on one device; gives a record for each. Trainings live in `folder`."""

    def __init__(self, cells: Sequence[Cell], device: torch.device, folder: Path, effort: Effort):
        self.cells, self.device, self.folder, self.effort = cells, device, folder, effort
        self.clocks = clocks.Clocks(device)
        self.common = {"run": uuid.uuid4().hex[:12], "machine": machine.describe(device)}

    def measure(self, tick: Tick) -> Iterator[dict[str, Any]]:
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
                    record = self._record(cell, status, failed, found)
                    record.setdefault("took", round(time.perf_counter() - begun, 3))
                    yield record
                    begun = time.perf_counter()

    def _measured(self, cells: list[Cell], tick: Tick) -> Iterator[Outcome]:
        if cells[0].measure in ("latency", "throughput"):
            effort = self.effort
            yield from race(
                cells, self.device, seconds=effort.seconds, rounds=effort.rounds, within=effort.within, tick=tick
            )
            return
        for cell in cells:
            try:
                yield cell, "done", None, self._alone(cell, tick)
            except StoppedError:  # training took Ctrl-C, and has saved itself
                raise KeyboardInterrupt from None
            except Exception as error:
                yield cell, "failed", f"failed: {one_line(error.__cause__ or error)}", {}

    def _alone(self, cell: Cell, tick: Tick) -> Found:
        """One cell that needs no others beside it."""
        entrant, settings = cell.entrant, cell.settings
        if cell.measure == "memory":
            return {"values": memory.peak(entrant, settings, self.device)}
        once = engines.DEFAULTS | {"size": settings["size"]}
        learns = cell.measure == "accuracy" and not self.effort.weights
        for work in ("once", "training") if learns else ("once",):
            memory.rehearse(entrant, once, self.device, work, seconds=rounds.CAP)  # a network of one's own may hang
        if cell.measure == "cost":
            with limits.within_time(rounds.CAP):
                return {"values": asdict(cost.count(entrant.make(), *settings["size"]))}
        folder, weights = home(self.folder, cell), self.effort.weights
        if cell.measure == "sensitivity":
            model = ready_made.ready_made(weights, entrant) if weights else accuracy.trained(folder, entrant)
            return sensitivity.measure(model, settings, device=str(self.device), tick=tick)
        device = str(self.device)
        if weights:
            found = accuracy.test_only(weights, settings, folder, entrant=entrant, device=device, tick=tick)
        else:
            workers = self.effort.workers
            found = accuracy.measure(entrant, settings, folder, device=device, workers=workers, tick=tick)
        return {**found, "gallery": str((folder / accuracy.GALLERY).relative_to(self.folder))}

    def failed(self, cell: Cell, error: Exception) -> dict[str, Any]:
        """The record of a cell that another machine could not measure."""
        return self._record(cell, "failed", f"failed: {one_line(error)}", {"took": 0.0})

    def _record(self, cell: Cell, status: str, failed: str | None, found: Found) -> dict[str, Any]:
        return {
            "measure": cell.measure,
            "status": status,
            "failed": failed,
            "model": str(cell.entrant.asked),
            "spec": cell.entrant.spec,
            "group": cell.entrant.group,
            "cell": dict(cell.settings),
            "values": {},
            "intervals": {},
            "raw": {},
            "gallery": None,
            **found,
            **self.common,
            "load": machine.load(),
            "clocks": self.clocks.read(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def home(folder: Path, cell: Cell) -> Path:
    """Where a cell's training lives, however it is tested and whichever way its network was spelled."""
    settings = {name: value for name, value in cell.settings.items() if name not in ("perturbation", "test_images")}
    key = Cell("accuracy", cell.entrant, settings).key
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in cell.entrant.asked.name)[:40]
    return folder / "runs" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def part_of(cell: Cell) -> tuple[Any, ...]:
    """What is measured side by side: timed cells that differ in the network, the layout or the engine alone.

    The largest batches of two networks are no pair, and would not fit into memory together.
    """
    if cell.measure not in ("latency", "throughput"):
        return (cell.measure,)
    settings = cell.settings
    batch = settings["batch"] or (cell.entrant.spec, settings["layout"], settings["engine"])
    return cell.measure, tuple(settings["size"]), batch, settings["precision"]
