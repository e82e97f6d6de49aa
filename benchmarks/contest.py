"""One comparison from start to end: build, count, warm up, measure in shuffled rounds; a record per finished cell."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks import cost, intervals, measure, results
from benchmarks.entrants import Entrant
from benchmarks.measure import Cell, Layout
from registry import OptionError, ZooError
from zoo import machine
from zoo.progress import Tick


@dataclass
class Contest:
    """Entrants at one size on one device; `records` grows while it runs, in memory and in the file alike."""

    entrants: Sequence[Entrant]
    size: tuple[int, int]
    device: torch.device
    path: Path
    seconds: float  # of all rounds together
    rounds: int  # at least, for each cell
    records: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        on_cpu = self.device.type == "cpu"
        self.layouts: tuple[Layout, ...] = ("contiguous", "channels_last") if on_cpu else ("contiguous",)
        self.common = {
            "kind": "latency",
            "run": uuid.uuid4().hex[:12],
            "size": list(self.size),
            "batch": 1,
            "precision": "float32",
            "engine": "eager",
            "machine": machine.describe(self.device),
        }

    def run(self, tick: Tick) -> None:
        """Measure everything; an error of one network is that network's result."""
        with measure.exact_float32():
            for i, entrant in enumerate(self.entrants):
                tick(f"build and count {entrant.asked}", i, len(self.entrants))
                self._prepare(entrant)
            home = {id(cell): (e, layout) for e in self.entrants for layout, cell in e.cells.items()}
            cells = [cell for entrant in self.entrants for cell in entrant.cells.values()]
            for i, cell in enumerate(cells):
                tick(f"warm up {cell.name}", i, len(cells))
                measure.warm_up(cell, seconds=self.seconds / len(cells) / 2)
            total = self._left(cells)
            for cell in measure.interleave(cells, seconds=self.seconds, min_rounds=self.rounds):
                left = self._left(cells)
                tick(f"measure {len(cells)} cells in shuffled rounds, about {left:.0f} s left", total - left, total)
                if cell.finished:
                    self._keep(*home[id(cell)], "failed" if cell.failed else "done")

    def stop(self) -> None:
        """After Ctrl-C: keep what was measured of the cells that were not finished, as interrupted."""
        for entrant in self.entrants:
            for layout, cell in entrant.cells.items():
                if cell.rounds and not cell.finished:
                    self._keep(entrant, layout, "interrupted")

    def _prepare(self, entrant: Entrant) -> None:
        try:
            model = entrant.make().eval()
        except Exception as error:
            entrant.failed = f"failed to build: {results.one_line(error)}"
            self._keep(entrant, self.layouts[0], "failed")
            return
        try:
            entrant.cost = asdict(cost.count(model, *self.size))
        except ZooError as error:
            entrant.cost = asdict(cost.weigh(model)) | {
                "failed": f"not counted: {results.one_line(error.__cause__ or error)}"
            }
        try:
            model.to(self.device)
            pair = measure.images(model.face.image_ch, *self.size, self.device)
            cells = {
                layout: measure.prepare(model, pair, layout, f"{entrant.asked}, {layout}") for layout in self.layouts
            }
        except Exception as error:  # out of memory, or an operator the device lacks
            entrant.failed = f"failed on {self.device}: {results.one_line(error)}"
            self._keep(entrant, self.layouts[0], "failed")
            return
        entrant.cells = cells

    def _left(self, cells: Sequence[Cell]) -> float:
        return measure.remaining(cells, seconds=self.seconds, min_rounds=self.rounds)

    def _keep(self, entrant: Entrant, layout: Layout, status: str) -> None:
        cell = entrant.cells.get(layout)
        measured = bool(cell and cell.rounds and not cell.failed)
        summary = asdict(intervals.summarise(cell.rounds)) if cell and measured else {}
        record = self.common | {
            "status": status,
            "load": machine.load(),
            "model": str(entrant.asked),
            "group": entrant.group,
            "spec": entrant.spec,
            "layout": layout,
            "failed": cell.failed if cell else entrant.failed,
            "cost": entrant.cost,
            "latency_ms": {name: value if math.isfinite(value) else None for name, value in summary.items()},
            "warm_up": asdict(cell.warm) if cell and cell.warm else None,
            "rounds_ms": [[round(ms, 4) for ms in row] for row in cell.rounds] if cell else [],
        }
        self.records.append(record)
        results.append(self.path, record)


def choose(device: str) -> torch.device:
    """`auto` is CUDA where there is one."""
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
