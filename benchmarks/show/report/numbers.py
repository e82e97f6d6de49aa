"""By which numbers the page names networks, machines and sets."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.show.findings import Findings
from benchmarks.show.scores import Score
from benchmarks.store.record import Machine, Record, TrainedAs

LEAST_COMMIT = 10  # letters of a commit's name that the page shows
OF_A_DAY = ("date", "commit", "dirty")  # what differs from record to record on one machine

Data = dict[str, Any]


class Numbers:
    """Networks in the order of groups, machines as they come, sets in the order in which they are shown."""

    def __init__(self, found: Findings) -> None:
        of_sets = [(data, board.trained_as, board.on(data)) for board, data in found.sets]
        of_sets += [(group[0].cell.tested_on, group[0].cell.trained_as, group) for group in found.curves]
        self.model = {spec: number for number, spec in enumerate(found.networks)}
        machines = dict.fromkeys(record.machine.identity for record in found.records)
        self.machine = {identity: number for number, identity in enumerate(machines)}
        self.scores: dict[tuple[str, TrainedAs], Sequence[Score]] = {}  # of each set, the first that is shown
        for data, trained_as, scores in of_sets:
            self.scores.setdefault((data, trained_as), scores)
        self.set = {key: number for number, key in enumerate(self.scores)}


def machines(records: Iterable[Record]) -> list[Data]:
    """What the page says of each machine, by number: told apart by what decides a speed, not by date or commit."""
    seen: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        seen.setdefault(record.machine.identity, []).append(record)
    return [*map(_machine, seen.values())]


def _machine(records: list[Record]) -> Data:
    machine = records[0].machine
    dates = [str(date) for record in records if (date := record.date or record.machine.date)]
    return {
        "name": machine.device_name or machine.cpu or "unknown machine",
        "label": machine.headline,
        "device": machine.device,
        "facts": {name: value for name, value in asdict(machine).items() if name not in OF_A_DAY and value is not None},
        "commits": list(dict.fromkeys(_commit(record.machine) for record in records if record.machine.commit)),
        "load": max((record.load for record in records if record.load is not None), default=None),
        "first": min(dates, default=None),
        "last": max(dates, default=None),
    }


def _commit(machine: Machine) -> str:
    return str(machine.commit)[:LEAST_COMMIT] + (" with changes" if machine.dirty else "")
