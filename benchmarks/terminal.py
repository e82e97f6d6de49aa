"""A table on the terminal, in 100 columns for names of ordinary length."""

from collections.abc import Sequence

WIDTH = 100  # columns; fewer on a narrower terminal
NAME = 24  # columns of names that stand on one line however narrow it is


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
