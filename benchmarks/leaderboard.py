"""Rows to tables: on the terminal, in Markdown, in CSV. What is better, higher or lower, stands in the notes."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import cells, paired, results
from benchmarks.results import Record
from benchmarks.tables import LAYOUTS, Row, Score, Setting, by_way, datasets, rows, scores, settings
from benchmarks.terminal import print_table
from zoo.contract import TASKS
from zoo.machine import headline

BUSY = 1.25  # load per core above which others were at work too
MISSING = "-"
TRAINED = {
    cells.EQUAL: "one recipe for all",
    cells.OWN: "each with a recipe of its own",
    cells.READY: "ready-made weights",
}


@dataclass
class Table:
    """Heads, rows of text, where groups end, and how to read it."""

    title: str
    head: list[str]
    body: list[list[str]]
    groups: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def ends(self) -> list[int]:
        """Rows after which another group begins."""
        return [i for i, group in enumerate(self.groups[:-1]) if group != self.groups[i + 1]]


def tables(records: Sequence[Record], committed: Sequence[Record] = ()) -> list[Table]:
    """A table for each setting that was timed, and one of what was achieved. committed: records of other days, for
    the second where these have none."""
    found = [cost_and_speed(records, setting) for setting in settings(records)]
    achieved = by_way(scores(records) or scores(committed))
    found += [accuracy(group) for group in achieved] + [multi_task(records if scores(records) else committed)]
    return [table for table in found if table.body]


def cost_and_speed(records: Sequence[Record], setting: Setting) -> Table:
    """What networks cost and how fast they are at one setting."""
    chosen = rows(records, setting)
    layouts = [layout for layout in LAYOUTS if any(layout in row.latency for row in chosen)]
    pipelined = any(row.throughput for row in chosen)
    weighed = any(row.memory for row in chosen)
    head = ["model", "params M", "GFLOPs", *(f"{layout} ms" for layout in layouts)]
    head += ["images /s"] * pipelined + ["infer MB", "train MB"] * weighed
    body = [
        [
            row.model,
            _scaled(row.cost.get("params"), 1e6, 3),
            _scaled(row.cost.get("flops"), 1e9, 3),
            *(_latency(row, layout) for layout in layouts),
            *([_images(row)] * pipelined),
            *([_scaled(row.memory.get(f"{kind}_bytes"), 1e6, 0) for kind in ("inference", "training")] * weighed),
        ]
        for row in chosen
    ]
    return Table(_title(setting), head, body, [row.group for row in chosen], _notes(records, setting, chosen))


def accuracy(achieved: Sequence[Score]) -> Table:
    """What networks trained in one way achieve: mask IoU and depth RMSE on each data set, with 95 % intervals."""
    names = datasets(achieved)
    trained: dict[tuple[Any, ...], dict[str, Score]] = {}
    for score in achieved:
        trained.setdefault((score.spec, score.cell["recipe"], score.cell["samples"]), {})[score.data] = score
    hardest = names[-1]
    order = sorted(trained.values(), key=lambda d: -(d[hardest].value("mask_iou") if hardest in d else -1.0))
    recipes = sorted({str(score.cell["recipe"]) for score in achieved})
    several = len(recipes) > 1
    head = ["model", *(["recipe"] * several), *(f"IoU {_short(name)}" for name in names)]
    head += [f"RMSE {_short(name)}" for name in names]
    columns = [(metric, name) for metric in ("mask_iou", "depth_rmse") for name in names]
    marks = [_marks([by_data[name] for by_data in order if name in by_data], metric) for metric, name in columns]
    body = [
        [
            one.model,
            *([str(one.cell["recipe"])] * several),
            *(
                _with_interval(by_data.get(name), metric) + mark.get(id(by_data.get(name)), "")
                for (metric, name), mark in zip(columns, marks, strict=True)
            ),
        ]
        for by_data in order
        for one in [next(iter(by_data.values()))]
    ]
    cell, machine = achieved[0].cell, achieved[0].records[0]["machine"]
    days = sorted({str(record["date"])[:10] for score in achieved for record in score.records})
    seeds = sorted({len(score.records) for score in achieved})
    amounts = sorted({score.cell["samples"] or 0 for score in achieved})
    notes = [
        "Mask IoU, pooled, higher is better; depth RMSE, lower is better; 95 % intervals over"
        f" {cell['test_images']} scenes of the test split, {cell['size'][0]} x {cell['size'][1]} pixels.",
        f"Trained on {' or '.join(f'{amount:,}' for amount in amounts)} samples,"
        f" {'recipes of their own' if several else f'recipe {recipes[0]}'},"
        f" {'one seed' if seeds == [1] else f'{seeds[0]} to {seeds[-1]} seeds'}; {headline(machine)},"
        f" {' to '.join(dict.fromkeys((days[0], days[-1])))}.",
    ]
    if any(mark for column in marks for mark in column.values()):
        notes.append("* the best; = a tie with it: the 95 % interval of the difference over the same images holds 0.")
    return Table(f"accuracy, {TRAINED[cells.way(cell)]}", head, body, [""] * len(body), notes)


def multi_task(records: Sequence[Record]) -> Table:
    """What it brings to learn both tasks at once, of the networks that were trained for one of them alone as well."""
    body = [
        [gain.model, _short(gain.cell["data"]), *(_change(gain.tasks.get(task)) for task in TASKS), _change(gain.mean)]
        for gain in paired.gains(records)
    ]
    notes = [
        "Change for the better, in %, of mask IoU and depth RMSE against the same network trained for that task alone,"
        " with 95 % intervals over the same images; an interval that holds 0 shows no difference."
    ]
    return Table("two tasks at once", ["model", "data", *TASKS, "mean"], body, [""] * len(body), notes)


def _change(estimate: paired.Estimate | None) -> str:
    if estimate is None:
        return MISSING
    low, middle, high = (f"{100 * value:+.1f}" for value in (estimate.low, estimate.value, estimate.high))
    return f"{middle} ({low} to {high})"


def _marks(column: Sequence[Score], metric: str) -> dict[int, str]:
    """A star for the best score of a column and = for those that cannot be told from it; by identity."""
    known = [score for score in column if not math.isnan(score.value(metric))]
    if len(known) < 2:
        return {}
    best = (max if metric == "mask_iou" else min)(known, key=lambda score: score.value(metric))
    return {id(score): "*" if score is best else "=" * _is_tie(best, score, metric) for score in known}


def _is_tie(best: Score, other: Score, metric: str) -> bool:
    try:
        return paired.difference(best.records, other.records, metric).is_tie
    except paired.PairedError:  # records without the images' own sums, or of other images
        (low, high), (first, last) = best.interval(metric), other.interval(metric)
        return low <= last and first <= high


def committed(folder: Path) -> list[dict[str, Any]]:
    """The records that come with the library."""
    return [record for path in sorted(folder.glob("*.jsonl")) for record in results.read(path)]


def show(records: Sequence[Record], others: Sequence[Record] = ()) -> None:
    """Print the tables, groups apart, in 100 columns for names of ordinary length."""
    for table in tables(records, others):
        print_table(table.head, table.body, ends=table.ends, title=table.title, notes=table.notes)


def markdown(records: Sequence[Record], others: Sequence[Record] = ()) -> str:
    """The tables in Markdown, with their notes."""
    lines = []
    for table in tables(records, others):
        grouped = any(table.groups)
        lines += [f"### {_plain(table.title)}", "", "| " + " | ".join(["group"] * grouped + table.head) + " |"]
        lines.append("| --- |" + " --- |" * grouped + " ---: |" * (len(table.head) - 1))
        for group, texts in zip(table.groups, table.body, strict=True):
            cells = [*([group] * grouped), f"`{texts[0]}`", *texts[1:]]
            lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
        lines += ["", *(f"- {_plain(note)}" for note in table.notes), ""]
    return "\n".join(lines)


def to_csv(records: Sequence[Record]) -> str:
    """One line per record, everything in plain units: counts, bytes, milliseconds, shares."""
    flat = [_flat(record) for record in records]
    columns = list(dict.fromkeys(name for line in flat for name in line))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()


def _flat(record: Record) -> dict[str, Any]:
    line: dict[str, Any] = {name: record[name] for name in ("model", "group", "spec", "measure", "status", "failed")}
    for name, value in record["cell"].items():
        line[name] = "x".join(map(str, value)) if name == "size" else value
    line |= {name: _text(value) for name, value in record["values"].items()}
    for name, span in record["intervals"].items():
        line[f"{name}_low"], line[f"{name}_high"] = (_text(ends) for ends in _ends(span))
    machine = record["machine"]
    return (
        line
        | {name: machine.get(name) for name in ("device_name", "torch", "threads", "commit")}
        | {"date": record["date"]}
    )


def _text(value: Any) -> Any:
    """A value in one field: lists with spaces between, mappings as name:number."""
    if isinstance(value, dict):
        return " ".join(f"{key}:{number}" for key, number in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _ends(span: Sequence[Any]) -> tuple[Any, Any]:
    """The lower and the upper end; of a curve, which has a span for each strength, all of each."""
    if span and isinstance(span[0], list | tuple):
        return [low for low, _ in span], [high for _, high in span]
    low, high = span
    return low, high


def _title(setting: Setting) -> str:
    height, width, precision, engine, *_ = setting
    return f"{height} x {width}" + (f", {precision}, {engine}" if precision else "")


def _notes(records: Sequence[Record], setting: Setting, chosen: Sequence[Row]) -> list[str]:
    """What the table was measured on, how to read it, and what failed."""
    here = [record for row in chosen for record in row.latency.values()] or list(records)
    machine, load = here[0]["machine"], max(record["load"] or 0 for record in here)
    lines = [
        f"{headline(machine)}. Latency: batch 1, median (5th to 95th percentile); lower is better. GFLOPs: 2 x"
        " multiply-adds of convolutions, products and attention; what else computes is named in the CSV."
    ]
    if any(row.fastest for row in chosen):
        lines.append("* the faster layout: the 95 % interval of the ratio excludes 1. No star: a tie.")
    if any(record["status"] == "interrupted" for row in chosen for record in row.latency.values()):
        lines.append("~ stopped early, from the rounds there were.")
    if any(row.throughput for row in chosen):
        batches = sorted({r["cell"]["batch"] or 0 for row in chosen for r in row.throughput.values()})
        lines.append(f"images/s: pipelined, batch {', '.join(str(b) if b else 'as large as fits' for b in batches)}.")
    if any(row.memory for row in chosen):
        lines.append("MB: peak above the start of a fresh process, batch 1: one inference, one training step.")
    if load > BUSY * machine["cores"]:
        lines.append(
            f"The machine was busy: load {load:.1f} on {machine['cores']} cores. Measure again when it is not."
        )
    return lines + [f"{row.model}: {problem}" for row in chosen for problem in row.problems]


def milliseconds(value: float) -> str:
    """Three figures, or all before the point.

    >>> [milliseconds(value) for value in (0.1234, 1.234, 12.34, 123.4, 1234.5)]
    ['0.123', '1.23', '12.3', '123', '1234']
    """
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def _latency(row: Row, layout: str) -> str:
    record = row.latency.get(layout)
    if record is None:
        return "failed" if row.problems else MISSING
    low, middle, high = (milliseconds(record["values"][name]) for name in ("p5", "ms", "p95"))
    return f"{middle} ({low}-{high})" + "~" * (record["status"] == "interrupted") + "*" * (layout == row.fastest)


def _images(row: Row) -> str:
    best = max((record["values"]["images_per_s"] for record in row.throughput.values()), default=None)
    return MISSING if best is None else f"{best:.0f}" if best >= 100 else f"{best:.1f}"


def _with_interval(score: Score | None, name: str) -> str:
    if score is None:
        return MISSING
    low, high = score.interval(name)
    ends = (f"{end:.3f}".removeprefix("0") for end in (low, high))
    return f"{score.value(name):.3f} ({'-'.join(ends)})"


def _short(data: str) -> str:
    """What tells data sets apart in a head: the tier of PairBench, the last part of a path."""
    for tier in ("clean", "hard"):
        if data in (f"pairbench:{tier}", f"pairbench(tier={tier})"):
            return tier
    return data.rpartition("/")[2][:20]


def _scaled(value: int | None, unit: float, digits: int) -> str:
    if value is None:
        return MISSING
    least = 10**-digits
    return f"<{least:.{digits}f}" if 0 < value / unit < least / 2 else f"{value / unit:.{digits}f}"


def _plain(note: str) -> str:
    return note.replace("*", "\\*").replace("|", "\\|").replace("~", "\\~")
