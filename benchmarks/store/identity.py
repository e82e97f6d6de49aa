"""What makes two records of one cell, and which of them is the latest.

A cell's key is made of what decides the result; what was measured also belongs to its machine.
"""

import json
from collections.abc import Iterable
from typing import Any

from benchmarks.store.fields import plain
from benchmarks.store.names import OF_MACHINE
from benchmarks.store.record import Machine, Record, Settings

OF_TESTING = ("perturbation", "test_images", "metrics", "test")


def key(measure: str, spec: str, settings: Settings, *, without: Iterable[str] = ()) -> str:
    """What decides the result of one measure of one network under these settings, as one text."""
    decisive = {name: value for name, value in plain(settings).items() if name not in {*without}}
    return json.dumps([measure, spec, decisive], sort_keys=True)


def training(spec: str, settings: Settings) -> str:
    """What decides a training, however its network is tested then."""
    return key("accuracy", spec, settings, without=OF_TESTING)


def key_of(record: Record) -> str:
    return key(record.measure, record.spec, record.cell)


def done(records: Iterable[Record], machine: Machine | None) -> set[str]:
    """The keys of what is measured already, on this machine where that matters; failures count, they are results.
    A curve that failed does not: it may have wanted no more than a training, and is soon tried again.

    machine: None for any, as in a cluster, whose machines are not known beforehand.
    """
    return {
        key_of(record)
        for record in records
        if record.status != "interrupted"
        and not (record.measure == "sensitivity" and record.failed)
        and (machine is None or record.measure not in OF_MACHINE or record.machine.identity == machine.identity)
    }


def latest(records: Iterable[Record]) -> list[Record]:
    """Of each cell the last record of each machine, unless that was interrupted; of a cost, which is counted, the last
    of all. What a plug-in's older code gave is no cell of its own."""
    found: dict[tuple[str, tuple[Any, ...]], Record] = {}
    for record in records:
        known = key(record.measure, record.spec, record.cell, without=("code", "metrics"))
        cell = (known, () if record.measure == "cost" else record.machine.identity)
        if cell not in found or record.status != "interrupted" or found[cell].status == "interrupted":
            found[cell] = record
    return list(found.values())
