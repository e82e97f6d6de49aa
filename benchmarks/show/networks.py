"""The networks of some records: what each is called, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.store.record import Record
from zoo.architectures import rank


@dataclass(frozen=True)
class Network:
    name: str
    spec: str
    group: str


def networks(records: Iterable[Record]) -> dict[str, Network]:
    """By spec, in the order of groups and names. Of two specs asked for by one name the name is the spec."""
    specs: dict[str, Record] = {}
    for record in records:
        specs.setdefault(record.spec, record)
    asked = [record.model for record in specs.values()]
    ordered = sorted(specs.values(), key=lambda record: (rank(record.group), record.model, record.spec))
    return {
        one.spec: Network(one.model if asked.count(one.model) == 1 else one.spec, one.spec, one.group)
        for one in ordered
    }
