"""Records as one flat table."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from benchmarks.show.sets import kind_of
from benchmarks.store.fields import plain
from benchmarks.store.record import Record


def to_csv(records: Sequence[Record]) -> str:
    """One line per record, everything in plain units: counts, bytes, milliseconds, shares."""
    flat = [_flat(record) for record in records]
    out = io.StringIO()
    writer = csv.DictWriter(out, dict.fromkeys(name for line in flat for name in line), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()


def _flat(record: Record) -> dict[str, Any]:
    line = {
        **{name: getattr(record, name) for name in ("model", "group", "spec", "measure", "status", "failed")},
        **plain(record.cell),
        "size": "x".join(map(str, record.cell.size)),
        **_counted(record),
        **{name: _text(value) for name, value in record.values.items()},
    }
    for name, span in record.intervals.items():
        is_curve = span and isinstance(span[0], list)  # with a span for each strength
        line[f"{name}_low"], line[f"{name}_high"] = map(_text, zip(*span, strict=True)) if is_curve else span
    return {
        **line,
        **{name: getattr(record.machine, name) for name in ("device_name", "torch", "threads", "commit")},
        "date": record.date,
    }


def _counted(record: Record) -> dict[str, int | str | None]:
    """What was learned from and tested on, in place of what was asked for."""
    if record.measure not in ("accuracy", "sensitivity"):
        return {}
    kind = kind_of(record.accuracy.tested_on)
    return {"samples": record.samples, "test_images": record.images} | ({"test_kind": kind} if kind else {})


def _text(value: Any) -> Any:
    """A value in one field: lists with spaces between, mappings as name:number."""
    if isinstance(value, dict):
        return " ".join(f"{key}:{number}" for key, number in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
