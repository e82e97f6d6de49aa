"""Put the committed records into README's table and into docs/: leaderboard, scale and timing. `make readme`.

The chart is docs/leaderboard.svg, and a picture of it as a browser shows it, leaderboard.png, which says in itself
which SVG it shows. With --check nothing is written; the exit code is 1 where something is not what the records say.
"""

import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from registry import ZooError
from registry.commandline import Parser, guarded

if TYPE_CHECKING:
    from benchmarks.store.record import Record

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
LEADERBOARD, CHART, SCALE, TIMING = (
    ROOT / "docs" / name for name in ("leaderboard.md", "leaderboard.svg", "scale.md", "timing.md")
)
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
    """What README and the files in docs/ should hold."""
    from benchmarks.show import leaderboard, report
    from benchmarks.store import committed
    from benchmarks.upkeep import scale, trust

    records = committed.records()
    if not records:
        raise ZooError(f"there are no records in {committed.FOLDER}; python -m benchmarks.compare makes them")
    tables = {README: summary(records), LEADERBOARD: leaderboard.markdown(records)}
    texts = {path: filled(path.read_text("utf-8"), table, path.name) for path, table in tables.items()}
    if any(record["measure"] == "accuracy" for record in records):
        texts[CHART] = report.chart(records)
    if text := scale.page(records):
        texts[SCALE] = text
    if text := trust.page(committed.controls()):
        texts[TIMING] = text
    return texts


def summary(records: "Sequence[Record]") -> str:
    """README's table: the founding networks, then the baselines, the best masks first; and how to read it."""
    from benchmarks.show.leaderboard import milliseconds, title
    from benchmarks.show.rows import by_way, hardest, rows, scores, settings
    from benchmarks.store.names import BASELINE, FOUNDING
    from benchmarks.upkeep.scale import table
    from zoo.machine import headline

    timed, achieved = settings(records)[0], by_way(scores(records))[0]
    costs, data = {row.spec: row for row in rows(records, timed)}, hardest(achieved)
    both = [(costs[score.spec], score) for score in achieved if score.data == data and score.spec in costs]
    shown = [(row, score) for row, score in both if row.group in (FOUNDING, BASELINE)]
    body = [
        [
            f"`{row.model}`",
            f"{row.cost['params'] / 1e6:.2f}",
            f"{row.cost['flops'] / 1e9:.1f}",
            milliseconds(row.best),
            f"{score.value('mask_iou'):.3f}",
            f"{score.value('depth_rmse'):.3f}",
        ]
        for row, score in shown
    ]
    machine, cell = shown[0][0].timed[0]["machine"], shown[0][1].cell
    return table(["network", "params M", "GFLOPs", "ms", "mask IoU", "depth RMSE"], body) + (
        f"\n\nGFLOPs and ms: one pair of images, {title(timed)}, the faster memory layout; {headline(machine)}.\n"
        f"Mask IoU (higher is better) and depth RMSE (lower is better): {cell['test_images']} test scenes of `{data}`\n"
        f"at {cell['size'][0]} x {cell['size'][1]}, after {cell['samples']:,} training samples, one recipe for all."
    )


def filled(text: str, tables: str, name: str = "the text") -> str:
    """A text with the tables between its marks.

    >>> filled(f"a {MARKS[0]} old {MARKS[1]} b", "new").split("\\n")[2]
    'new'
    """
    begin, end = map(re.escape, MARKS)
    found = re.subn(
        f"{begin}.*?{end}", lambda _: f"{MARKS[0]}\n\n{tables.strip()}\n\n{MARKS[1]}", text, flags=re.DOTALL
    )
    if found[1] != 1:
        raise ZooError(f"{name} has the marks {MARKS[0]} ... {MARKS[1]} {found[1]} times, and needs them once")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
