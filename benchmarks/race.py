"""Timed cells of one setting side by side: warmed up, visited in shuffled rounds, set beside the device's peaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import torch

from benchmarks import cost, limits, measure, results, roofline, speed
from benchmarks.cells import Cell
from registry import ZooError
from zoo.model import PairModel
from zoo.progress import Tick

WIDER = {"bf16": 2, "fp16": 2}  # how much wider a number is than with this precision, where it was counted
PEAK = 1.0  # seconds for the device's peaks; they belong to the run, because a machine is not the same every day

Outcome = tuple[Cell, str, str | None, dict[str, Any]]  # status, failure, values and intervals and raw


def race(
    cells: Sequence[Cell], device: torch.device, *, seconds: float, rounds: int, within: float, tick: Tick
) -> Iterator[Outcome]:
    """Outcomes as cells are finished. seconds: for each cell. Ctrl-C gives what was half done, then ends."""
    kind = cells[0].measure
    live: dict[int, Cell] = {}
    timed: list[measure.Cell] = []
    asked = [_sized(cell, device, tick) for cell in cells]  # while nothing else is in memory
    for n, (cell, settings) in enumerate(zip(cells, asked, strict=True)):
        tick(f"{kind} prepare {cell.entrant.asked}", n, len(cells))
        prepared = _prepared(cell, settings, device)
        if not prepared.failed:
            measure.warm_up(prepared, seconds=seconds / 2)
        live[id(prepared)] = cell
        timed.append(prepared)
    peaks = _peaks(device, str(cells[0].settings["precision"]))
    together = seconds * sum(not prepared.failed for prepared in timed)
    total = measure.remaining(timed, seconds=together, min_rounds=rounds)
    try:
        for visited in measure.interleave(timed, seconds=together, min_rounds=rounds, within=within):
            left = measure.remaining(timed, seconds=together, min_rounds=rounds)
            tick(f"{kind} of {len(timed)} cells in shuffled rounds, {left:.0f} s left", total - left, total)
            if visited.finished:
                cell = live.pop(id(visited))
                if visited.failed:
                    yield cell, "failed", visited.failed, {}
                else:
                    yield cell, "done", None, _found(visited, cell, peaks)
    except KeyboardInterrupt:
        for prepared in timed:
            if id(prepared) in live and prepared.rounds and not prepared.failed:
                cell = live[id(prepared)]
                yield cell, "interrupted", None, _found(prepared, cell, peaks)
        raise


def _sized(cell: Cell, device: torch.device, tick: Tick) -> Mapping[str, Any]:
    """The settings with a batch: where none was asked for, the largest that fits."""
    if cell.settings["batch"] is not None:
        return cell.settings
    tick(f"{cell.measure} largest batch of {cell.entrant.asked}", 0, 1)
    try:
        with limits.within_time(measure.CAP):
            batch = speed.largest_batch(cell.entrant, cell.settings, device)
    except Exception:  # whatever it is, preparing the cell with a batch of 1 says it
        batch = 1
    return {**cell.settings, "batch": batch}


def _prepared(cell: Cell, settings: Mapping[str, Any], device: torch.device) -> measure.Cell:
    """What is to be called; its `failed` says why where there is nothing."""
    try:
        return speed.prepare(cell.entrant, settings, device, kind=cell.measure)
    except Exception as error:  # what a device or an engine lacks
        return measure.Cell(
            cell.title, lambda: None, device, failed=f"failed: {results.one_line(error)}", finished=True
        )


def _found(timed: measure.Cell, cell: Cell, peaks: dict[str, float]) -> dict[str, Any]:
    """What a record holds, with the share of the device's peak of products that was reached."""
    found = speed.summary(timed, cell.measure)
    counted = _counted(cell.entrant.spec, cell.entrant.make, tuple(cell.settings["size"]))
    if counted and counted.flops and peaks:
        values = found["values"]
        each = values["ms"] if "ms" in values else 1e3 / values["images_per_s"]  # of one image
        moved = counted.moved_bytes / WIDER.get(str(cell.settings["precision"]), 1)
        shares = roofline.share(counted.flops, moved, each, peaks)
        found["values"] |= {name: round(share, 4) for name, share in shares.items()}
        found["raw"] |= {"peaks": peaks}
    return found


@cache
def _counted(spec: str, make: Callable[[], PairModel], size: tuple[int, int]) -> cost.Cost | None:
    """Operations of one image; None for a network that cannot be counted."""
    try:
        return cost.count(make(), *size)
    except ZooError:
        return None


@cache
def _peaks(device: torch.device, precision: str) -> dict[str, float]:
    try:
        return roofline.peaks(device, precision, PEAK)
    except Exception:  # a precision that the device does not have; its cells say so
        return {}
