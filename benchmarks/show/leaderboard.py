"""Results as tables of text. The notes say whether higher or lower is better."""

from collections.abc import Sequence

from benchmarks.show import accuracy_table, curves, speed_table
from benchmarks.show.findings import Findings
from benchmarks.show.sets import short
from benchmarks.show.table import MISSING, Table
from benchmarks.statistics import paired
from benchmarks.store.record import Record
from zoo.contract import TASKS

TWO_TASKS = (
    "Improvement of mask IoU and depth RMSE, in %, over the same network trained for that task only."
    " In brackets 95 % intervals over the same images; one that holds 0 shows no difference."
)


def tables(found: Findings) -> list[Table]:
    """A table for each setting that was timed, what was achieved, what two tasks bring, curves, and what failed."""
    source = "from the library's records: " if found.borrowed else ""
    boards = [board for board in found.boards if any(score.records for score in board.scores)]
    achieved = [accuracy_table.table(board, source) for board in boards]
    several = len({setting.where for setting in found.rows}) > 1
    timed = [speed_table.table(found.records, *each, where=several) for each in found.rows.items()]
    both = multi_task(found.committed if found.borrowed else found.records)
    every = [*timed, *achieved, both, *curves.tables(found.curves), failures(found.records)]
    return [table for table in every if table.body]


def failures(records: Sequence[Record]) -> Table:
    """Trainings and curves that failed, and why; failed times and costs are in the notes of their own table."""
    lost = [record for record in records if record.failed and record.measure in ("accuracy", "sensitivity")]
    found = dict.fromkeys((r.model, f"{r.measure} on {short(r.accuracy.tested_on)}", r.failed) for r in lost)
    notes = [f"{model}: {what} {failed}" for model, what, failed in found]
    return Table("failed", ["model", "what"], [[model, what] for model, what, _ in found], notes)


def multi_task(records: Sequence[Record]) -> Table:
    """The gain of learning both tasks at once, for networks that were also trained for one task."""
    body = [
        [gain.model, short(gain.data), *(_change(gain.tasks.get(task)) for task in TASKS), _change(gain.mean)]
        for gain in paired.gains(records)
    ]
    return Table("two tasks at once", ["model", "data", *TASKS, "mean"], body, [TWO_TASKS])


def _change(estimate: paired.Estimate | None) -> str:
    if estimate is None:
        return MISSING
    low, middle, high = (f"{100 * value:+.1f}" for value in (estimate.low, estimate.value, estimate.high))
    return f"{middle} ({low} to {high})"
