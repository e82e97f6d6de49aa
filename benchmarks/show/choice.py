"""The question a user has: which network to take within so many milliseconds, and what the next one would cost."""

import math

from benchmarks.show.findings import Findings
from benchmarks.show.points import worth
from benchmarks.show.scores import HEADLINE, Board, Score
from benchmarks.show.table import milliseconds as told_ms
from benchmarks.statistics import paired
from benchmarks.store.names import BASELINE, READY_MADE

WANT = {task: (metric, *HEADLINE[metric]) for task, metric in paired.HEADLINE.items()}  # metric, words, direction

LEAST = 0.0005  # a difference that is seen in what is told


def sentence(found: Findings, *, milliseconds: float, want: str) -> str:
    """The answer in a sentence or two for each setting: times from here, accuracy from here or else committed."""
    metric = WANT[want][0]
    timed = {setting: {row.network.spec: row.ms for row in rows if row.latency} for setting, rows in found.rows.items()}
    timed = {setting: times for setting, times in timed.items() if times}
    groups = [(b, [s for s in b.scores if not math.isnan(s.value(metric))]) for b in found.boards]
    groups = [(board, group) for board, group in groups if group]
    if not timed or not groups:
        lacks = "times" if not timed else "accuracy"
        return f"No network can be named: the records hold no {lacks}; measure {'latency' if not timed else lacks} too."
    answers = {}
    for setting, times in timed.items():
        known = [(board, [score for score in group if score.network.spec in times]) for board, group in groups]
        asked = max(range(len(known)), key=lambda n: worth(known[n][0], [score.network for score in known[n][1]]))
        board, most = known[asked]
        if not most:
            continue
        hardest = Board(board.trained_as, board.size, most).hardest[0]
        here = [[(times[s.network.spec], s) for s in group if s.cell.data == hardest] for _, group in known]
        answer = _answer(here[asked], milliseconds, want)
        answers[setting] = " ".join([answer, *_beside(here, asked, milliseconds, want)])
    if not answers:
        return "No network has both a time and an accuracy in these records; measure both for the same networks."
    source = "; accuracy from the library's records" if found.borrowed else ""
    return "\n".join(f"{setting.title}{source}: {answer}" for setting, answer in answers.items())


def _answer(known: list[tuple[float, Score]], budget: float, want: str) -> str:
    """The best of those within the time, and what the next better one costs."""
    metric, words, _ = WANT[want]
    within = [(ms, score) for ms, score in known if ms <= budget]
    ranked = sorted(known, key=lambda pair: pair[0])
    if not within:
        ms, score = ranked[0]
        told = _told(score, metric, words)
        return f"None fits into {budget:g} ms here; the fastest, {score.network.name}, takes {told_ms(ms)} ms ({told})."
    ms, best = _best(within, want)
    tied = [score.network.name for cost, score in within if cost > ms and _ties(best, score, metric)]
    verbs = "ties with it and takes" if len(tied) == 1 else "tie with it and take"
    equals = f" ({', '.join(tied)} {verbs} longer)" if tied else ""
    answer = (
        f"Take {best.network.name}{equals}: {told_ms(ms)} ms here, {_told(best, metric, words)} on {best.cell.data},"
        f" {_how(best)}."
    )
    better = [(cost, score) for cost, score in ranked if cost > ms and _is_better(score, best, want)]
    if not better:
        return f"{answer} None of those measured is shown to be better at any time."
    cost, following = better[0]
    gain = abs(following.value(metric) - best.value(metric))
    next_better = f"The next better, {following.network.name}, costs {told_ms(cost - ms)} ms more"
    return f"{answer} {next_better} for {gain:.3f} {words}."


def _best(within: list[tuple[float, Score]], want: str) -> tuple[float, Score]:
    """The fastest of those that nothing shows to be worse than the best."""
    metric, _, direction = WANT[want]
    _, top = max(within, key=lambda pair: direction * pair[1].value(metric))
    return min((pair for pair in within if _ties(top, pair[1], metric)), key=lambda pair: pair[0])


def _ties(one: Score, other: Score, metric: str) -> bool:
    """Whether nothing shows a difference, or none that three decimals would."""
    small = abs(one.value(metric) - other.value(metric)) < LEAST
    return one is other or small or paired.ties(one.records, other.records, metric)


def _is_better(one: Score, other: Score, want: str) -> bool:
    metric, _, direction = WANT[want]
    return direction * (one.value(metric) - other.value(metric)) > 0 and not _ties(one, other, metric)


def _beside(groups: list[list[tuple[float, Score]]], asked: int, budget: float, want: str) -> list[str]:
    """What was trained in another way, fits, and reaches more: no fair comparison, and yet what a user may want."""
    metric, words, direction = WANT[want]
    fitting = [[pair for pair in group if pair[0] <= budget] for group in groups]
    others = [
        pair for n, group in enumerate(fitting) if n != asked for pair in group if pair[1].network.group != BASELINE
    ]
    if not others:
        return []
    ms, best = max(others, key=lambda pair: direction * pair[1].value(metric))
    if fitting[asked] and not _is_better(best, _best(fitting[asked], want)[1], want):
        return []
    return [
        f"Trained in another way, {best.network.name}: {told_ms(ms)} ms, {_told(best, metric, words)}, {_how(best)}."
    ]


def _how(score: Score) -> str:
    """How it came to its accuracy."""
    cell = score.cell
    recipe, size = cell.recipe_title, "x".join(map(str, cell.size))
    if recipe.startswith(READY_MADE):
        return f"ready-made weights at {size} px"
    amount = f"{cell.samples:,} samples" if cell.samples else "its recipe's samples"
    return f"trained on {amount} at {size} px by recipe {recipe}"


def _told(score: Score, metric: str, words: str) -> str:
    low, high = score.interval(metric)
    return f"{words} {score.value(metric):.3f} ({low:.3f} to {high:.3f})"
