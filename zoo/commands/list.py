"""the architectures there are, with their published figures"""

import io
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from registry import Entry, OptionError
from zoo.architectures import Architecture, architectures, rank

WIDTH = 100


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help='names to show, as "*unet*" or "u2net*,fpn"')
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: Namespace) -> None:
    specs = architectures.select(args.pattern)
    for spec in specs:
        if spec.options:
            raise OptionError(f'list takes names and patterns, without options; for those: zoo describe "{spec}"')
    names = dict.fromkeys(spec.name for spec in specs)
    entries = sorted(map(architectures.get, names), key=lambda entry: (rank(entry.card.group), entry.name))
    rows = [_row(entry) for entry in entries]
    print(json.dumps(rows, indent=2) if args.json else _table(rows), end="\n" if args.json else "")


def _row(entry: Entry[Architecture]) -> dict[str, Any]:
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
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title, side in (("name", "left"), ("group", "left"), ("params", "right"), ("GFLOPs", "right")):
        table.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]  # a literal, says rich
    table.add_column("summary", overflow="fold")
    for row in rows:
        params = "" if row["params"] is None else f"{row['params']:,}"
        gflops = "" if row["gflops"] is None else f"{row['gflops']:.1f}"
        table.add_row(escape(row["name"]), escape(row["group"]), params, gflops, escape(row["summary"]))
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: closed, as in `zoo list >&-`
    width = min(WIDTH, os.get_terminal_size().columns) if is_terminal else WIDTH
    text = io.StringIO()  # printed in one piece by our own print, so that a closed pipe is met in one place
    console = Console(file=text, width=width, force_terminal=is_terminal, highlight=False)
    console.print(table)
    console.print(
        "\nFigures as published, two tasks, in_ch=6, at 224 x 224. Any other: zoo describe NAME", soft_wrap=True
    )
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
