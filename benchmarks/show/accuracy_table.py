"""What networks trained alike achieve, as a table of text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from benchmarks.show.scores import HARDNESS, HEADLINE, Board, Score, amount, by_training, counted, known_first, places
from benchmarks.show.sets import kind_of, shares_plates, short
from benchmarks.show.table import MISSING, Table
from benchmarks.show.trainings import FEW, rates_chosen, too_few
from benchmarks.statistics import paired
from benchmarks.store.names import BASELINE, EFFORT, EQUAL, READY, READY_MADE
from zoo.machine import headline

TITLES = {EFFORT: "equal effort", EQUAL: "one recipe for all", READY: "ready-made weights"}
UNITS = {"mask_iou": "IoU", "depth_rmse": "RMSE"}
SHARED = "same plate in training and test"
SIGNS = {"best": "*", "tie": "="}


def table(board: Board, source: str = "") -> Table:
    """What networks trained alike achieve: mask IoU and depth RMSE on each data set, with 95 % intervals."""
    achieved = [score for score in board.scores if score.records]
    names = list(dict.fromkeys(score.cell.tested_on for score in achieved))
    trained = by_training(achieved, lambda score: score.cell.tested_on)
    first = board.hardest[0]
    order = sorted(trained, key=lambda d: known_first(d[first].value("mask_iou") if first in d else math.nan))
    own = _recipes(achieved)
    several = len(own) > 1
    learned = _learned(board)
    seeds = sorted({len(score.records) for score in achieved})
    columns = [
        (metric, name, places([by_data[name] for by_data in order if name in by_data], metric))
        for metric in HEADLINE
        for name in names
        if _is_known(metric, board.on(name))
    ]
    few = too_few(board, order)
    body = [
        [
            _row(one, learned, seeds),
            *([one.cell.recipe_title] * several),
            *(
                _achieved(by_data.get(name), metric, marks, is_few=one.network.name in few)
                for metric, name, marks in columns
            ),
        ]
        for by_data in order
        for one in [next(iter(by_data.values()))]
    ]
    head = ["model, trained on" if len(learned) > 1 else "model", *(["recipe"] * several)]
    head += [f"{UNITS[metric]} {short(name)}" for metric, name, _ in columns]
    title = TITLES.get(board.trained_as.kind, "recipes of their own" if several else f"recipe {own[0]}")
    of = f" of {short(learned[0])}" if len(learned) == 1 else ""
    shared = SHARED if any(shares_plates(name) for name in names) else ""
    return Table(
        ", ".join(filter(None, (f"{source}accuracy", title, amount(board.records) + of, shared, _kinds(names)))),
        head,
        body,
        [*_about(board, achieved, own, seeds, marked=any(marks for *_, marks in columns)), *few.values()],
    )


def _row(one: Score, learned: Sequence[str], seeds: Sequence[int]) -> str:
    """The name of a row: the network, with its training data and number of seeds if the rows differ in them."""
    many = len(one.records)
    more = [short(one.cell.data)] * (len(learned) > 1) + [f"{many} seed{'s' * (many > 1)}"] * (len(seeds) > 1)
    return ", ".join([one.network.name, *more])


def _kinds(names: Sequence[str]) -> str:
    """What the pictures of some sets are, if a reader might mistake them."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(kind_of(name), []).append(short(name))
    return "; ".join(f"{' and '.join(sets)}: {kind}" for kind, sets in kinds.items() if kind)


def _learned(board: Board) -> list[str]:
    """The data that the networks of a board were trained on, if they are tested on other data, too."""
    return list(dict.fromkeys(score.cell.data for score in board.scores if score.cell.test))


def _is_known(metric: str, scores: Sequence[Score]) -> bool:
    """Whether any has a value: data without depth has no column of it."""
    return any(not math.isnan(score.value(metric)) for score in scores)


def _recipes(achieved: Sequence[Score]) -> list[str]:
    """Those of the networks; of baselines where there are no others."""
    networks = [score for score in achieved if score.network.group != BASELINE]
    return sorted({score.cell.recipe_title for score in networks or achieved})


def _about(
    board: Board, achieved: Sequence[Score], own: Sequence[str], seeds: Sequence[int], *, marked: bool
) -> Iterator[str]:
    """The notes below a table of accuracy."""
    records = board.records
    trained = [asdict(record.machine) | {"date": record.date} | dict(record.raw.trained or {}) for record in records]
    machines = "; ".join(dict.fromkeys(map(headline, trained)))
    days = sorted({str(facts["date"])[:10] for facts in trained})
    tested = counted(records, "images")
    yield (
        "Mask IoU, pooled: higher is better. Depth RMSE: lower is better. In brackets 95 % intervals over"
        f" {tested} scene{'s' * (tested != '1')} of the test split, {' x '.join(map(str, board.size))} pixels."
    )
    yield f"{_how(board, own, seeds)}; {machines}, {' to '.join(dict.fromkeys((days[0], days[-1])))}."
    if chosen := rates_chosen(achieved):
        yield chosen
    if len(own) == 1 and {score.cell.recipe_title for score in achieved} != {*own}:
        yield "The baselines have no recipe of their own: they were trained by the recipe equal."
    if learned := _learned(board):
        sets = "; ".join(f"{short(name)} is {name}" if short(name) != name else name for name in learned)
        yield f"Trained on {sets}. The same weights are tested on every set; a task without truth there does not count."
    elif len(board.data) > 1 and board.trained_as.kind != READY:
        yield "Each data set has its own networks, trained only on its train split."
    if marked:
        yield "* the best; = a tie with it: the 95 % interval of the difference over the same images holds 0."
    if seeds[-1] > 1:
        yield (
            "Of several seeds the mean, ± the standard deviation over seeds. The interval covers images and, from"
            f" {paired.ENOUGH} seeds on, seeds."
        )
    for precision in sorted({score.cell.precision for score in achieved if score.cell.precision}):
        names = dict.fromkeys(score.network.name for score in achieved if score.cell.precision == precision)
        yield f"Trained in {precision} instead of the recipe's precision: {', '.join(names)}."


def _how(board: Board, recipes: Sequence[str], seeds: Sequence[int]) -> str:
    """How the networks of a table were trained, in words."""
    if board.trained_as.kind == READY:
        return f"Weights of {recipes[0].removeprefix(READY_MADE)}"
    recipe = f"recipe {recipes[0]}" if len(recipes) == 1 else "recipes of their own"
    count = "one seed" if [*seeds] == [1] else f"{' or '.join(map(str, seeds))} seeds"
    return f"Trained on {amount(board.records) or 'as many samples as their recipes say'}, {recipe}, {count}"


def _achieved(score: Score | None, metric: str, marks: Mapping[int, str], *, is_few: bool) -> str:
    """The mean with its interval, the spread of several seeds, and whether it is best; is_few: of samples."""
    if is_few and metric == HARDNESS:
        return FEW
    if score is None or math.isnan(score.value(metric)):
        return MISSING
    ends = (f"{end:.3f}".removeprefix("0") for end in score.interval(metric))
    spread = score.spread(metric)
    over_seeds = "" if math.isnan(spread) else f" ±{spread:.3f}".replace("±0", "±")
    return f"{score.value(metric):.3f} ({'-'.join(ends)}){over_seeds}{SIGNS.get(marks.get(id(score), ''), '')}"
