"""One self-contained HTML file that shows all records, opens from disk and loads nothing from elsewhere.

>>> html = page(Results(read(folder / "compare.jsonl"), galleries=[folder]))  # doctest: +SKIP
"""

from benchmarks.show import leaderboard, terminal
from benchmarks.show.findings import Findings
from benchmarks.show.report.embed import fill
from benchmarks.show.report.gallery import gallery
from benchmarks.show.report.tables import tables

TITLE = "pairzoo: what each network costs and achieves"


def page(found: Findings, *, title: str = TITLE) -> str:
    """The page; the pictures that records name are looked for in the folders of galleries."""
    data = tables(found)
    text = terminal.as_text(leaderboard.tables(found.whole))
    return fill({**data, "title": title}, gallery(data, found.galleries), title=title, text=text)
