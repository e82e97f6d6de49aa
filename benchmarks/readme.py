"""Put the committed records into the README's tables, docs/leaderboard.svg and docs/scale.md. `make readme` runs it.

With --check nothing is written; the exit code is 1 where one of them is not what the records say.
"""

import re
import sys
from pathlib import Path

from registry import ZooError
from registry.commandline import Parser, guarded

ROOT = Path(__file__).resolve().parent.parent
RECORDS, README = ROOT / "benchmarks" / "records", ROOT / "README.md"
CHART, SCALE = ROOT / "docs" / "leaderboard.svg", ROOT / "docs" / "scale.md"
MARKS = "<!-- from benchmarks/records by make readme -->", "<!-- end -->"


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.readme", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where something is stale")
    args = parser.parse_args(argv)
    return guarded(lambda: run(check=args.check))


def run(*, check: bool) -> int:
    """Write what is stale, or only say it."""
    from zoo.files import write_text

    stale = [(path, text) for path, text in wanted().items() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        if not check:
            write_text(path, text)
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return int(check and bool(stale))


def wanted() -> dict[Path, str]:
    """What the README and the files beside it should hold."""
    from benchmarks import leaderboard, report, scale

    records = leaderboard.committed(RECORDS)
    if not records:
        raise ZooError(f"there are no records in {RECORDS}; python -m benchmarks.compare makes them")
    texts = {README: filled(README.read_text("utf-8"), leaderboard.markdown(records))}
    if any(record["measure"] == "accuracy" for record in records):
        texts[CHART] = report.chart(records)
    if text := scale.page(records):
        texts[SCALE] = text
    return texts


def filled(text: str, tables: str) -> str:
    """A text with the tables between its marks.

    >>> filled(f"a {MARKS[0]} old {MARKS[1]} b", "new").split("\\n")[2]
    'new'
    """
    begin, end = map(re.escape, MARKS)
    found = re.subn(
        f"{begin}.*?{end}", lambda _: f"{MARKS[0]}\n\n{tables.strip()}\n\n{MARKS[1]}", text, flags=re.DOTALL
    )
    if found[1] != 1:
        raise ZooError(f"README.md has the marks {MARKS[0]} ... {MARKS[1]} {found[1]} times, and needs them once")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
