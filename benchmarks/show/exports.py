"""Records of exported networks as a table, a page, and docs/export.md."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape

from benchmarks.show.table import MISSING, Table, html, markdown, milliseconds
from benchmarks.store.exported import ExportRecord, ExportSettings
from benchmarks.store.names import FORMATS

LONGEST = 160  # characters of a failure in a note
PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
html {{ color-scheme: light dark }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .7em; text-align: right }}
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) {{ text-align: left }}
</style>
<h1>{title}</h1>
{tables}
"""
TITLE = "Networks as files of other programs"


def tables(records: Sequence[ExportRecord]) -> list[Table]:
    """One for each machine and setting: a row for each network in each format, with notes."""
    groups: dict[tuple[str, ExportSettings, str], list[ExportRecord]] = defaultdict(list)
    for record in records:
        cell = record.cell
        setting = ExportSettings("", cell.size, cell.data, cell.pairs, "trained" if cell.weights else None)
        groups[record.machine.headline, setting, (record.machine.date or "")[:10]].append(record)
    return [_table(found, *key) for key, found in groups.items()]


def _table(records: Sequence[ExportRecord], machine: str, setting: ExportSettings, date: str) -> Table:
    truth = setting.weights is not None
    head = ["network", "format", "MB", "build s", "ms", "CPU ms", "largest", "mean"]
    head += ["mask IoU", "depth RMSE"] * truth
    ordered = sorted(records, key=lambda found: FORMATS.index(found.cell.format))
    models = list(dict.fromkeys(found.model for found in records))
    done = [found for model in models for found in ordered if found.model == model]
    body = [_row(found, truth=truth) for found in done]
    h, w = setting.size
    notes = [
        f"One pair of images of {h} x {w} pixels, {machine}, {date}; formats of one network timed in shuffled rounds.",
        "Build: compiling, or writing the file and opening it. Largest, mean: difference from the network's own maps,"
        f" whose values are in [0, 1], on pairs of {setting.data}.",
        f"Mask IoU and depth RMSE: {setting.pairs} test pairs of {setting.data}."
        if truth
        else "The weights are random, so accuracy has no meaning here.",
    ]
    loads = [load for found in done if (load := found.values.get("load")) is not None]
    if loads and max(loads) > 1.5:
        notes.append(
            f"The machine had other work (load up to {max(loads):.0f}), which lengthens build s and ms. It hardly"
            " affects CPU ms, the sum over all threads."
        )
    notes += [f"{found.model}, {found.cell.format}: {_short(found.failed)}" for found in done if found.failed]
    return Table("Formats of trained networks" if truth else "Formats", head, body, notes)


def _row(record: ExportRecord, *, truth: bool) -> list[str]:
    values = record.values
    texts = [record.model, record.cell.format]
    if record.failed:
        return [*texts, "failed", *[MISSING] * (5 + 2 * truth)]
    texts += [_as(values.get("bytes"), lambda value: f"{value / 1e6:.2f}")]
    texts += [_as(values.get("build_s"), "{:.1f}".format)]
    texts += [_as(values.get(name), milliseconds) for name in ("ms", "cpu_ms")]
    texts += [_as(values.get(name), "{:.1g}".format) for name in ("largest", "mean")]
    if truth:
        texts += [_as(values.get(name), "{:.4f}".format) for name in ("mask_iou", "depth_rmse")]
    return texts


def _as(value: float | None, shown: Callable[[float], str]) -> str:
    return MISSING if value is None else shown(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def to_markdown(records: Sequence[ExportRecord]) -> str:
    return "\n\n".join(markdown(table).strip() for table in tables(records)) + "\n"


def to_html(records: Sequence[ExportRecord]) -> str:
    """A self-contained page."""
    found = "\n".join(f"<h2>{escape(table.title)}</h2>\n{html(table)}" for table in tables(records))
    return PAGE.format(title=TITLE, tables=found)
