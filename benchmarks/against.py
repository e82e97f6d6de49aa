"""A run against an older one: only like with like, and why where there is no like."""

from collections.abc import Sequence

from benchmarks import cells
from benchmarks.leaderboard import milliseconds
from benchmarks.results import Record
from benchmarks.terminal import print_table

SHOWN = {
    "latency": "ms",
    "throughput": "images_per_s",
    "memory": "inference_bytes",
    "accuracy": "mask_iou",
    "cost": "flops",
}


def show(new: Sequence[Record], old: Sequence[Record]) -> None:
    """Print what both hold, and for the rest why it cannot be compared."""
    body, refused = compare(new, old)
    head = ["network", "measure", "old", "new", "new / old", "verdict"]
    print_table(head, body, title="against the older run", notes=refused)


def compare(new: Sequence[Record], old: Sequence[Record]) -> tuple[list[list[str]], list[str]]:
    """Rows of pairs, and a line for each record that has no like."""
    before = {cells.key_of(record): record for record in old if record["status"] == "done"}
    body, refused = [], []
    for record in new:
        if record["status"] != "done" or record["measure"] not in SHOWN:
            continue
        name, title = SHOWN[record["measure"]], f"{record['model']}, {record['measure']}"
        like = before.get(cells.key_of(record))
        if like is None:
            refused.append(f"{title}: the older run has no cell with the same options and settings")
        elif record["measure"] in cells.OF_MACHINE and not cells.same(record["machine"], like["machine"]):
            refused.append(f"{title}: another machine then, {_differences(record, like)}")
        else:
            was, now = like["values"][name], record["values"][name]
            body.append(
                [
                    record["model"],
                    record["measure"],
                    _value(was),
                    _value(now),
                    f"{now / was:.3f}" if was else "-",
                    _verdict(record, like, name),
                ]
            )
    return body, refused


def _differences(record: Record, like: Record) -> str:
    one, other = record["machine"], like["machine"]
    return "; ".join(f"{k} {other.get(k)}, now {one.get(k)}" for k in cells.MACHINE if one.get(k) != other.get(k))


def _verdict(record: Record, like: Record, name: str) -> str:
    """Whether the intervals leave it open; what has none is exact."""
    mine, theirs = record["intervals"].get(name), like["intervals"].get(name)
    if not mine or not theirs:
        return "same" if record["values"][name] == like["values"][name] else "changed"
    return "tie" if mine[0] <= theirs[1] and theirs[0] <= mine[1] else "changed"


def _value(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else milliseconds(value)
