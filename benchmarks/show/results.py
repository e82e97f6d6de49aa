"""Results of a comparison, as tables, files and answers.

>>> results = Results(read(folder / "compare.jsonl"))  # doctest: +SKIP
>>> results.best("mask_iou"), results.front("latency_ms", "mask_iou")  # doctest: +SKIP
(['u2net', 'unet'], ['u2netp', 'unet', 'u2net'])
"""

from functools import cached_property
from pathlib import Path
from typing import IO

from benchmarks.show import export, leaderboard, report, table, terminal
from benchmarks.show.findings import Findings
from benchmarks.show.table import Table
from benchmarks.store.files import prepare, write_text

FILES = ("compare.html", "compare.md", "compare.csv", "compare.tex")


class Results(Findings):
    """The results of a comparison. They print themselves as tables on a terminal and in a notebook, and write
    files.

    records: of `compare.jsonl`, as `benchmarks.store.files.read` gives them.
    committed: records of other days, for the accuracy where these have none.
    galleries: folders of the pictures that records name.
    here: the machine whose times come first.

    >>> from benchmarks.store.committed import records
    >>> results = Results(record for record in records() if record.measure == "cost")
    >>> results.to_csv().partition(",")[0]
    'model'
    """

    @cached_property
    def tables(self) -> list[Table]:
        return leaderboard.tables(self)

    def to_markdown(self) -> str:
        return "\n".join(f"{table.markdown(one)}\n" for one in self.tables)

    def to_latex(self) -> str:
        """Tables for the package booktabs: the best in bold, ties with a =."""
        return "\n".join(map(table.latex, self.tables))

    def to_csv(self) -> str:
        """One line per record, everything in plain units: counts, bytes, milliseconds, shares."""
        return export.to_csv(self.records)

    def to_html(self, path: Path | str, *, title: str = report.TITLE) -> None:
        """Write one page that shows everything and needs no network."""
        write_text(Path(path), report.page(self, title=title))

    def save(self, folder: Path | str) -> None:
        """The page, and the tables in Markdown, CSV and LaTeX, in a folder that is made if it is missing."""
        folder = prepare(Path(folder))
        page, *others = (folder / name for name in FILES)
        for path, text in zip(others, (self.to_markdown(), self.to_csv(), self.to_latex()), strict=True):
            write_text(path, text)
        self.to_html(page)

    def show(self, file: IO[str] | None = None) -> None:
        """Print the tables, groups apart, in 100 columns for names of ordinary length."""
        terminal.print_tables(self.tables, file)

    def __repr__(self) -> str:
        return terminal.as_text(self.tables)

    def _repr_html_(self) -> str:
        return "".join(map(table.html, self.tables))
