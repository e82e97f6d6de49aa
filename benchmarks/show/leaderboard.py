"""Rows to tables: on the terminal, in Markdown, in CSV. What is better, higher or lower, stands in the notes."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.show.curves import curves
from benchmarks.show.notes import notes
from benchmarks.show.rows import (
    LAYOUTS,
    MISSING,
    Row,
    Score,
    Setting,
    Table,
    by_way,
    datasets,
    hardest,
    known_first,
    rows,
    scores,
    settings,
)
from benchmarks.show.terminal import print_table
from benchmarks.statistics import paired
from benchmarks.store import identity
from benchmarks.store.names import BASELINE, EQUAL, READY, READY_MADE
from benchmarks.store.record import Record
from zoo.contract import TASKS
from zoo.machine import headline

TEXTS = ("recipe", "data", "what")  # columns beside the first that are no numbers
TITLES = {EQUAL: "one recipe for all", READY: "ready-made weights"}


def tables(records: Sequence[Record], committed: Sequence[Record] = ()) -> list[Table]:
    """A table for each setting that was timed, and one of what was achieved. committed: records of other days, for
    the second where these have none."""
    own = scores(records)
    achieved = by_way(own or scores(committed))
    trained = [group for group in achieved if any(score.group != BASELINE for score in group)]
    accurate = [accuracy(group) for group in trained or achieved]  # rows that are no networks stand beside some
    if not own:
        for table in accurate:
            table.title = f"from the library's records: {table.title}"
    timed = [cost_and_speed(records, setting) for setting in settings(records)]
    found = [*timed, *accurate, multi_task(records if own else committed), *curves(records), failures(records)]
    return [table for table in found if table.body]


def cost_and_speed(records: Sequence[Record], setting: Setting) -> Table:
    """What networks cost and how fast they are at one setting."""
    chosen = rows(records, setting)
    layouts = [layout for layout in LAYOUTS if any(layout in row.latency for row in chosen)]
    batches = sorted({batch for row in chosen for batch in row.throughput}, key=lambda batch: batch or math.inf)
    weighed = any(row.memory for row in chosen)
    compiled = any(row.fact("compile_s") is not None for row in chosen)
    peaked = any(row.fact("matmul_share") is not None for row in chosen)
    head = ["model", "params M", "GFLOPs", *(f"{layout} ms" for layout in layouts)]
    head += ["% peaks"] * peaked + ["compile s"] * compiled
    head += [f"images /s, {_batch(batch)}" for batch in batches] + ["infer MB", "train MB"] * weighed
    body = [
        [
            row.model,
            _scaled(row.cost.get("params"), 1e6, 3),
            _scaled(row.cost.get("flops"), 1e9, 3),
            *(_latency(row, layout) for layout in layouts),
            *([_peaks(row)] * peaked),
            *([_scaled(row.fact("compile_s"), 1, 1)] * compiled),
            *(_images(row.throughput.get(batch, {}), batch) for batch in batches),
            *([_scaled(row.memory.get(f"{kind}_bytes"), 1e6, 0) for kind in ("inference", "training")] * weighed),
        ]
        for row in chosen
    ]
    return Table(title(setting), head, body, [row.group for row in chosen], notes(records, chosen))


def accuracy(achieved: Sequence[Score]) -> Table:
    """What networks trained in one way achieve: mask IoU and depth RMSE on each data set, with 95 % intervals."""
    names = datasets(achieved)
    trained: dict[tuple[Any, ...], dict[str, Score]] = {}
    for score in achieved:
        how = (identity.recipe_of(score.cell), score.cell["samples"], score.cell.get("precision"))
        trained.setdefault((score.spec, *how), {})[score.data] = score
    first = hardest(achieved)
    order = sorted(trained.values(), key=lambda d: known_first(d[first].value("mask_iou") if first in d else math.nan))
    recipes = sorted({identity.recipe_of(score.cell) for score in achieved})
    own = sorted({identity.recipe_of(s.cell) for s in achieved if s.group != BASELINE}) or recipes
    several = len(own) > 1
    head = ["model", *(["recipe"] * several), *(f"IoU {_short(name)}" for name in names)]
    head += [f"RMSE {_short(name)}" for name in names]
    columns = [(metric, name) for metric in ("mask_iou", "depth_rmse") for name in names]
    marks = [_marks([by_data[name] for by_data in order if name in by_data], metric) for metric, name in columns]
    seeds = sorted({len(score.records) for score in achieved})
    body = [
        [
            one.model + (f", {len(one.records)} seed{'s' * (len(one.records) > 1)}" if len(seeds) > 1 else ""),
            *([identity.recipe_of(one.cell)] * several),
            *(
                _with_interval(by_data.get(name), metric) + mark.get(id(by_data.get(name)), "")
                for (metric, name), mark in zip(columns, marks, strict=True)
            ),
        ]
        for by_data in order
        for one in [next(iter(by_data.values()))]
    ]
    cell, on = achieved[0].cell, dict.fromkeys(headline(r["machine"]) for score in achieved for r in score.records)
    days = sorted({str(record["date"])[:10] for score in achieved for record in score.records})
    way = identity.way(cell)[0]
    notes = [
        "Mask IoU, pooled, higher is better; depth RMSE, lower is better; 95 % intervals over"
        f" {cell['test_images']} scenes of the test split, {cell['size'][0]} x {cell['size'][1]} pixels.",
        f"{_trained(cell, own, seeds)}; {'; '.join(on)}, {' to '.join(dict.fromkeys((days[0], days[-1])))}.",
    ]
    if not several and own != recipes:
        notes.append("The rows that are no networks have no recipe of their own, and learned by equal.")
    if len(names) > 1 and way != READY:
        notes.append("Each data set has networks of its own, which have seen nothing but its train split.")
    if any(mark for column in marks for mark in column.values()):
        notes.append("* the best; = a tie with it: the 95 % interval of the difference over the same images holds 0.")
    if seeds[-1] >= paired.ENOUGH:
        notes.append("Of several seeds their mean; from three on the interval is of images and seeds.")
    for precision in sorted({str(score.cell["precision"]) for score in achieved if score.cell.get("precision")}):
        told = dict.fromkeys(score.model for score in achieved if score.cell.get("precision") == precision)
        notes.append(f"In {precision}, whatever their recipe says: {', '.join(told)}.")
    title = TITLES.get(way, "recipes of their own" if len(own) > 1 else f"recipe {own[0]}")
    amount = f", {cell['samples']:,} samples" if cell["samples"] else ""
    return Table(f"accuracy, {title}{amount}", head, body, [""] * len(body), notes)


def _trained(cell: Mapping[str, Any], recipes: Sequence[str], seeds: Sequence[int]) -> str:
    """How the networks of a table were trained, in words."""
    if identity.way(cell)[0] == READY:
        return f"Weights of {recipes[0].removeprefix(READY_MADE)}"
    amount = f"{cell['samples']:,} samples" if cell["samples"] else "as many samples as their recipes say"
    how = f"recipe {recipes[0]}" if len(recipes) == 1 else "recipes of their own"
    count = "one seed" if [*seeds] == [1] else " or ".join(map(str, seeds)) + " seeds"
    return f"Trained on {amount}, {how}, {count}"


def failures(records: Sequence[Record]) -> Table:
    """Trainings and curves that came to nothing, and why; a network's times and costs say it below their table."""
    lost = [record for record in records if record["failed"] and record["measure"] in ("accuracy", "sensitivity")]
    told = dict.fromkeys((r["model"], r["measure"], _short(r["cell"]["data"]), r["failed"]) for r in lost)
    body = [[model, f"{measure} on {data}"] for model, measure, data, _ in told]
    why = [f"{model}: {measure} on {data} {failed}" for model, measure, data, failed in told]
    return Table("failed", ["model", "what"], body, [""] * len(body), why)


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
    return {
        id(score): "*" if score is best else "=" * paired.ties(best.records, score.records, metric) for score in known
    }


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
        sides = ("---" if name in TEXTS else "---:" for name in table.head[1:])
        lines.append("| --- | " + "--- | " * grouped + " | ".join(sides) + " |")
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


def title(setting: Setting) -> str:
    height, width, precision, engine, *_ = setting
    return f"{height} x {width}" + (f", {precision}, {engine}" if precision else "")


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
    marks = "~" * (record["status"] == "interrupted") + "*" * (layout == row.fastest)
    return f"{middle} ({low}-{high}){marks}" + "=" * (row.ties and record is row.better)


def _peaks(row: Row) -> str:
    """The shares of the best matrix product and of the fastest copy, in percent."""
    shares = [row.fact(name) for name in ("matmul_share", "copy_share")]
    return "/".join(_scaled(share, 0.01, 0) for share in shares if share is not None) or MISSING


def _images(by_layout: Mapping[str, Record], asked: int | None) -> str:
    """The better layout's, with the batch where it was found or had to shrink."""
    if not by_layout:
        return MISSING
    best = max((record["values"] for record in by_layout.values()), key=lambda values: values["images_per_s"])
    rate = f"{best['images_per_s']:.0f}" if best["images_per_s"] >= 100 else f"{best['images_per_s']:.1f}"
    return rate if best["batch"] == asked else f"{rate} ({best['batch']})"


def _batch(asked: int | None) -> str:
    return "largest" if asked is None else f"{asked}"


def _with_interval(score: Score | None, name: str) -> str:
    if score is None or math.isnan(score.value(name)):
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


def _scaled(value: float | None, unit: float, digits: int) -> str:
    if value is None:
        return MISSING
    least = 10**-digits
    return f"<{least:.{digits}f}" if 0 < value / unit < least / 2 else f"{value / unit:.{digits}f}"


def _plain(note: str) -> str:
    return note.replace("*", "\\*").replace("|", "\\|").replace("~", "\\~")
