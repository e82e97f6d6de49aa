"""Put the committed records into README's table and into docs/: leaderboard, scale, timing and export. `make
readme`.

The chart is docs/leaderboard.png, the page's as a browser shows it; it says in itself which points it shows. With
--check nothing is written; the exit code is 1 where something is not what the records say.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.show.points import points
from benchmarks.show.results import Results
from benchmarks.show.scores import counted
from benchmarks.show.speeds import Row
from benchmarks.show.table import MISSING, grid, milliseconds
from benchmarks.store import committed
from benchmarks.store.names import BASELINE, FOUNDING
from benchmarks.store.record import Machine
from benchmarks.upkeep import exported, scale, screenshot, trust
from registry import ZooError
from zoo import files

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
LEADERBOARD, PICTURE, SCALE, TIMING, EXPORT = (
    ROOT / "docs" / name for name in ("leaderboard.md", "leaderboard.png", "scale.md", "timing.md", "export.md")
)
SHOWS, CHART = "shows the points", "#scatter-picture"  # on the page
COLOURS = 64  # of the picture: a chart has few
MARKS = "<!-- from benchmarks/records by make readme -->", "<!-- end -->"


def run(*, check: bool) -> int:
    """Write what is stale, or only say it."""
    results = committed_results()
    stale = {path: text for path, text in wanted(results).items() if said(path) != text}
    for path, text in stale.items():
        if not check:
            take(results, text) if path == PICTURE else files.write_text(path, text)
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return int(check and bool(stale))


def take(results: Results, shown: str) -> None:
    """Write the picture of the page's chart, with the points in it as text."""
    about = PngInfo()
    about.add_text(SHOWS, shown)
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder) / "page.html", Path(folder) / "chart.png"
        results.to_html(page)
        screenshot.shoot(page, picture, part=CHART)
        with Image.open(picture) as image, files.replacing(PICTURE) as draft:
            image.quantize(COLOURS).save(draft, "PNG", pnginfo=about, optimize=True)


def said(path: Path) -> str | None:
    """What a file holds; of a picture, which points it shows. None where there is none."""
    if not path.exists():
        return None
    if path != PICTURE:
        return path.read_text("utf-8")
    with Image.open(path) as image:
        return image.info.get(SHOWS)


def committed_results() -> Results:
    if not (records := committed.records()):
        raise ZooError(f"there are no records in {committed.FOLDER}; python -m benchmarks.compare makes them")
    return Results(records)


def wanted(results: Results) -> dict[Path, str]:
    """What README and the files in docs/ should hold, and which points the picture should show."""
    records = results.records
    tables = {README: summary(results), LEADERBOARD: results.to_markdown()}
    texts = {path: filled(path.read_text("utf-8"), table, path.name) for path, table in tables.items()}
    if not results.borrowed:
        texts[PICTURE] = drawn(results)
    pages = {
        SCALE: scale.page(records),
        TIMING: trust.page(committed.controls()),
        EXPORT: exported.page(committed.exports()),
    }
    return texts | {path: text for path, text in pages.items() if text}


def drawn(results: Results) -> str:
    """The points of the chart, a line each: the network, and its latency and mask IoU with their intervals."""
    lines = []
    for point in points(results.chosen, results.networks):
        values = (point.x.value, *point.x.interval, point.y.value, *point.y.interval)
        lines.append(" ".join([point.network.name, *(f"{value:.4g}" for value in values)]))
    return "\n".join(lines)


def summary(results: Results) -> str:
    """README's table: the founding networks, then the baselines, the best masks first; and how to read it.

    Times on a GPU stand beside those on the CPU; the order is that of the masks alone.
    """
    (setting, rows), *others = results.rows.items()
    gpus = {_machine(rows): {row.network.spec: row.ms for row in rows} for at, rows in others if at.is_gpu_of(setting)}
    board, *_ = results.boards
    costs, data = {row.network.spec: row for row in rows}, board.hardest[0]
    both = [(costs[score.network.spec], score) for score in board.on(data) if score.network.spec in costs]
    shown = [(row, score) for row, score in both if row.network.group in (FOUNDING, BASELINE)]
    body = [
        [
            f"`{row.network.name}`",
            f"{row.figure('params').value / 1e6:.2f}",
            f"{row.figure('flops').value / 1e9:.1f}",
            milliseconds(row.ms),
            *(milliseconds(ms[row.network.spec]) if row.network.spec in ms else MISSING for ms in gpus.values()),
            f"{score.value('mask_iou'):.3f}",
            f"{score.value('depth_rmse'):.3f}",
        ]
        for row, score in shown
    ]
    height, width = board.size
    records = [record for _, score in shown for record in score.records]
    machines = "; ".join(machine.headline for machine in (_machine([row for row, _ in shown]), *gpus))
    times = ["ms", *(f"ms, {committed.kind(machine).upper()}" for machine in gpus)]
    return grid(["network", "params M", "GFLOPs", *times, "mask IoU", "depth RMSE"], body) + (
        f"\n\nGFLOPs and ms: one pair of images, {setting.title}, the faster memory layout; {machines}.\n"
        "Mask IoU (higher is better) and depth RMSE (lower is better):"
        f" {counted(records, 'images')} test scenes of `{data}`\nat {height} x {width}, after"
        f" {counted(records, 'samples')} training samples, one recipe for all."
    )


def _machine(rows: Sequence[Row]) -> Machine:
    """That networks were timed on."""
    return next(record.machine for row in rows for record in row.timed)


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
