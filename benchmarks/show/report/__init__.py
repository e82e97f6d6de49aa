"""One HTML file that shows all records: it stands alone, opens from disk and asks no host for anything.

>>> html = page(read(folder / "records.jsonl"), folder, title="pairzoo")  # doctest: +SKIP
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.show.report.chart import chart, svg
from benchmarks.show.report.embed import fill
from benchmarks.show.report.gallery import gallery
from benchmarks.show.report.tables import tables
from benchmarks.store.files import write_text

TITLE = "pairzoo: what each network costs and achieves"

__all__ = ["chart", "page", "write"]


def page(
    records: Iterable[Mapping[str, Any]],
    folder: Path | Sequence[Path],
    *,
    title: str = TITLE,
    here: Mapping[str, Any] | None = None,
) -> str:
    """The page of these records, oldest first; pictures they name are looked for below `folder`, or each of several.

    here: the machine whose times it opens with.
    """
    data = tables(records, here=here)
    pictures = gallery(data, [folder] if isinstance(folder, Path) else folder)
    return fill({**data, "title": title}, pictures, title=title, picture=svg(data, title=title))


def write(
    records: Iterable[Mapping[str, Any]],
    folder: Path | Sequence[Path],
    path: Path,
    *,
    title: str = TITLE,
    here: Mapping[str, Any] | None = None,
) -> None:
    """Write the page to `path`, whole or not at all."""
    write_text(path, page(records, folder, title=title, here=here))
