"""Put the committed records into the README's tables, the chart, docs/scale.md and docs/timing.md. `make readme`.

The chart is docs/leaderboard.svg, and a picture of it as a browser shows it, leaderboard.png, which says in itself
which SVG it shows. With --check nothing is written; the exit code is 1 where something is not what the records say.
"""

import hashlib
import re
import sys
from pathlib import Path

from registry import ZooError
from registry.commandline import Parser, guarded

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CHART, SCALE, TIMING = (ROOT / "docs" / name for name in ("leaderboard.svg", "scale.md", "timing.md"))
PICTURE, SHOWS = CHART.with_suffix(".png"), "shows the SVG with the SHA-256"
COLOURS = 64  # of the picture: a chart has few
MARKS = "<!-- from benchmarks/records by make readme -->", "<!-- end -->"


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.upkeep.readme", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where something is stale")
    args = parser.parse_args(argv)
    return guarded(lambda: run(check=args.check))


def run(*, check: bool) -> int:
    """Write what is stale, or only say it."""
    from zoo.files import write_text

    texts = wanted()
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    if CHART in texts and shown(PICTURE) != digest(texts[CHART]):
        stale.append(PICTURE)
    for path in stale:
        if not check:
            take(texts[CHART], path) if path == PICTURE else write_text(path, texts[path])
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return int(check and bool(stale))


def take(svg: str, path: Path) -> None:
    """Write the picture of an SVG, with the SVG's digest in it."""
    import tempfile

    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from benchmarks.upkeep.screenshot import shoot
    from zoo import files

    about = PngInfo()
    about.add_text(SHOWS, digest(svg))
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder) / "chart.svg", Path(folder) / "chart.png"
        page.write_text(svg, "utf-8")
        shoot(page, picture)
        with Image.open(picture) as image, files.replacing(path) as draft:
            image.quantize(COLOURS).save(draft, "PNG", pnginfo=about, optimize=True)


def shown(path: Path) -> str | None:
    """The digest of the SVG that a picture shows; None where there is no such picture."""
    from PIL import Image

    if not path.exists():
        return None
    with Image.open(path) as image:
        return image.info.get(SHOWS)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def wanted() -> dict[Path, str]:
    """What the README and the files beside it should hold."""
    from benchmarks.show import report
    from benchmarks.show.results import Results
    from benchmarks.store import committed
    from benchmarks.upkeep import scale, trust

    records = committed.records()
    if not records:
        raise ZooError(f"there are no records in {committed.FOLDER}; python -m benchmarks.compare makes them")
    results = Results(records)
    texts = {README: filled(README.read_text("utf-8"), results.to_markdown())}
    if not results.borrowed:
        texts[CHART] = report.chart(results)
    if text := scale.page(records):
        texts[SCALE] = text
    if text := trust.page(committed.controls()):
        texts[TIMING] = text
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
