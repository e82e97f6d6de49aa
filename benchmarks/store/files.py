"""Records on disk: one JSON line per finished cell, flushed at once; tables are written whole or not at all."""

import contextlib
import errno
import json
import math
import os
import re
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from benchmarks.store.control import Control
from benchmarks.store.exported import ExportRecord
from benchmarks.store.fields import RecordError, plain
from benchmarks.store.names import RECORDS
from benchmarks.store.optimised import OptimisedRecord
from benchmarks.store.record import Record
from registry import ZooError, shown
from registry.errors import place_of
from zoo import files

SCHEMA = 2  # raised when a field changes its meaning
START = f'{{"schema": {SCHEMA}'  # how every record begins; tells a torn one from a line that was never ours

Kind = TypeVar("Kind", Record, Control, ExportRecord, OptimisedRecord)

DRAFTS = (".compare.*.part", "..probe.*.part", "**/.gallery.png.*.part")  # what a killed comparison may have begun
LONGEST = 200  # characters of an error in a record
LONGEST_OF_OURS = 1000  # the remedy stands last
ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # a colour, as a terminal takes it


class ResultsError(ZooError, OSError):
    """Results that cannot be written or read."""


class DamagedLineError(ResultsError):
    """A line that is not a record."""


def line(record: Record | Control | ExportRecord | OptimisedRecord) -> str:
    return json.dumps({"schema": SCHEMA, **plain(record)}, allow_nan=False) + "\n"


def append(path: Path, record: Record | Control | ExportRecord | OptimisedRecord) -> None:
    """Add one record as one line, in one write, and wait until it is on the disk; on failure the file is as before."""
    text = line(record)
    with _named(path), open(path, "ab+", buffering=0) as file:
        before = file.tell()
        if before and os.pread(file.fileno(), 1, before - 1) != b"\n":
            text = "\n" + text  # after a torn record: leave it alone, and start anew
        data = text.encode()
        try:
            if os.write(file.fileno(), data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # part of the line fitted
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def read(path: Path) -> list[Record]:
    """All whole records of a file, oldest first; a line torn by a crash is passed over, a foreign one is an error."""
    return read_as(Record, path)


def read_as(kind: type[Kind], path: Path) -> list[Kind]:
    records = []
    for _, found in _lines(kind, path):
        if isinstance(found, DamagedLineError):
            raise found
        if found is not None:
            records.append(found)
    return records


def sound(path: Path) -> list[Record]:
    """As `read`, and what is damaged is passed over too."""
    return [found for _, found in _lines(Record, path) if isinstance(found, Record)]


def set_aside(path: Path) -> None:
    """Move damaged lines into a file beside it, with a warning, so that their cells are measured again.

    A file that another version wrote is an error.
    """
    lines = [*_lines(Record, path)] if path.exists() else []
    damaged = [line for line, found in lines if isinstance(found, DamagedLineError)]
    if damaged:
        beside = path.with_name(f"{path.name}.damaged")
        with _named(path):
            with open(beside, "ab") as file:
                file.write(b"".join(line + b"\n" for line in damaged))
            files.write_bytes(
                path, b"\n".join(line for line, found in lines if not isinstance(found, DamagedLineError))
            )
        many = f"{len(damaged)} damaged line{'s' * (len(damaged) > 1)}"
        warnings.warn(f"{many} of {path} set aside in {beside.name}; their cells are measured again", stacklevel=2)


def _lines(kind: type[Kind], path: Path) -> Iterator[tuple[bytes, Kind | DamagedLineError | None]]:
    """Each line with what it holds: a record, why it is none, or nothing where a crash has torn it."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be read: {error.strerror or error}. Give a file of records, as {RECORDS} in the folder of a"
            " comparison"
        ) from error
    for number, line in enumerate(lines, start=1):
        yield line, _held(kind, line.decode(errors="replace"), f"{path}, line {number}")


def _held(kind: type[Kind], text: str, place: str) -> Kind | DamagedLineError | None:
    try:
        found = files.from_json(text)
    except ValueError:
        is_torn = text.startswith(START) or START.startswith(text)
        return None if is_torn else DamagedLineError(f"{place} is not JSON, and so not a record")
    schema = found.pop("schema", None) if isinstance(found, dict) else None
    if schema != SCHEMA:
        error = (
            f"{place}: schema {shown(schema)}, and this version reads schema {SCHEMA}."
            " Write to another folder, or read the file with the version that wrote it"
        )
        if isinstance(schema, int):
            raise ResultsError(error)
        return DamagedLineError(error)
    try:
        return kind.from_json(found)
    except RecordError as error:
        return DamagedLineError(f"{place}: {error}")


def write_text(path: Path, text: str) -> None:
    """Replace a file's text: the old file or the new one is there at any moment, never a part of one."""
    with _named(path):
        files.write_text(path, text)


def prepare(folder: Path) -> Path:
    """Make the folder and prove that it takes a file, before minutes are spent on what goes into it.

    What a killed comparison left half written there goes.
    """
    with _named(folder):
        if folder.exists() and not folder.is_dir():
            raise ResultsError(f"{folder} is a file; give a folder with --out")
        folder.mkdir(parents=True, exist_ok=True)
        for drafts in DRAFTS:
            files.sweep(folder, drafts)
        probe = folder / ".probe"
        files.write_text(probe, " " * 65536)  # bytes: about what a run writes
        probe.unlink()
    return folder


def number(value: float, digits: int = 6) -> float | None:
    """As JSON has it: what is not finite is null.

    >>> number(0.12345678), number(float("nan"))
    (0.123457, None)
    """
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def one_line(error: BaseException) -> str:
    """An error as a record keeps it: its type, the line of people's own code that it came from, and its message.

    Of an error of ours all of it, of others the first line, whole words only where it is long.
    """
    text = str(error).strip()
    text, longest = (text, LONGEST_OF_OURS) if isinstance(error, ZooError) else (text.partition("\n")[0], LONGEST)
    text = "".join(char if char.isprintable() else " " for char in ESCAPE.sub("", text))
    line = ": ".join(filter(None, (f"{type(error).__name__}{place_of(error)}", " ".join(text.split()))))
    return line if len(line) <= longest else f"{textwrap.wrap(line, longest - 3)[0]}..."


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Whatever the system says of a file, say it in one line with its path and what to do."""
    try:
        yield
    except ResultsError:
        raise
    except OSError as error:
        raise ResultsError(
            f"results cannot be kept in {path}: {error.strerror or error}. Make room or give another folder with --out"
        ) from error
