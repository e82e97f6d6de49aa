"""A table on the terminal, in at most 100 columns: a wider one goes on below with the names repeated."""

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING

from benchmarks.show.table import Table

if TYPE_CHECKING:
    from rich.table import Table as Grid

WIDTH = 100  # columns; fewer on a narrower terminal
NAME = 24  # columns of names that stand on one line however narrow it is
GAP, EDGES = 2, 2  # columns between two of the table's, and around it


def as_text(tables: Iterable[Table]) -> str:
    """What `print_tables` prints where there is no terminal."""
    out = io.StringIO()
    print_tables(tables, out)
    return out.getvalue()


def print_tables(tables: Iterable[Table], file: IO[str] | None = None) -> None:
    for one in tables:
        print_table(one.head, one.body, ends=one.ends, title=one.title, notes=one.notes, file=file)


def print_table(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    *,
    ends: Sequence[int] = (),
    title: str = "",
    notes: Sequence[str] = (),
    file: IO[str] | None = None,
) -> None:
    """Print a table with a left column of names and right columns of numbers; a rule after each row in `ends`."""
    from rich.console import Console  # here: only those who look at a table wait for it
    from rich.text import Text

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with a code of its own

    console = Piped(highlight=False, file=file)
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    widths = [max(map(len, (*name.rsplit(" ", 1), *(texts[i] for texts in body)))) for i, name in enumerate(head)]
    whole_words = max(len(word) for texts in (head, *body) for word in texts[0].split())
    names = min(widths[0], max(NAME, min(whole_words, width // 2)))
    room = width - names - EDGES
    gap = 1 if sum(widths[1:]) + len(widths[1:]) <= room < sum(widths[1:]) + GAP * len(widths[1:]) else GAP
    for number, part in enumerate(_parts(widths[1:], room, gap)):
        columns = {0: names} | {i + 1: widths[i + 1] for i in part}
        console.width = max(width, names + EDGES + sum(widths[i + 1] + gap for i in part))
        console.print(_grid(head, body, columns, ends, "" if number else title, gap))
    for note in notes:
        console.print(Text(note))


def _grid(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    columns: Mapping[int, int],
    ends: Sequence[int],
    title: str,
    gap: int,
) -> "Grid":
    """Some columns, by number, of these widths; the best of each in bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, padding=(0, gap - 1, 0, 0)
    )
    for i, width in columns.items():
        name = Text("\n".join(head[i].rsplit(" ", 1)))
        grid.add_column(name, justify="right" if i else "left", no_wrap=i > 0, overflow="fold", min_width=width)
    for row, texts in enumerate(body):
        shown = (Text(texts[i], style="bold" if texts[i].endswith("*") else "") for i in columns)
        grid.add_row(*shown, end_section=row in ends)
    return grid


def _parts(widths: Sequence[int], room: int, gap: int) -> list[range]:
    """The columns in as few even runs as fit into the room; a column that does not fit is a run by itself."""
    runs = [range(len(widths))]
    while any(len(run) > 1 and sum(widths[i] + gap for i in run) > room for run in runs):
        count = len(runs) + 1
        runs = [range(*pair) for pair in itertools.pairwise(-(-len(widths) * n // count) for n in range(count + 1))]
    return runs
