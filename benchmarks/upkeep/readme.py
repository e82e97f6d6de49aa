"""Put the committed records into README's table and into docs/: leaderboard, scale, timing and export. `make
readme`.

The chart is docs/leaderboard.png, the page's as a browser shows it; it says in itself which points it shows. With
--check nothing is written; the exit code is 1 where something is not what the records say.
"""

import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.show.accuracy_table import TITLES
from benchmarks.show.points import points
from benchmarks.show.results import Results
from benchmarks.show.scores import Board, Score, counted
from benchmarks.show.sets import short
from benchmarks.show.speeds import Row, Setting
from benchmarks.show.table import MISSING, grid, milliseconds
from benchmarks.store import committed
from benchmarks.store.names import BASELINE, FOUNDING, OURS
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
SHOWN = (OURS, FOUNDING, BASELINE)  # groups of networks in README's table
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
        EXPORT: exported.page(committed.exports(), committed.optimised()),
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
    """README's table: our networks and the founding ones, then the baselines, the best masks on the hardest set first;
    and how to read it.

    Times on a GPU stand beside those on the CPU; the order is that of the masks alone.
    """
    (setting, rows), *others = results.rows.items()
    gpus = {_machine(rows): {row.network.spec: row.ms for row in rows} for at, rows in others if at.is_gpu_of(setting)}
    board = max(results.boards, key=_founding)
    costs = {row.network.spec: row for row in rows}
    hardest = [score for score in board.on(board.hardest[0]) if score.network.spec in costs]
    shown = [score for score in hardest if score.network.group in SHOWN]
    by_set = {data: {score.how: score for score in board.on(data)} for data in board.data}
    body = [
        [
            f"`{score.network.name}`",
            *_costs(costs[score.network.spec]),
            *(milliseconds(ms[score.network.spec]) if score.network.spec in ms else MISSING for ms in gpus.values()),
            *(_figure(found.get(score.how), "mask_iou") for found in by_set.values()),
            _figure(score, "depth_rmse"),
        ]
        for score in shown
    ]
    machines = [_machine([costs[score.network.spec] for score in shown]), *gpus]
    times = ["ms", *(f"ms, {committed.kind(machine).upper()}" for machine in gpus)]
    masks = [f"IoU {short(data)}" for data in by_set]
    head = ["network", "params M", "GFLOPs", *times, *masks, f"RMSE {short(board.hardest[0])}"]
    trained = {score.network.spec for score in shown}
    missing = [row.network.name for row in rows if row.network.group in SHOWN and row.network.spec not in trained]
    return f"{grid(head, body)}\n\n{_about(board, shown, setting, machines)}{_not_yet(missing)}"


def _founding(board: Board) -> int:
    """How many of the founding networks have a row in it."""
    return len({score.network.spec for score in board.scores if score.network.group == FOUNDING})


def _costs(row: Row) -> list[str]:
    """Millions of parameters, GFLOPs and milliseconds."""
    params, flops = row.figure("params").value / 1e6, row.figure("flops").value / 1e9
    return [f"{params:.2f}", f"{flops:.1f}", milliseconds(row.ms)]


def _figure(score: Score | None, metric: str) -> str:
    value = math.nan if score is None else score.value(metric)
    return MISSING if math.isnan(value) else f"{value:.3f}"


def _about(board: Board, shown: Sequence[Score], setting: Setting, machines: Sequence[Machine]) -> str:
    """How README's table was made."""
    records = [record for score in shown for record in score.records]
    height, width = board.size
    learned = "; the same weights on every set" if any(score.cell.test for score in shown) else ""
    recipe = TITLES.get(board.trained_as.kind, "recipes of their own")
    return (
        f"GFLOPs and ms: one pair of images, {setting.title}, the faster memory layout;"
        f" {'; '.join(machine.headline for machine in machines)}.\n"
        "Mask IoU (higher is better) and depth RMSE (lower is better):"
        f" {counted(records, 'images')} test scenes of each set\nat {height} x {width}, after"
        f" {counted(records, 'samples')} training samples, {recipe}{learned}."
    )


def _not_yet(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(f"`{name}`" for name in names)
    return f"\nNot trained so yet, and found in docs/leaderboard.md with the recipe of before: {listed}."


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
