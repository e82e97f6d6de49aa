"""What the committed records say of one architecture, as parts of its page."""

from collections.abc import Iterator
from functools import cache

from benchmarks.show.results import Results
from benchmarks.show.scores import HEADLINE, Score, places
from benchmarks.show.sets import short
from benchmarks.show.speeds import LATENCY
from benchmarks.show.table import milliseconds
from benchmarks.upkeep.site import curves
from benchmarks.upkeep.site.writing import code, sure, table
from registry import Entry, Spec
from zoo.architectures import Architecture

TILES = "`bg`, `fg_bg`, the true mask, the predicted mask, the true depth, the predicted depth"


def is_of(spec: str, entry: Entry[Architecture]) -> bool:
    return Spec.parse(spec).name == entry.name


def speed(results: Results, entry: Entry[Architecture]) -> str:
    rows = [
        [
            code(row.network.name),
            setting.title,
            setting.where,
            milliseconds(row.ms),
            " to ".join(map(milliseconds, row.figure(LATENCY).interval)),
        ]
        for setting, found in results.rows.items()
        for row in found
        if is_of(row.network.spec, entry) and row.better is not None
    ]
    note = "\n\nThe faster memory layout, one pair of images. [How it is timed](../docs/timing.md)."
    return table(["network", "setting", "machine", "ms", "95 % interval"], rows) + note if rows else ""


def accuracy(results: Results, entry: Entry[Architecture]) -> str:
    rows = [*_rows(results, entry)]
    note = (
        "\n\nWith 95 % intervals over images; best and tie are among all that were trained and tested alike."
        " [The leaderboard](../leaderboard/index.md) has the others, [its rows](../leaderboard/rows.md) say how each"
        " figure is had again."
    )
    head = ["network", "tested on", "recipe", "samples", "seeds", "mask IoU", "depth RMSE"]
    return table(head, rows) + note if rows else ""


def _rows(results: Results, entry: Entry[Architecture]) -> Iterator[list[str]]:
    for (board, data), marks in zip(results.sets, _places(results), strict=True):
        for score in board.on(data):
            if is_of(score.network.spec, entry) and score.records:
                height, width = board.size
                samples = max((record.samples or 0 for record in score.records), default=0)
                yield [
                    code(score.network.name),
                    f"{code(data)}, {height} x {width}",
                    code(score.cell.recipe_title),
                    f"{samples:,}",
                    str(len(score.records)),
                    *(_marked(score, metric, found) for metric, found in marks.items()),
                ]


@cache
def _places(results: Results) -> list[dict[str, dict[int, str]]]:
    """Of each set, by metric: which score is the best, and which tie with it."""
    return [{metric: places(board.on(data), metric) for metric in HEADLINE} for board, data in results.sets]


def _marked(score: Score, metric: str, marks: dict[int, str]) -> str:
    place = marks.get(id(score), "")
    return f"{sure(score.figure(metric))}{f', **{place}**' if place else ''}"


def charts(results: Results, entry: Entry[Architecture]) -> str:
    for group in results.curves:
        own = [score.network for score in group if is_of(score.network.spec, entry)]
        if own:
            return curves.draw(group, own[0].spec, own[0].name)
    return ""


def perturbed(name: str) -> str:
    alt = f"Charts of the mask IoU of {name} over the strength of each perturbation, beside the others"
    return (
        f"[![{alt}]({name}-curves.svg)]({name}-curves.svg)\n\nMask IoU over the strength of one perturbation at a time:"
        f" {name} in blue, the baselines dashed, the other networks pale. [The leaderboard](../leaderboard/index.md)"
        " names each, and says on what they were trained."
    )


def scenes(results: Results, entry: Entry[Architecture]) -> str:
    """The sheet of the hardest set that has one, for the best of its trainings; all pages have the same scenes."""
    for board in results.boards:
        for data in board.hardest:
            own = [score for score in board.on(data) if is_of(score.network.spec, entry)]
            for score in sorted(own, key=lambda score: -score.good):
                for sheet in [record.gallery for record in score.records if record.gallery]:
                    alt = f"Test scenes of {short(data)} and what {score.network.name} makes of them"
                    picture = f"![{alt}](../benchmarks/records/{sheet}){{ .sheet }}"
                    recipe = code(score.cell.recipe_title)
                    same = f"Test scenes of `{data}`, the same for every network; recipe {recipe}."
                    return f"{picture}\n\nFrom left to right: {TILES}. {same}"
    return ""
