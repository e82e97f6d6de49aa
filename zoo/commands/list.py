"""list the networks with their published figures, or another catalog"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from registry import Entry, OptionError
from zoo.listing import KINDS, WEIGHTS, more, rows
from zoo.table import WIDTH, table

NOTE = "Published figures, for both tasks, in_ch=6 and 224 x 224 pixels. For others: zoo describe NAME"
FOLDED = ("summary", "options", "model")  # columns that may take several lines


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help='names to show, as "*unet*" or "u2net*,fpn"')
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    others = parser.add_argument_group("another catalog").add_mutually_exclusive_group()
    for kind, known in KINDS.items():
        others.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=known.help)
    others.add_argument(
        f"--{WEIGHTS}",
        dest="kind",
        action="store_const",
        const=WEIGHTS,
        help="ready weights, for zoo.load and zoo predict",
    )


def run(args: Namespace) -> None:
    found = rows(args.kind, args.pattern) if args.kind else _architectures(args.pattern)
    if args.json:
        found = [row | more(args.kind, row["name"]) for row in found] if args.kind else found
        print(json.dumps(found, indent=2))
    else:
        print(_other_table(found) if args.kind else _table(found), end="")


def _architectures(pattern: str) -> list[dict[str, Any]]:
    from zoo.architectures import architectures, rank

    specs = architectures.select(pattern)
    for spec in specs:
        if spec.options:
            raise OptionError(f'list takes names and patterns without options; zoo describe "{spec}" takes options')
    entries = map(architectures.get, {spec.name for spec in specs})
    return [_row(entry) for entry in sorted(entries, key=lambda entry: (rank(entry.card.group), entry.name))]


def _row(entry: Entry[Any]) -> dict[str, Any]:
    card = entry.card
    figures = card.published.get(entry.name)
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "group": card.group,
        "summary": card.summary,
        "params": figures.params if figures else None,
        "gflops": figures.gflops if figures else None,
        "origin": card.origin,
        "paper": card.paper,
        "licence": card.licence,
        "published": {spec: {"params": f.params, "gflops": f.gflops} for spec, f in card.published.items()},
    }


def _table(rows: list[dict[str, Any]]) -> str:
    shown = [
        {
            "name": row["name"],
            "group": row["group"],
            "params": "" if row["params"] is None else f"{row['params']:,}",
            "GFLOPs": "" if row["gflops"] is None else f"{row['gflops']:.1f}",
            "summary": row["summary"],
        }
        for row in rows
    ]
    return f"{_drawn(list(shown[0]), shown)}\n{NOTE}\n"  # in one piece, so that a closed pipe is met in one place


def _other_table(rows: list[dict[str, Any]]) -> str:
    return _drawn([title for title in rows[0] if title == "summary" or any(row[title] for row in rows)], rows)


def _drawn(titles: list[str], rows: list[dict[str, Any]]) -> str:
    """A table that is no wider than the terminal; long words at the end and options are folded."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: closed, as in `zoo list >&-`
    width = min(WIDTH, os.get_terminal_size().columns) if is_terminal else WIDTH
    cells = [[row[title] for title in titles] for row in rows]
    return table(
        titles, cells, right=("params", "GFLOPs", "bytes"), folded=FOLDED, width=width, is_terminal=is_terminal
    )
