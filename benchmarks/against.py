"""A run against an older one: only like with like, and why where there is no like."""

from collections.abc import Sequence

from benchmarks import cells, paired
from benchmarks.leaderboard import milliseconds
from benchmarks.results import Record
from benchmarks.terminal import print_table

SHOWN = {
    "cost": ("params", "flops"),
    "latency": ("ms",),
    "throughput": ("images_per_s",),
    "memory": ("inference_bytes", "training_bytes"),
    "accuracy": ("mask_iou", "depth_rmse"),
}
TOLD = ("batch", "precision", "layout", "engine", "data", "recipe", "seed")
NOISE = {"memory": 0.05}  # share by which a value without an interval may differ and be the same


def show(new: Sequence[Record], old: Sequence[Record]) -> None:
    """Print what both hold, and for the rest why it cannot be compared. Curves of sensitivity are for the page."""
    body, refused = compare(new, old)
    head = ["network", "measure", "value", "old", "new", "new / old", "verdict"]
    print_table(head, body, title="against the older run", notes=refused)


def compare(new: Sequence[Record], old: Sequence[Record]) -> tuple[list[list[str]], list[str]]:
    """Rows of pairs, and a line for each record that has no like."""
    before: dict[str, list[Record]] = {}
    for record in cells.latest(old):
        if record["status"] != "interrupted" and record["measure"] in SHOWN:
            before.setdefault(cells.key_of(record), []).append(record)
    body, refused, met = [], [], set()
    for record in cells.latest(new):
        if record["status"] == "interrupted" or record["measure"] not in SHOWN:
            continue
        title = f"{record['model']}, {_what(record)}"
        likes = before.get(cells.key_of(record), [])
        bound = record["measure"] in cells.OF_MACHINE
        like = next((like for like in likes if not bound or cells.same(record["machine"], like["machine"])), None)
        met.add(cells.key_of(record))
        if not likes:
            refused.append(f"{title}: the older run has no cell with the same options and settings")
        elif like is None:
            refused.append(f"{title}: another machine then, {_differences(record, likes[-1])}")
        elif (now := record["values"].get("batch")) != (then := like["values"].get("batch")) and now and then:
            refused.append(f"{title}: batch {then} then, {now} now, and rates of two batches are no pair")
        else:
            body += _rows(record, like)
    left = [record for key, records in before.items() if key not in met for record in records]
    refused += [f"{record['model']}, {_what(record)}: in the older run alone" for record in left]
    return body, refused


def _rows(record: Record, like: Record) -> list[list[str]]:
    """A row for each value that either has; one for a cell that failed in one of the runs."""
    start = [record["model"], _what(record)]
    failed = (like["failed"], record["failed"])
    if any(failed):
        verdict = "fails in both" if all(failed) else "fails now" if failed[1] else "failed then"
        return [[*start, "-", "-", "-", "-", verdict]]
    rows = []
    for name in SHOWN[record["measure"]]:
        was, now = like["values"].get(name), record["values"].get(name)
        if was is None and now is None:
            continue
        told = ["-" if value is None else _value(value) for value in (was, now)]
        if was is None or now is None:
            rows.append([*start, name, *told, "-", "only one"])
            continue
        rows.append([*start, name, *told, f"{now / was:.3f}" if was else "-", _verdict(record, like, name)])
    return rows


def _what(record: Record) -> str:
    """The measure with the settings that tell cells of one network apart."""
    cell = record["cell"]
    told = [f"{cell['size'][0]} x {cell['size'][1]}"] if cell.get("size") else []
    told += [str(cell[name]) for name in TOLD if cell.get(name) is not None]
    return ", ".join([record["measure"], *told])


def _differences(record: Record, like: Record) -> str:
    one, other = record["machine"], like["machine"]
    return "; ".join(f"{k} {other.get(k)}, now {one.get(k)}" for k in cells.MACHINE if one.get(k) != other.get(k))


def _verdict(record: Record, like: Record, name: str) -> str:
    """Whether it is open which is better: over the same images where both keep them, else by the intervals; what has
    none is exact, but for memory."""
    if record["measure"] == "accuracy":
        return "tie" if paired.ties(record, like, name) else "changed"
    mine, theirs = record["intervals"].get(name), like["intervals"].get(name)
    if mine and theirs and None not in (*mine, *theirs):
        return "tie" if mine[0] <= theirs[1] and theirs[0] <= mine[1] else "changed"
    if mine or theirs:
        return "open"  # of one round, whose interval is all numbers
    noise = NOISE.get(record["measure"], 0) * like["values"][name]
    return "same" if abs(record["values"][name] - like["values"][name]) <= noise else "changed"


def _value(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else milliseconds(value)
