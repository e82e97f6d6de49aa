"""What networks cost and how fast they are, as a table of text."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.show.notes import notes
from benchmarks.show.speeds import MEMORY, Row, Setting
from benchmarks.show.table import MISSING, Table, milliseconds
from benchmarks.store.names import LAYOUTS
from benchmarks.store.record import Record


def table(records: Sequence[Record], setting: Setting, chosen: Sequence[Row], *, where: bool = False) -> Table:
    """What networks cost and how fast they are at one setting; where: with the device in the title."""
    layouts = [layout for layout in LAYOUTS if any(layout in row.latency for row in chosen)]
    batches = sorted({batch for row in chosen for batch in row.throughput}, key=lambda batch: batch or math.inf)
    weighed = any(row.memory for row in chosen)
    compiled = any(row.fact("compile_s") is not None for row in chosen)
    peaked = any(row.fact("matmul_share") is not None for row in chosen)
    head = ["model", "params M", "GFLOPs", *(f"{layout} ms" for layout in layouts)]
    head += ["% peaks"] * peaked + ["compile s"] * compiled
    head += [f"images /s, {batch or 'largest'}" for batch in batches] + ["infer MB", "train MB"] * weighed
    body = [
        [
            row.network.name,
            _scaled(row.figure("params").value, 1e6, 3),
            _scaled(row.figure("flops").value, 1e9, 3),
            *(_latency(row, layout) for layout in layouts),
            *([_peaks(row)] * peaked),
            *([_scaled(row.fact("compile_s"), 1, 1)] * compiled),
            *(_images(row.throughput.get(batch, {}), batch) for batch in batches),
            *([_scaled(row.figure(name).value, 1e6, 0) for name in MEMORY] * weighed),
        ]
        for row in chosen
    ]
    title = ", ".join(filter(None, (setting.title, setting.where * where)))
    return Table(title, head, body, notes(records, setting, chosen), [row.network.group for row in chosen])


def _latency(row: Row, layout: str) -> str:
    record = row.latency.get(layout)
    if record is None:
        return "failed" if row.problems else MISSING
    low, middle, high = (milliseconds(record.values[name]) for name in ("p5", "ms", "p95"))
    marks = "~" * (record.status == "interrupted") + "*" * (layout == row.fastest)
    return f"{middle} ({low}-{high}){marks}" + "=" * (row.ties and record is row.better)


def _peaks(row: Row) -> str:
    """The shares of the best matrix product and of the fastest copy, in percent."""
    shares = [row.fact(name) for name in ("matmul_share", "copy_share")]
    return "/".join(_scaled(share, 0.01, 0) for share in shares if share is not None) or MISSING


def _images(by_layout: Mapping[str, Record], asked: int | None) -> str:
    """The better layout's, with the batch where it was found or had to shrink."""
    if not by_layout:
        return MISSING
    best = max((record.values for record in by_layout.values()), key=lambda values: float(values["images_per_s"]))
    rate = f"{best['images_per_s']:.0f}" if best["images_per_s"] >= 100 else f"{best['images_per_s']:.1f}"
    return rate if best["batch"] == asked else f"{rate} ({best['batch']})"


def _scaled(value: float | None, unit: float, digits: int) -> str:
    if value is None or math.isnan(value):
        return MISSING
    least = 10**-digits
    return f"<{least:.{digits}f}" if 0 < value / unit < least / 2 else f"{value / unit:.{digits}f}"
