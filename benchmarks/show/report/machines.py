"""Machines as the page tells them apart: by what decides a speed, not by date or commit."""

from collections.abc import Mapping
from typing import Any

from benchmarks.store.identity import where

LEAST_COMMIT = 10  # letters of a commit's name that the page shows


class Machines:
    """The machines of a set of records, numbered as they come.

    >>> machines = Machines()
    >>> machines.index({"machine": {"device": "cpu", "device_name": "EPYC", "threads": 2, "torch": "2.15.0"}})
    0
    >>> machines.found[0]["label"]
    'EPYC, 2 threads, torch 2.15.0'
    """

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def index(self, record: Mapping[str, Any]) -> int:
        """The number of the machine a record was measured on."""
        facts = record.get("machine") or {}
        key = where(facts)
        if key not in self._numbers:
            self._numbers[key] = len(self.found)
            self.found.append({
                "name": _name(facts),
                "label": _label(facts),
                "device": facts.get("device"),
                "facts": {name: value for name, value in facts.items() if name not in ("date", "commit", "dirty")},
                "commits": [],
                "load": None,
                "first": None,
                "last": None,
            })  # fmt: skip
        number = self._numbers[key]
        self._note(self.found[number], record, facts)
        return number

    @staticmethod
    def _note(machine: dict[str, Any], record: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """What differs from record to record on one machine: commits, dates, the highest load."""
        if facts.get("commit"):
            commit = facts["commit"][:LEAST_COMMIT] + (" with changes" if facts.get("dirty") else "")
            if commit not in machine["commits"]:
                machine["commits"].append(commit)
        if record.get("load") is not None:
            machine["load"] = max(machine["load"] or 0, record["load"])
        date = str(record.get("date") or facts.get("date") or "")
        if date:
            machine["first"] = min(machine["first"] or date, date)
            machine["last"] = max(machine["last"] or date, date)


def _name(facts: Mapping[str, Any]) -> str:
    return str(facts.get("device_name") or facts.get("cpu") or "unknown machine")


def _label(facts: Mapping[str, Any]) -> str:
    """As `zoo.machine.headline`, whatever facts are missing."""
    parts = [_name(facts)]
    threads = facts.get("threads")
    if threads and facts.get("device") == "cpu":
        parts.append(f"{threads} thread{'s' * (threads != 1)}")
    if facts.get("torch"):
        parts.append(f"torch {facts['torch']}")
    return ", ".join(parts)
