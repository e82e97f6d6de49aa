"""Recommends a network within so many milliseconds, and says what the next better one would cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from benchmarks.show.findings import Findings
from benchmarks.show.points import worth
from benchmarks.show.scores import HEADLINE, Board, Score, amount
from benchmarks.show.speeds import Setting
from benchmarks.show.table import milliseconds as in_ms
from benchmarks.statistics import paired
from benchmarks.store.names import BASELINE, READY_MADE
from benchmarks.store.record import Size

WANT = {task: (metric, *HEADLINE[metric]) for task, metric in paired.HEADLINE.items()}  # metric, words, direction

LEAST = 0.0005  # a difference that three decimals show

Timed = tuple[float, Score]  # milliseconds, and what is achieved in them


def sentence(found: Findings, *, milliseconds: float, want: str) -> str:
    """The answer in a sentence or two for each setting: times from here, accuracy from here or else committed, both at
    one size, or what to do where there is none."""
    metric = WANT[want][0]
    known = [replace(one, scores=[s for s in one.scores if not math.isnan(s.value(metric))]) for one in found.boards]
    timed = {setting: {row.network.spec: row.ms for row in rows if row.latency} for setting, rows in found.rows.items()}
    source = "; accuracy from the library's records" if found.borrowed else ""
    answers = [_at(setting, times, known, milliseconds, want, source) for setting, times in timed.items()]
    if any(answers):
        return "\n".join(filter(None, answers))
    if any(timed.values()) and any(board.scores for board in known):
        return "No network has both a time and an accuracy in these records; measure both for the same networks."
    lacks = "accuracy; measure accuracy" if any(timed.values()) else "times; measure latency"
    return f"No network can be recommended: the records hold no {lacks} too."


def _at(
    setting: Setting, times: Mapping[str, float], known: Sequence[Board], budget: float, want: str, source: str
) -> str:
    """The answer at one setting; empty where no network has both a time and an accuracy."""
    achieved = [replace(board, scores=[s for s in board.scores if s.network.spec in times]) for board in known]
    sizes = list(dict.fromkeys(board.size for board in achieved if board.scores))
    boards = [board for board in achieved if board.scores and board.size == setting.size]
    if not boards:
        return f"{setting.title}: {_of_other_sizes(setting.size, sizes)}" if sizes else ""
    boards.sort(key=lambda board: worth(board, [score.network for score in board.scores]), reverse=True)
    hardest = boards[0].hardest[0]
    here, *others = ([(times[s.network.spec], s) for s in board.on(hardest)] for board in boards)
    return f"{setting.title}{source}: {_answer(here, budget, want)}{_beside(here, [*chain(*others)], budget, want)}"


def typed(size: Size) -> str:
    """As --sizes takes it.

    >>> typed((64, 64)), typed((64, 96))
    ('64', '64x96')
    """
    return "x".join(map(str, dict.fromkeys(size)))


def _of_other_sizes(here: Size, there: Sequence[Size]) -> str:
    """Why no network can be recommended, and how one could be."""
    timed, achieved = typed(here), [*map(typed, there)]
    return (
        f"no network can be recommended: accuracy was measured at {' and '.join(achieved)} px, and it changes with the"
        f" size. Add --sizes {','.join(achieved)} for times at that size, or --measure latency,accuracy"
        f" --train-size {timed} for accuracy at this one."
    )


def _answer(known: Sequence[Timed], budget: float, want: str) -> str:
    """The best of those within the time, and what the next better one costs."""
    metric, words, _ = WANT[want]
    ranked = sorted(known, key=lambda pair: pair[0])
    within = [pair for pair in ranked if pair[0] <= budget]
    if not within:
        ms, score = ranked[0]
        reached = _value(score, metric, words)
        return (
            f"None fits into {budget:g} ms here; the fastest, {score.network.name}, takes {in_ms(ms)} ms ({reached})."
        )
    ms, best = _best(within, want)
    tied = [score.network.name for cost, score in within if cost > ms and _ties(best, score, metric)]
    verbs = "ties with it and takes" if len(tied) == 1 else "tie with it and take"
    equals = f" ({', '.join(tied)} {verbs} longer)" if tied else ""
    answer = (
        f"Take {best.network.name}{equals}: {in_ms(ms)} ms here, {_value(best, metric, words)}"
        f" on {best.cell.tested_on}, {_how(best)}."
    )
    for cost, score in ranked:
        if cost > ms and _is_better(score, best, want):
            gain = f"{abs(score.value(metric) - best.value(metric)):.3f} {words}"
            return f"{answer} The next better, {score.network.name}, costs {in_ms(cost - ms)} ms more for {gain}."
    return f"{answer} None of the others measured is shown to be better, however slow."


def _best(within: Sequence[Timed], want: str) -> Timed:
    """The fastest of those that nothing shows to be worse than the best."""
    metric, _, direction = WANT[want]
    _, top = max(within, key=lambda pair: direction * pair[1].value(metric))
    return min((pair for pair in within if _ties(top, pair[1], metric)), key=lambda pair: pair[0])


def _ties(one: Score, other: Score, metric: str) -> bool:
    """Whether nothing shows a difference, or none that three decimals would."""
    apart = abs(one.value(metric) - other.value(metric))
    return one is other or apart < LEAST or paired.ties(one.records, other.records, metric)


def _is_better(one: Score, other: Score, want: str) -> bool:
    metric, _, direction = WANT[want]
    return direction * (one.value(metric) - other.value(metric)) > 0 and not _ties(one, other, metric)


def _beside(here: Sequence[Timed], others: Sequence[Timed], budget: float, want: str) -> str:
    """A network that was trained otherwise, fits and reaches more: not a fair comparison, but perhaps what a user
    wants."""
    metric, words, direction = WANT[want]
    within = [pair for pair in here if pair[0] <= budget]
    fitting = [pair for pair in others if pair[0] <= budget and pair[1].network.group != BASELINE]
    ms, best = max(fitting, key=lambda pair: direction * pair[1].value(metric), default=(0.0, None))
    if best is None or (within and not _is_better(best, _best(within, want)[1], want)):
        return ""
    reached = _value(best, metric, words)
    return f" Trained in another way, {best.network.name}: {in_ms(ms)} ms, {reached}, {_how(best)}."


def _how(score: Score) -> str:
    """How the network was trained."""
    cell = score.cell
    size = "x".join(map(str, cell.size))
    if cell.recipe.startswith(READY_MADE):
        return f"ready-made weights at {size} px"
    samples = amount(score.records) or "its recipe's samples"
    samples += f" of {cell.data}" if cell.test else ""
    return f"trained on {samples} at {size} px by recipe {cell.recipe_title}"


def _value(score: Score, metric: str, words: str) -> str:
    return "{} {:.3f} ({:.3f} to {:.3f})".format(words, score.value(metric), *score.interval(metric))
