"""The question a user has: which network to take within so many milliseconds, and what the next one would cost."""

import math
from collections.abc import Sequence

from benchmarks import cells, paired
from benchmarks.leaderboard import title
from benchmarks.results import Record
from benchmarks.tables import Score, by_way, hardest, rows, scores, settings

WANT = {"mask": ("mask_iou", "mask IoU", 1), "depth": ("depth_rmse", "depth RMSE", -1)}  # metric, words, direction


def sentence(records: Sequence[Record], committed: Sequence[Record], *, milliseconds: float, want: str) -> str:
    """The answer in a sentence or two for each setting: times from here, accuracy from here or else committed."""
    metric = WANT[want][0]
    timed = {
        setting: {row.spec: row.best for row in rows(records, setting) if row.latency} for setting in settings(records)
    }
    timed = {setting: found for setting, found in timed.items() if found}
    groups = by_way(score for score in scores(records) or scores(committed) if not math.isnan(score.value(metric)))
    if not timed or not groups:
        lacks = "times" if not timed else "accuracy"
        return f"No network can be named: the records hold no {lacks}; measure {'latency' if not timed else lacks} too."
    answers = {}
    for setting, times in timed.items():
        known = [[score for score in group if score.spec in times] for group in groups]
        most = max(known, key=_worth)
        chosen = [(times[score.spec], score) for score in most if score.data == hardest(most)]
        answers[setting] = _answer(chosen, milliseconds, want) if chosen else None
    if not any(answers.values()):
        return "No network has both a time and an accuracy in these records; measure both for the same networks."
    lines = [(title(setting), answer) for setting, answer in answers.items() if answer]
    return lines[0][1] if len(timed) == 1 else "\n".join(f"{name}: {answer}" for name, answer in lines)


def _worth(group: list[Score]) -> tuple[bool, int]:
    """Networks that one recipe has trained first, if there are several; then the more the better."""
    networks = {score.spec for score in group if score.group != cells.BASELINE}
    return len(networks) > 1 and group[0].way[0] == cells.EQUAL, len(networks)


def _answer(known: list[tuple[float, Score]], milliseconds: float, want: str) -> str:
    """The best of those within the time, and what the next better one costs."""
    metric, words, direction = WANT[want]
    within = [(ms, score) for ms, score in known if ms <= milliseconds]
    ranked = sorted(known, key=lambda pair: pair[0])
    if not within:
        ms, score = ranked[0]
        told = _told(score, metric, words)
        return f"None fits into {milliseconds:g} ms here; the fastest, {score.model}, takes {ms:.1f} ms ({told})."
    ms, best = max(within, key=lambda pair: direction * pair[1].value(metric))
    answer = f"Take {best.model}: {ms:.1f} ms here, {_told(best, metric, words)} on {best.data}, {_how(best)}."
    better = [
        (cost, score)
        for cost, score in ranked
        if direction * (score.value(metric) - best.value(metric)) > 0
        and not paired.ties(best.records, score.records, metric)
    ]
    if not better:
        return f"{answer} None of those measured is shown to be better at any time."
    cost, following = better[0]
    gain = abs(following.value(metric) - best.value(metric))
    return f"{answer} The next better, {following.model}, costs {cost - ms:.1f} ms more for {gain:.3f} {words}."


def _how(score: Score) -> str:
    """How it came to its accuracy."""
    cell = score.cell
    recipe, size = str(cell["recipe"]), "x".join(map(str, cell["size"]))
    if recipe.startswith(cells.READY_MADE):
        return f"ready-made weights at {size} px"
    amount = f"{cell['samples']:,} samples" if cell["samples"] else "its recipe's samples"
    return f"trained on {amount} at {size} px by recipe {recipe}"


def _told(score: Score, metric: str, words: str) -> str:
    low, high = score.interval(metric)
    return f"{words} {score.value(metric):.3f} ({low:.3f} to {high:.3f})"
