"""Records to rows, rows to a table: on the terminal, in Markdown, in CSV. Lower is better in every column."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.intervals import ratio
from benchmarks.results import Record
from zoo.architectures import rank
from zoo.machine import headline

LAYOUTS = ("contiguous", "channels_last")
MEASURES = ("median", "low", "high", "p5", "p95", "rounds", "samples")
BUSY = 1.25  # load per core above which others were at work too
WIDTH = 100  # columns; fewer on a narrower terminal
NAME = 24  # columns of names that stand on one line however narrow it is
MISSING = "-"


@dataclass
class Row:
    """One network: what it costs and how long it takes in each layout."""

    model: str
    spec: str
    group: str
    cost: Mapping[str, Any]
    latency: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # layout -> summary in ms
    problems: list[str] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)  # layouts whose measurement was interrupted
    fastest: str = ""  # a layout, or tie; nothing where there was no choice

    @property
    def best(self) -> float:
        """The lower median in ms, infinite where nothing ran."""
        return min((summary["median"] for summary in self.latency.values()), default=float("inf"))


def rows(records: Iterable[Record]) -> list[Row]:
    """One row per network, by group and then by the latency of its faster layout."""
    found: dict[str, Row] = {}
    raw: dict[str, dict[str, Any]] = {}
    for record in records:
        key = record["spec"]
        row = found.setdefault(key, Row(record["model"], key, record["group"], record["cost"]))
        layout = record["layout"]
        for problem in (record["cost"].get("failed"), record["failed"]):
            if problem and problem not in row.problems:
                row.problems.append(problem)
        if record["latency_ms"]:
            row.latency[layout] = record["latency_ms"]
            raw.setdefault(key, {})[layout] = record["rounds_ms"]
        if record["status"] == "interrupted":
            row.stopped.add(layout)
    for key, by_layout in raw.items():
        found[key].fastest = _fastest(by_layout)
    return sorted(found.values(), key=lambda row: (rank(row.group), row.best, row.model))


def table(chosen: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Column heads with their units, and a text for every cell."""
    layouts = [layout for layout in LAYOUTS if any(layout in row.latency for row in chosen)]
    head = ["model", "params M", "GMACs", "GFLOPs", "weights MB", *(f"{layout} ms" for layout in layouts)]
    body = [
        [
            row.model,
            _scaled(row.cost.get("params"), 1e6, 3),
            _scaled(row.cost.get("macs"), 1e9, 3),
            _scaled(row.cost.get("flops"), 1e9, 3),
            _scaled(row.cost.get("weight_bytes"), 1e6, 1),
            *(_latency(row, layout) for layout in layouts),
        ]
        for row in chosen
    ]
    return head, body


def notes(chosen: Sequence[Row], records: Sequence[Record]) -> list[str]:
    """What the table was measured on, how to read it, and what failed."""
    record = records[0]
    (height, width), machine = record["size"], record["machine"]
    load = max(record["load"] or 0 for record in records)
    lines = [
        f"{height} x {width} pixels, batch {record['batch']}, {record['precision']}, {record['engine']};"
        f" {headline(machine)}.",
        "Latency: median (5th to 95th percentile); lower is better everywhere. GFLOPs = 2 x GMACs of convolutions,"
        " products and attention; what else computes is named in the CSV.",
    ]
    if any(row.fastest for row in chosen):
        lines.append("* the faster layout: the 95 % interval of the ratio excludes 1. No star: a tie.")
    if any(row.stopped for row in chosen):
        lines.append("~ stopped early, from the rounds there were.")
    if load > BUSY * machine["cores"]:
        lines.append(
            f"The machine was busy: load {load:.1f} on {machine['cores']} cores. Measure again when it is not."
        )
    return lines + [f"{row.model}: {problem}" for row in chosen for problem in row.problems]


def show(records: Sequence[Record], *, title: str = "") -> None:
    """Print the table, groups apart, in 100 columns for names of ordinary length."""
    chosen = rows(records)
    if not chosen:
        return
    head, body = table(chosen)
    ends = [i for i, row in enumerate(chosen[:-1]) if row.group != chosen[i + 1].group]
    print_table(head, body, ends=ends, title=title, notes=notes(chosen, records))


def print_table(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    *,
    ends: Sequence[int] = (),
    title: str = "",
    notes: Sequence[str] = (),
) -> None:
    """Print a table with a left column of names and right columns of numbers; a rule after each row in `ends`."""
    from rich import box  # here: only those who look at a table wait for it
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(head):
        title_lines = name.rsplit(" ", 1)
        least = max(map(len, (*title_lines, *(texts[i] for texts in body))))
        grid.add_column(
            Text("\n".join(title_lines)),
            justify="right" if i else "left",
            no_wrap=i > 0,
            overflow="fold",
            min_width=least if i else min(least, NAME),
        )
    for i, texts in enumerate(body):
        grid.add_row(*(Text(text, style="bold" if text.endswith("*") else "") for text in texts), end_section=i in ends)

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with a code of its own

    console = Piped(highlight=False)
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    unlimited = Console(width=10_000)
    least = Measurement.get(unlimited, unlimited.options, grid).minimum  # narrower, numbers would be cut
    console.width = max(width, least)
    console.print(grid)
    for note in notes:
        console.print(Text(note))


def markdown(records: Sequence[Record]) -> str:
    """The table in Markdown, with its group column and its notes."""
    chosen = rows(records)
    head, body = table(chosen)
    lines = ["| " + " | ".join(["group", *head]) + " |", "| --- | --- |" + " ---: |" * (len(head) - 1)]
    for row, texts in zip(chosen, body, strict=True):
        cells = [row.group, f"`{row.model}`", *texts[1:]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |")
    return "\n".join([*lines, "", *(f"- {_plain(note)}" for note in notes(chosen, records))]) + "\n"


def to_csv(records: Sequence[Record]) -> str:
    """One line per network, everything in plain units: counts, bytes and milliseconds."""
    out = io.StringIO()
    first = records[0]
    writer = csv.writer(out, lineterminator="\n")
    costs = ("params", "trainable", "weight_bytes", "macs", "flops")
    times = [f"{layout}_ms_{measure}" for layout in LAYOUTS for measure in MEASURES]
    facts = ("height", "width", "batch", "precision", "engine", "device", "torch", "threads", "commit")
    writer.writerow(["model", "group", "spec", *costs, "uncounted", *times, "fastest", "problems", *facts])
    machine = first["machine"]
    tail = [*first["size"], first["batch"], first["precision"], first["engine"]]
    tail += [machine["device_name"], machine["torch"], machine["threads"], machine["commit"]]
    for row in rows(records):
        uncounted = " ".join(f"{name}:{calls}" for name, calls in row.cost.get("uncounted", {}).items())
        measured = [row.latency.get(layout, {}).get(measure) for layout in LAYOUTS for measure in MEASURES]
        cost = [row.cost.get(name) for name in costs]
        problems = "; ".join(row.problems)
        writer.writerow([row.model, row.group, row.spec, *cost, uncounted, *measured, row.fastest, problems, *tail])
    return out.getvalue()


def milliseconds(value: float) -> str:
    """Three figures, or all before the point.

    >>> [milliseconds(value) for value in (0.1234, 1.234, 12.34, 123.4, 1234.5)]
    ['0.123', '1.23', '12.3', '123', '1234']
    """
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def _latency(row: Row, layout: str) -> str:
    summary = row.latency.get(layout)
    if summary is None:
        return "failed" if row.problems else MISSING
    low, middle, high = (milliseconds(summary[name]) for name in ("p5", "median", "p95"))
    return f"{middle} ({low}-{high})" + "~" * (layout in row.stopped) + "*" * (layout == row.fastest)


def _fastest(by_layout: Mapping[str, Any]) -> str:
    if len(by_layout) < 2:
        return ""
    one, other = by_layout
    compared = ratio(by_layout[one], by_layout[other])
    return one if compared.high < 1 else other if compared.low > 1 else "tie"


def _scaled(value: int | None, unit: float, digits: int) -> str:
    if value is None:
        return MISSING
    least = 10**-digits
    return f"<{least:.{digits}f}" if 0 < value / unit < least / 2 else f"{value / unit:.{digits}f}"


def _plain(note: str) -> str:
    return note.replace("*", "\\*").replace("|", "\\|").replace("~", "\\~")
