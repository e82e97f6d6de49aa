"""`compare --formats`: networks in several formats, records first, then a table and a page in --out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measures.exports import Asked, measured
from benchmarks.measures.ready_made import ready_made
from benchmarks.networks.entrants import Entrant, enter
from benchmarks.plan.comparison import Comparison
from benchmarks.show import exports as shown
from benchmarks.store import files as store
from benchmarks.store.exported import ExportRecord
from benchmarks.store.names import FORMATS_RECORDS
from benchmarks.store.record import Machine
from registry import OptionError
from zoo import files
from zoo.deploy.formats import FORMATS
from zoo.lock import locked
from zoo.machine import threads
from zoo.model import PairModel
from zoo.progress import Tick, progress

TABLE, PAGE = "formats.md", "formats.html"


@dataclass(frozen=True)
class Exports:
    """What came of it; stopped: by Ctrl-C."""

    records: list[ExportRecord]
    stopped: bool


def run(asked: Comparison, formats: Sequence[str]) -> Exports:
    """Measure what the records in the folder do not hold, with --resume, and write table and page."""
    import torch

    if asked.device != "cpu":
        raise OptionError(f"--formats compares on the CPU, and not on {asked.device}; give --device cpu")
    for name in formats:
        if name in FORMATS:
            FORMATS[name].require_packages(name)
    folder = store.prepare(asked.out)
    stopped = False
    with locked(folder), threads(asked.threads):
        path = folder / FORMATS_RECORDS
        before = store.read_as(ExportRecord, path) if asked.resume and path.exists() else []
        if not asked.resume:
            path.unlink(missing_ok=True)
        found = {record.key: record for record in before}
        here = Machine.here(torch.device("cpu"))
        try:
            with progress() as tick:
                for record in _measured(asked, formats, found, here, tick):
                    store.append(path, record)
                    found[record.key] = record
        except KeyboardInterrupt:
            stopped = True
        records = list(found.values())
        if records:
            files.write_text(folder / TABLE, shown.to_markdown(records))
            files.write_text(folder / PAGE, shown.to_html(records))
    return Exports(records, stopped)


def _measured(
    asked: Comparison, formats: Sequence[str], found: dict[Any, ExportRecord], here: Machine, tick: Tick
) -> Iterator[ExportRecord]:
    for entrant in enter(asked.models):
        for size in asked.sizes:
            wanted = Asked(size, asked.data[-1], asked.scenes, _weights(asked), asked.seconds, asked.rounds)
            missing = [name for name in formats if (entrant.spec, wanted.cell(name), here.identity) not in found]
            if missing:
                yield from measured(entrant, _network(asked.weights, entrant), missing, wanted, tick)


def _weights(asked: Comparison) -> str | None:
    return None if asked.weights is None else str(asked.weights)


def _network(weights: Path | None, entrant: Entrant) -> PairModel:
    return entrant.make() if weights is None else ready_made(weights, entrant)
