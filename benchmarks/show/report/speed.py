"""Latency, throughput and memory as the page reads them."""

from collections.abc import Mapping, Sequence

from benchmarks.show import again
from benchmarks.show.findings import Findings
from benchmarks.show.report.numbers import Data, Numbers
from benchmarks.show.speeds import Row, latencies, places, tied
from benchmarks.store.record import Record
from benchmarks.timing.clocks import words

LARGEST = "largest"  # the batch that fits, where none was asked for
INTERVALS = {"latency": "ms", "throughput": "images_per_s", "memory": "inference_bytes"}

Marks = Mapping[int, Data]  # of latencies, by identity


def speed(found: Findings, numbers: Numbers) -> list[Data]:
    """One entry per network, size, machine and setting, with {batch: cell} for each measure."""
    entries = []
    for rows in found.rows.values():
        marks = _marks(rows)
        for row in rows:
            timed = [record for record in row.records if record.measure in ("latency", "throughput")]
            weighed = [record for record in row.records if record.measure == "memory"]
            for layout in dict.fromkeys(record.timed.layout for record in timed or weighed):
                own = [record for record in timed if record.timed.layout == layout]
                entries.append(_entry(own, weighed, layout, marks) | {"model": numbers.model[row.network.spec]})
                entries[-1]["machine"] = numbers.machine[(own or weighed)[0].machine.identity]
    return entries


def _entry(timed: Sequence[Record], weighed: Sequence[Record], layout: str, marks: Marks) -> Data:
    """One layout. Memory is measured in one layout and engine: beside others it stands with the name of its own."""
    cell = (timed or weighed)[0].timed
    entry: Data = {
        "again": again.of([*timed, *weighed]),
        "size": cell.size,
        "engine": cell.engine,
        "precision": cell.precision,
        "layout": layout,
    }
    entry |= {measure: {} for measure in INTERVALS}
    own = [record for record in weighed if (record.timed.engine, record.timed.layout) == (cell.engine, layout)]
    for record in [*timed, *(own or weighed[:1])]:
        note = "" if record in timed or own else f"{record.timed.engine}, {record.timed.layout}"
        batch = str(record.timed.batch or LARGEST)
        entry[record.measure][batch] = _cell(record, note) | marks.get(id(record), {})
    return entry


def _cell(record: Record, note: str) -> Data:
    return {
        **record.values,
        "interval": record.intervals.get(INTERVALS[record.measure]),
        **{name: getattr(record, name) for name in ("status", "failed", "date", "load")},
        "clocks": words(dict(record.clocks)),
        **({"note": note} if note else {}),
    }


def _marks(rows: Sequence[Row]) -> Marks:
    """Of each latency whether it is the best of its batch or a tie with it, what it ties with, and whether it is the
    network's faster layout."""
    marks: dict[int, Data] = {}
    timed = latencies(rows)
    for batch in {record.timed.batch for _, record in timed}:
        members = [(row, record) for row, record in timed if record.timed.batch == batch]
        placed = places(members)
        for (row, record), ties in zip(members, tied(members), strict=True):
            mark = {"ties": [_called(*members[j], record) for j in ties], "faster": row.fastest == record.timed.layout}
            marks[id(record)] = mark | ({"place": placed[id(record)]} if id(record) in placed else {})
    return marks


def _called(row: Row, twin: Record, record: Record) -> str:
    layout = twin.timed.layout
    return row.network.name if layout == record.timed.layout else f"{row.network.name}, {layout}"
