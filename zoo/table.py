"""Plain tables without lines, as `zoo list`, evaluations and profiles print them."""

import io
from collections.abc import Iterable, Sequence

WIDTH = 100  # columns


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    folded: Sequence[str] = (),
    width: int = WIDTH,
    is_terminal: bool = False,
) -> str:
    """Rows below titles. right: titles of numbers. folded: those of columns that may take several lines."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in titles:
        drawn.add_column(
            title, justify="right" if title in right else "left", no_wrap=title not in folded, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*map(escape, row))
    text = io.StringIO()
    Console(file=text, force_jupyter=False, width=width, force_terminal=is_terminal, highlight=False).print(drawn)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
