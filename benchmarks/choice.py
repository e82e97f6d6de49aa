"""The question a user has: which network to take within so many milliseconds, and what the next one would cost."""

from collections.abc import Sequence

from benchmarks.results import Record
from benchmarks.tables import Score, by_way, rows, scores, settings

WANT = {"mask": ("mask_iou", "mask IoU", 1), "depth": ("depth_rmse", "depth RMSE", -1)}  # metric, words, direction


def sentence(records: Sequence[Record], committed: Sequence[Record], *, milliseconds: float, want: str) -> str:
    """The answer in a sentence or two, from times measured here and accuracy measured here or committed."""
    metric, words, direction = WANT[want]
    timed = {row.spec: row for setting in settings(records) for row in rows(records, setting) if row.latency}
    achieved = next(iter(by_way(scores(records) or scores(committed))), [])
    if not timed or not achieved:
        lacks = "times" if not timed else "accuracy"
        return f"No network can be named: the records hold no {lacks}; measure {'latency' if not timed else lacks} too."
    hardest = sorted({score.data for score in achieved})[-1]
    known = [(timed[score.spec].best, score) for score in achieved if score.data == hardest and score.spec in timed]
    if not known:
        return "No network has both a time and an accuracy in these records; measure both for the same networks."
    within = [(ms, score) for ms, score in known if ms <= milliseconds]
    ranked = sorted(known, key=lambda pair: pair[0])
    if not within:
        ms, score = ranked[0]
        told = _told(score, metric, words)
        return f"None fits into {milliseconds:g} ms here; the fastest, {score.model}, takes {ms:.1f} ms ({told})."
    ms, best = max(within, key=lambda pair: direction * pair[1].value(metric))
    answer = f"Take {best.model}: {ms:.1f} ms here, {_told(best, metric, words)} on {hardest}."
    better = [(cost, score) for cost, score in ranked if direction * (score.value(metric) - best.value(metric)) > 0]
    if not better:
        return f"{answer} None of those measured is better at any time."
    cost, following = better[0]
    gain = abs(following.value(metric) - best.value(metric))
    tie = " (their intervals overlap)" if _overlap(best, following, metric) else ""
    return f"{answer} The next, {following.model}, costs {cost - ms:.1f} ms more for {gain:.3f} {words}{tie}."


def _told(score: Score, metric: str, words: str) -> str:
    low, high = score.interval(metric)
    return f"{words} {score.value(metric):.3f} ({low:.3f} to {high:.3f})"


def _overlap(one: Score, other: Score, metric: str) -> bool:
    (low, high), (first, last) = one.interval(metric), other.interval(metric)
    return low <= last and first <= high
