"""The records that come with the library: where they lie, and how they are read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.store.files import read
from benchmarks.store.identity import latest, where
from benchmarks.store.names import BASELINE
from benchmarks.store.record import Record

FOLDER = Path(__file__).parents[1] / "records"  # a file for each kind of machine
CONTROLS = FOLDER / "control"  # those of benchmarks.checks.control, laid out alike
GALLERIES = "galleries"  # of pictures, below FOLDER


def records(folder: Path = FOLDER, *, like: Sequence[Record] | None = None) -> list[Record]:
    """Of each cell the last record. like: only of networks that these are of, with the rows that are no networks beside
    them; none where these are of none."""
    found = latest(_all(folder))
    if like is None:
        return found
    specs = {record["spec"] for record in like}
    named = [record for record in found if record["spec"] in specs and record["group"] != BASELINE]
    return named and [record for record in found if record["spec"] in specs or record["group"] == BASELINE]


def controls(folder: Path = CONTROLS) -> list[Record]:
    """Of each machine the last control of each length, in calm and under load, by length."""

    def kind_of(record: Record) -> tuple[bool, float]:
        return record["cell"]["loaded"], record["cell"]["seconds"]

    last = {(where(record["machine"]), *kind_of(record)): record for record in _all(folder)}
    return sorted(last.values(), key=kind_of)


def _all(folder: Path) -> list[Record]:
    return [record for path in sorted(folder.glob("*.jsonl")) for record in read(path)]


def kind(machine: Mapping[str, Any]) -> str:
    """What a file of records is called.

    >>> kind({"device": "cpu", "cores": 2}), kind({"device": "cuda", "device_name": "NVIDIA H200"})
    ('cpu-2-cores', 'nvidia-h200')
    """
    if machine["device"] == "cpu":
        return f"cpu-{machine['cores']}-cores"
    return re.sub(r"[^a-z0-9]+", "-", str(machine["device_name"]).lower()).strip("-")
