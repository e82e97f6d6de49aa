"""Results: what follows from records."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.store.files import write_text
from benchmarks.store.identity import latest
from benchmarks.store.record import Machine, Record


class Results:
    def __init__(
        self,
        records: Iterable[Record],
        committed: Iterable[Record] = (),
        galleries: Sequence[Path] = (),
        *,
        here: Machine | None = None,
    ) -> None:
        self.records, self.committed, self.galleries, self.here = latest(records), latest(committed), galleries, here

    def to_markdown(self) -> str:
        return ""

    def to_latex(self) -> str:
        return ""

    def save(self, folder: Path) -> None:
        for name in ("compare.html", "compare.md", "compare.csv", "compare.tex"):
            write_text(folder / name, "".join(f"{r.model} {r.machine.cpu}\n" for r in [*self.committed, *self.records]))

    def show(self) -> None:
        for record in self.records:
            print(record.model, record.measure, record.failed)
