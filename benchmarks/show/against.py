"""A comparison with an older run: pairs of like cells, and the reason for each cell that has no like."""

from collections.abc import Sequence

from benchmarks.show.table import milliseconds
from benchmarks.show.terminal import print_table
from benchmarks.statistics import paired
from benchmarks.statistics.intervals import meet
from benchmarks.store import identity
from benchmarks.store.fields import plain
from benchmarks.store.names import OF_MACHINE
from benchmarks.store.record import Machine, Record

SHOWN = {
    "cost": ("params", "flops"),
    "latency": ("ms",),
    "throughput": ("images_per_s",),
    "memory": ("inference_bytes", "training_bytes"),
    "accuracy": ("mask_iou", "depth_rmse"),
}
IN_TITLES = ("batch", "precision", "layout", "engine", "data", "test", "recipe", "seed")
BUILDS = 0.03  # share by which one network, built twice, may differ in time: docs/timing.md
NOISE, LEAST = 0.05, 1_000_000  # share and bytes by which memory may differ and be the same
NAMED = 3  # cells without a like that are named where there are many


def show(new: Sequence[Record], old: Sequence[Record]) -> None:
    """Print all pairs, and why the rest cannot be compared. Curves of sensitivity are only on the page."""
    body, refused = compare(new, old)
    rows = [[f"{network}, {what}: {value}", *rest] for network, what, value, *rest in body]
    print_table(["value", "old", "new", "new /old", "verdict"], rows, title="against the older run", notes=refused)


def compare(new: Sequence[Record], old: Sequence[Record]) -> tuple[list[list[str]], list[str]]:
    """Rows of pairs, and a line for each record that has no like."""
    before: dict[str, list[Record]] = {}
    for record in _whole(old):
        before.setdefault(identity.key_of(record), []).append(record)
    body, refused, lone = [], list[str](), list[str]()
    mine = _whole(new)
    for record in mine:
        title = f"{record.model}, {_what(record)}"
        likes = before.get(identity.key_of(record), [])
        bound = record.measure in OF_MACHINE
        like = next((like for like in likes if not bound or record.machine.identity == like.machine.identity), None)
        if not likes:
            lone.append(f"{title}: {_why(record, old)}")
        elif like is None:
            refused.append(f"{title}: measured on another machine, {_differences(record, likes[-1])}")
        elif (now := record.values.get("batch")) != (then := like.values.get("batch")) and now and then:
            refused.append(f"{title}: batch {then} then, {now} now; rates of different batches cannot be compared")
        else:
            body += _rows(record, like)
    met = {*map(identity.key_of, mine)}
    left = [f"{one.model}, {_what(one)}" for key, records in before.items() if key not in met for one in records]
    older = [f"{title}: only in the older run" for title in dict.fromkeys(left)]
    return body, [*refused, *_first(lone, "of the new run"), *_first(older, "of the older run")]


def _whole(records: Sequence[Record]) -> list[Record]:
    """The latest of what is compared, without what was interrupted."""
    return [one for one in identity.latest(records) if one.status != "interrupted" and one.measure in SHOWN]


def _first(lines: list[str], of: str) -> list[str]:
    """All of few lines; of many the first, and how many more there are."""
    more = len(lines) - NAMED
    return lines if more <= 1 else [*lines[:NAMED], f"and {more} more cells {of} without a counterpart"]


def _why(record: Record, old: Sequence[Record]) -> str:
    """How the nearest cell of the older run differs."""
    same = [like for like in old if like.measure == record.measure and like.model == record.model]
    reasons = [_settings(record, like) or "it was interrupted then" for like in same]
    return min(reasons, key=len, default="the older run has no such cell of this network")


def _settings(record: Record, like: Record) -> str:
    one, other = ({**plain(found.cell), "spec": found.spec} for found in (record, like))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(f"{name} {other.get(name)} then, {one.get(name)} now" for name in names)


def _rows(record: Record, like: Record) -> list[list[str]]:
    """A row for each value that either has; one for a cell that failed in one of the runs."""
    start = [record.model, _what(record)]
    failed = (like.failed, record.failed)
    if any(failed):
        verdict = "fails in both" if all(failed) else "fails now" if failed[1] else "failed then"
        return [[*start, "-", "-", "-", "-", verdict]]
    rows = []
    for name in SHOWN[record.measure]:
        was, now = like.values.get(name), record.values.get(name)
        values = ["-" if value is None else _value(value) for value in (was, now)]
        if None not in (was, now):
            rows.append([*start, name, *values, f"{now / was:.3f}" if was else "-", _verdict(record, like, name)])
        elif was is not None or now is not None:
            rows.append([*start, name, *values, "-", "only one"])
    return rows


def _what(record: Record) -> str:
    """The measure with the settings that tell cells of one network apart."""
    cell = plain(record.cell)
    words = [str(cell[name]) for name in IN_TITLES if cell.get(name) is not None]
    return ", ".join([record.measure, "{} x {}".format(*record.cell.size), *words])


def _differences(record: Record, like: Record) -> str:
    facts = zip(Machine.DECIDING, like.machine.identity, record.machine.identity, strict=True)
    return "; ".join(f"{name} {was}, now {now}" for name, was, now in facts if was != now)


def _verdict(record: Record, like: Record, name: str) -> str:
    """Whether it is open which is better: over the same images where both keep them, else by the intervals, and by more
    than two builds of one network differ; what has none is exact, but for memory."""
    if record.measure == "accuracy":
        return "tie" if paired.ties(record, like, name) else "changed"
    mine, theirs = record.intervals.get(name), like.intervals.get(name)
    was, now = like.values[name], record.values[name]
    if mine and theirs and None not in (*mine, *theirs):
        if meet(mine, theirs):
            return "tie"
        return "as two builds" if abs(now - was) <= BUILDS * was else "changed"
    if mine or theirs:
        return "open"  # of one round, whose interval is all numbers
    noise = max(NOISE * was, LEAST) if record.measure == "memory" else 0
    return "same" if abs(now - was) <= noise else "changed"


def _value(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else milliseconds(value)
