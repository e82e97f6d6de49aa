"""TimedCall cells of one setting side by side: warmed up, visited in shuffled rounds, set beside the device's peaks."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import torch

from benchmarks.measures import cost, roofline, speed
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.store.files import number, one_line
from benchmarks.store.record import Found
from benchmarks.timing import energy
from benchmarks.timing.rounds import TimedCall, interleave, remaining, warm_up
from zoo.progress import Tick

WIDER = {"bf16": 2, "fp16": 2}  # how much wider a number is than with this precision, where it was counted
PEAK = 1.0  # seconds for the device's peaks; they belong to the run, because a machine is not the same every day

Outcome = tuple[Cell, str, str | None, Found]  # status, failure


def measure_together(cells: Sequence[Cell], asked: Comparison, tick: Tick) -> Iterator[Outcome]:
    """Outcomes as cells are finished. Ctrl-C gives what was half done, then ends."""
    kind, device, seconds, rounds = cells[0].measure, torch.device(asked.device), asked.seconds, asked.rounds
    live: dict[int, tuple[TimedCall, Cell]] = {}
    for n, cell in enumerate(cells):
        begun = time.perf_counter()
        tick(f"{kind} prepare {cell.entrant.asked}", n, len(cells))
        prepared = _prepared(cell, device, tick)
        if not prepared.failed:
            warm_up(prepared, seconds=seconds / 2)
        prepared.prepared = time.perf_counter() - begun
        live[id(prepared)] = prepared, cell
    timed = [prepared for prepared, _ in live.values()]
    peaks = _peaks(device, cells[0].timed.precision)
    together = seconds * sum(not prepared.failed for prepared in timed)
    total = remaining(timed, seconds=together, min_rounds=rounds)
    try:
        for visited in interleave(timed, seconds=together, min_rounds=rounds, within=asked.within):
            left = remaining(timed, seconds=together, min_rounds=rounds)
            tick(f"{kind} of {len(timed)} cells in shuffled rounds, {left:.0f} s left", total - left, total)
            if visited.finished:
                _, cell = live.pop(id(visited))
                found = _with_energy(_found(visited, cell, peaks), visited)
                yield cell, "failed" if visited.failed else "done", visited.failed, found
    except KeyboardInterrupt:
        for prepared, cell in live.values():
            if prepared.rounds and not prepared.failed:
                yield cell, "interrupted", None, _found(prepared, cell, peaks)
        raise


def _prepared(cell: Cell, device: torch.device, tick: Tick) -> TimedCall:
    """What is to be called; its `failed` says why where there is nothing."""
    settings, ended = cell.timed, ""
    try:
        if settings.batch is None:
            tick(f"{cell.measure} largest batch of {cell.entrant.asked}", 0, 1)
            batch, ended = speed.largest_batch(cell.entrant, settings, device)
            settings = replace(settings, batch=batch)
        made = speed.prepare(cell.entrant, settings, device, kind=cell.measure)
    except Exception as error:  # what a device or an engine lacks
        return TimedCall(cell.title, lambda: None, device, failed=f"failed: {one_line(error)}", finished=True)
    made.ended = ended
    return made


def _found(timed: TimedCall, cell: Cell, peaks: dict[str, float]) -> Found:
    """What a record holds, with the share of the device's peak of products that was reached."""
    found = Found() if timed.failed else speed.summary(timed)
    found = replace(found, took=round(timed.prepared + timed.spent, 3))  # of this cell alone: a round has visits of all
    counted = cost.known(cell.entrant.spec, cell.entrant.make, cell.settings.size)
    if timed.failed or not (counted and counted.flops and peaks):
        return found
    values = found.values
    each = values["ms"] if "ms" in values else 1e3 / values["images_per_s"]  # of one image
    moved = counted.moved_bytes / WIDER.get(cell.timed.precision, 1)
    shares = {name: round(share, 4) for name, share in roofline.share(counted.flops, moved, each, peaks).items()}
    return replace(found, values={**values, **shares}, raw=replace(found.raw, peaks=peaks))


def _with_energy(found: Found, timed: TimedCall) -> Found:
    """What each image of a throughput takes in joules, where a GPU's driver counts them."""
    if timed.failed or not timed.pipelined or timed.device.type != "cuda":
        return found
    timed.enter()
    joules = energy.each(timed.call, timed.device)
    return replace(found, values={**found.values, "joules_per_image": joules and number(joules / timed.batch)})


@cache
def _peaks(device: torch.device, precision: str) -> dict[str, float]:
    try:
        return roofline.peaks(device, precision, PEAK)
    except Exception:  # a precision that the device does not have; its cells say so
        return {}
