"""Add the records of a comparison to those that come with the library: `python -m benchmarks.upkeep keep results`.

Of `make gpu` those of all its files, its control too; of `compare --formats` those of networks as files. They go into
benchmarks/records, a file for each kind of machine, in place of older ones of the same cells; pictures of the galleries
go with them, in 256 colours. What was interrupted, and networks that are not in the catalog, stay out.
`make readme` then brings README and charts up to date.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from benchmarks.store import committed, identity
from benchmarks.store.control import Control
from benchmarks.store.exported import ExportRecord
from benchmarks.store.files import append, line, read, read_as, write_text
from benchmarks.store.names import ACCURACY, CONTROL, FORMATS_RECORDS, MORE, RECORDS, SPEED, YOURS
from benchmarks.store.record import Record
from registry import ZooError
from zoo import files

COLOURS = 256


def run(folder: Path) -> int:
    if (exports := folder / FORMATS_RECORDS).exists():
        _keep_exports(read_as(ExportRecord, exports))
        if not any((folder / name).exists() for name in (RECORDS, SPEED, ACCURACY, MORE)):
            return 0
    paths = [folder / name for name in (RECORDS, SPEED, ACCURACY, MORE)]
    found = [record for path in [path for path in paths if path.exists()] or paths[:1] for record in read(path)]
    kept = [record for record in found if record.status != "interrupted" and record.group != YOURS]
    if not kept:
        raise ZooError(f"{folder / RECORDS} holds no records to keep")
    by_file: dict[Path, list[Record]] = {}
    for record in kept:
        by_file.setdefault(committed.FOLDER / f"{committed.kind(record.machine)}.jsonl", []).append(
            replace(record, gallery=_picture(record, folder))
        )
    for path, new in by_file.items():
        old = read(path) if path.exists() else []
        together = identity.latest([*_unlike(old, new), *new])
        write_text(path, "".join(map(line, together)))
        print(f"{path}: {len(new)} records, with the older ones {len(together)}", file=sys.stderr)
    for control in read_as(Control, folder / CONTROL) if (folder / CONTROL).exists() else ():
        _keep_control(control)
    return 0


def _keep_control(control: Control) -> None:
    """Add it to those of its machine, once."""
    committed.CONTROLS.mkdir(parents=True, exist_ok=True)
    path = committed.CONTROLS / f"{committed.kind(control.machine)}.jsonl"
    if control not in (read_as(Control, path) if path.exists() else []):
        append(path, control)
        print(f"{path}: 1 control", file=sys.stderr)


def _keep_exports(records: Sequence[ExportRecord]) -> None:
    """Those of `compare --formats`, in place of older ones of the same cells; weights by the name of their file."""
    committed.EXPORTS.mkdir(parents=True, exist_ok=True)
    for kind in {committed.kind(record.machine) for record in records}:
        path = committed.EXPORTS / f"{kind}.jsonl"
        new = [
            replace(record, cell=replace(record.cell, weights=record.cell.weights and Path(record.cell.weights).name))
            for record in records
            if committed.kind(record.machine) == kind and record.group != YOURS
        ]
        together = {record.key: record for record in [*(read_as(ExportRecord, path) if path.exists() else ()), *new]}
        write_text(path, "".join(map(line, together.values())))
        print(f"{path}: {len(new)} exports, with the older ones {len(together)}", file=sys.stderr)


def _unlike(old: Sequence[Record], new: Sequence[Record]) -> list[Record]:
    """The older records without those of the same cells by what their recipe said before."""

    def cell(record: Record) -> str:
        return identity.key(record.measure, record.spec, record.cell, without=["content"])

    again = {cell(record) for record in new}
    now = {identity.key_of(record) for record in new}
    return [record for record in old if cell(record) not in again or identity.key_of(record) in now]


def _picture(record: Record, folder: Path) -> str | None:
    """The place of a gallery below the records, where it is copied to; None where there is none."""
    if not record.gallery or not (folder / record.gallery).exists():
        return None
    whose = f"{identity.key_of(record)} {record.machine.identity}"  # two machines keep two pictures of one cell
    name = f"{committed.GALLERIES}/{hashlib.sha256(whose.encode()).hexdigest()[:12]}.png"
    (committed.FOLDER / committed.GALLERIES).mkdir(parents=True, exist_ok=True)
    with Image.open(folder / record.gallery) as image, files.replacing(committed.FOLDER / name) as draft:
        image.convert("RGB").quantize(COLOURS).save(draft, "PNG", optimize=True)
    return name
