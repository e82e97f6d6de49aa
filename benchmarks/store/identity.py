"""What makes two records of one cell, two trainings comparable, and two machines the same.

A cell's key is made of what decides the result; a time or a memory also belongs to its machine.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.store.names import EQUAL, OF_MACHINE, OWN, READY, READY_MADE
from benchmarks.store.record import Record

MACHINE = ("device", "device_name", "cpu", "cores", "threads", "torch", "driver", "cuda", "cudnn", "memory_bytes")


def key(measure: str, spec: str, settings: Mapping[str, Any]) -> str:
    """What decides the result of one measure of one network under these settings, as one text."""
    return json.dumps([measure, spec, settings], sort_keys=True)


def done(records: Iterable[Record], machine: Mapping[str, Any] | None) -> set[str]:
    """The keys of what is measured already, on this machine where that matters; failures count, they are results.
    A curve that failed does not: it may have wanted no more than a training, and is soon tried again.

    machine: None for any, as in a cluster, whose machines are not known beforehand.
    """
    return {
        key_of(record)
        for record in records
        if record["status"] != "interrupted"
        and not (record["measure"] == "sensitivity" and record["failed"])
        and (machine is None or record["measure"] not in OF_MACHINE or same(record["machine"], machine))
    }


def latest(records: Iterable[Record]) -> list[Record]:
    """Of each cell the last record, unless that was interrupted; of times and memory the last of each machine."""
    found: dict[tuple[str, tuple[Any, ...]], Record] = {}
    for record in records:
        cell = (key_of(record), where(record["machine"]) if record["measure"] in OF_MACHINE else ())
        if cell not in found or record["status"] != "interrupted" or found[cell]["status"] == "interrupted":
            found[cell] = record
    return list(found.values())


def key_of(record: Record) -> str:
    return key(record["measure"], record["spec"], record["cell"])


def way(settings: Mapping[str, Any]) -> tuple[str, Any, Any, Any]:
    """What must be the same for trained networks to be compared: EQUAL, OWN or READY, samples, precision with what the
    one recipe says where it was changed, test images.

    The machine need not be, for what was learned does not depend on it. A recipe of its own has its own precision.
    """
    name = str(settings.get("recipe"))
    kind = EQUAL if name == EQUAL else READY if name.startswith(READY_MADE) else OWN
    told = [settings.get(name) for name in ("precision", "content") if kind == EQUAL]
    return kind, settings.get("samples"), ", ".join(filter(None, told)) or None, settings.get("test_images")


def lends(baseline: Sequence[Any], table: Sequence[Any]) -> bool:
    """Whether rows that are no networks, trained one way, stand in a table of another too: they have no recipe of their
    own, and with those that have, they stand as trained by the one."""
    return (table[0], baseline[0]) == (OWN, EQUAL) and (baseline[1], baseline[3]) == (table[1], table[3])


def recipe_of(settings: Mapping[str, Any]) -> str:
    """A recipe's name, with the digest of what it says where that was changed, or is a file's.

    >>> recipe_of({"recipe": "equal"}), recipe_of({"recipe": "equal", "content": "0123456789abcdef"})
    ('equal', 'equal@01234567')
    """
    name = str(settings.get("recipe"))
    return f"{name.rpartition('/')[2]}@{settings['content'][:8]}" if settings.get("content") else name


def where(machine: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a machine another one, as far as times go."""
    return tuple(machine.get(name) for name in MACHINE)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two descriptions are of machines whose times may be compared."""
    return where(one) == where(other)


def unseeded(record: Record) -> dict[str, Any]:
    """A record's cell without its seed: what several seeds have in common."""
    return {name: value for name, value in record["cell"].items() if name != "seed"}
