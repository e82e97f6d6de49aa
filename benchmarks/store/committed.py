"""The records that come with the library: where they lie, and how they are read."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.store.control import Control
from benchmarks.store.exported import ExportRecord
from benchmarks.store.files import read, read_as
from benchmarks.store.identity import latest
from benchmarks.store.names import BASELINE
from benchmarks.store.optimised import OptimisedRecord
from benchmarks.store.record import Machine, Record

FOLDER = Path(__file__).parents[1] / "records"  # a file for each kind of machine
CONTROLS = FOLDER / "control"  # those of benchmarks.checks.control, laid out alike
EXPORTS = FOLDER / "exports"  # of networks that left as files
OPTIMISED = FOLDER / "optimised"  # of zoo.optimise
GALLERIES = "galleries"  # of pictures, below FOLDER


def records(folder: Path = FOLDER, *, like: Sequence[Record] | None = None) -> list[Record]:
    """Of each cell the last record. like: only of networks that these are of, with the baselines beside them; none
    where these are of none."""
    found = latest(record for path in _files(folder) for record in read(path))
    if like is None:
        return found
    specs = {record.spec for record in like}
    named = [record for record in found if record.spec in specs and record.group != BASELINE]
    return named and [record for record in found if record.spec in specs or record.group == BASELINE]


def controls(folder: Path = CONTROLS) -> list[Control]:
    """Of each machine the last control of each length, in calm and under load, by length."""
    found = [control for path in _files(folder) for control in read_as(Control, path)]
    last = {(control.machine.identity, control.cell.loaded, control.cell.seconds): control for control in found}
    return sorted(last.values(), key=lambda control: (control.cell.loaded, control.cell.seconds))


def exports(folder: Path = EXPORTS) -> list[ExportRecord]:
    """Of each network in each format the last record."""
    return list({found.key: found for path in _files(folder) for found in read_as(ExportRecord, path)}.values())


def optimised(folder: Path = OPTIMISED) -> list[OptimisedRecord]:
    """Of each network at each size on each machine the last record."""
    return list({found.key: found for path in _files(folder) for found in read_as(OptimisedRecord, path)}.values())


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def kind(machine: Machine) -> str:
    """What a file of records is called: a GPU by its name without maker, memory and socket.

    >>> kind(Machine(device="cpu", cores=2)), kind(Machine(device="cuda", device_name="NVIDIA H100 80GB HBM3"))
    ('cpu-2-cores', 'h100')
    """
    if machine.device == "cpu":
        return f"cpu-{machine.cores}-core{'' if machine.cores == 1 else 's'}"
    name = re.sub(r"[^a-z0-9]+", "-", str(machine.device_name).lower()).strip("-")
    return re.sub(r"^nvidia-|-(\d+gb|sxm\d*|pcie|nvl)(-.*)?$", "", name)
