"""The comparison's own page of the committed records, and how each of its rows is had again."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from benchmarks.show import report
from benchmarks.show.again import command, revision
from benchmarks.show.results import Results
from benchmarks.show.scores import HEADLINE
from benchmarks.show.speeds import LATENCY
from benchmarks.show.table import milliseconds
from benchmarks.store.fields import plain
from benchmarks.store.identity import key_of
from benchmarks.store.record import Record
from benchmarks.upkeep.site.writing import code, sections, sure

PAGE = "leaderboard/compare.html"
WHAT = "The comparison of the committed records: tables, charts and scenes"
INDEX = f"""---
hide: [toc]
---

# The leaderboard

Filter, sort, and choose the axes; a network's name opens all that is known of it. [Every row](rows.md) says how its
figures are had again. [The tables as text](../docs/leaderboard.md) say how to read them;
[the page alone](compare.html) works without this site.

<iframe src="compare.html" title="{WHAT}" class="comparison"></iframe>
"""
ROWS = """# Every row of the leaderboard

How each figure is had again: the command, at the revision of this repository that it was measured at. The record holds
every single time, each test image's own values, and the curve of a training, which is its log. The weights were not
kept: the command trains them anew. Those that are kept are [ready weights](../zoo/weights/ready/pairnet-small.md).
"""


def pages(results: Results) -> dict[str, str | bytes]:
    """Each page and each record, by path."""
    records = [record for record in results.records if record.status == "done"]
    found: dict[str, str | bytes] = {
        "leaderboard/index.md": INDEX,
        PAGE: report.page(results),
        "leaderboard/rows.md": sections(ROWS, *_timed(results), *_trained(results), *_perturbed(results)),
    }
    for record in records:
        found[f"leaderboard/{_file(record)}"] = json.dumps(plain(record), indent=1)
    return found


def _file(record: Record) -> str:
    name = hashlib.sha256(f"{key_of(record)} {record.machine.identity}".encode()).hexdigest()[:12]
    return f"records/{record.measure}-{name}.json"


def _row(title: str, figures: str, records: Sequence[Record]) -> str:
    """One block that opens: what was found, the command, the revision and the records."""
    revisions = ", ".join(map(code, dict.fromkeys(filter(None, map(revision, records)))))
    links = ", ".join(f"[{record.measure}]({_file(record)})" for record in records)
    dates = sorted({str(record.date)[:10] for record in records if record.date})
    how = command(records)
    block = f"```console\n$ {how}\n```" if how else "It was measured with a file that no record holds."
    told = [block, f"Revision {revisions}, measured {' to '.join(dates)}. Records: {links}."]
    body = "\n\n".join("\n".join(f"    {line}" for line in part.splitlines()) for part in told if part)
    shown = f"{title}: {figures}" if figures else title
    return f'??? quote "{shown}"\n\n{body}'


def _timed(results: Results) -> Iterable[str]:
    for setting, rows in results.rows.items():
        yield f"## Speed, {setting.title}\n\nOn {setting.where}."
        for row in rows:
            records = [record for record in row.records if record.status == "done"]
            ends = " to ".join(map(milliseconds, row.figure(LATENCY).interval))
            figures = f"{milliseconds(row.ms)} ms ({ends})" if row.better else ""
            if records:
                yield _row(row.network.name, figures, records)


def _trained(results: Results) -> Iterable[str]:
    for board, data in results.sets:
        scores = [score for score in board.on(data) if score.records]
        height, width = board.size
        asked = f", about {board.trained_as.samples:,} samples" if board.trained_as.samples else ""
        how = KINDS.get(board.trained_as.kind, "recipes of their own")
        yield f"## Accuracy on {data}, {height} x {width}{asked}, {how}"
        for score in scores:
            figures = "; ".join(f"{words} {sure(score.figure(metric))}" for metric, (words, _) in HEADLINE.items())
            yield _row(f"{score.network.name}, {score.cell.recipe_title}", figures, score.records)


KINDS = {"equal": "one recipe for all", "effort": "equal effort", "weights": "ready-made weights"}


def _perturbed(results: Results) -> Iterable[str]:
    for group in results.curves:
        yield f"## Perturbed pairs, {group[0].cell.tested_on}"
        by_network: dict[str, list[Record]] = {}
        for score in group:
            by_network.setdefault(score.network.name, []).extend(score.records)
        for name, records in by_network.items():
            yield _row(name, "", records)
