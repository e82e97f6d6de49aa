"""Records of zoo.optimise as tables: what was chosen for each network, beside each way that was tried."""

import math
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.show.table import MISSING, Table, markdown, milliseconds
from benchmarks.store.optimised import OptimisedRecord
from zoo.deploy.optimising.report import Report, Tried

HEAD = ["network", "way", "ms", "times", "mask IoU", "depth", "build s", ""]
BUSY = 1.5  # processes that want a core, from which that is said
CLOCKS = {"cpu": "ms: of the processor, which other work hardly shows in", "wall": "ms: of the clock"}
GOALS = (  # what a processor can -> times as fast, as geometric mean over the founding networks
    (("amx_bf16",), 4.0),
    (("avx512_bf16", "avx512_vnni", "avx_vnni"), 2.5),
    (("avx2",), 1.5),
)


def goal(features: Sequence[str]) -> float | None:
    """Of a processor; None where none was set for it.

    >>> goal(["avx2", "avx512_bf16"]), goal(["avx2"]), goal([])
    (2.5, 1.5, None)
    """
    return next((times for names, times in GOALS if {*names} & {*features}), None)


def mean(times: Sequence[float]) -> float:
    """The geometric mean.

    >>> mean([1, 4])
    2.0
    """
    return math.exp(math.fsum(map(math.log, times)) / len(times))


def fastest(report: Report) -> float:
    """How many times as fast the fastest of all ways is, those included that answer something else."""
    return (report.tried[0].ms or math.nan) / min(each.ms for each in report.tried if each.ms)


def tables(records: Sequence[OptimisedRecord]) -> list[Table]:
    """One for each machine, size and clock."""
    groups: dict[tuple[str, tuple[int, int], str], list[OptimisedRecord]] = defaultdict(list)
    for record in records:
        groups[record.machine.headline, record.size, record.clock].append(record)
    return [_table(found) for found in groups.values()]


def _table(records: Sequence[OptimisedRecord]) -> Table:
    first = records[0]
    body = [row for record in records for row in _rows(record.model, record.report)]
    h, w = first.size
    dates = sorted({(record.machine.date or "")[:10] for record in records})
    drawn = [f"`{record.model}`" for record in records if not record.trained]
    wanted = goal(first.features)
    goals = (
        f"the goal, over all founding networks, is {wanted:g}" if wanted else "there is no goal for such a processor"
    )
    notes = [
        f"One pair of {h} x {w} pixels, {first.machine.headline} ({', '.join(first.features) or 'no such features'}),"
        f" {' to '.join(dict.fromkeys((dates[0], dates[-1])))}; all ways of one network in shuffled rounds.",
        f"{CLOCKS[first.clock]}. Mask IoU, depth: agreement with the network as it is, on four pairs.",
        *[f"Weights drawn at random: {', '.join(drawn)}; all of their masks lie near one half."] * bool(drawn),
        f"Geometric mean of what was chosen: {mean([record.report.times for record in records]):.2f} times as fast, of"
        f" the fastest whatever it answers: {mean([fastest(record.report) for record in records]):.2f}; {goals}.",
        "OpenVINO in bf16 opens the file that was written for fp32, which took no time to build again.",
    ]
    loads = [record.load for record in records if record.load is not None]
    if loads and max(loads) > BUSY:
        notes.append(f"The machine had other work (load up to {max(loads):.0f}), which build s shows.")
    notes += [f"{record.model}: {record.report.note}" for record in records if record.report.note]
    refused = [(record.model, each) for record in records for each in record.report.tried if each.refused]
    notes += [f"{model}, {each.name}: {each.refused}." for model, each in refused]
    return Table("Networks optimised", HEAD, body, notes)


def _rows(model: str, report: Report) -> list[list[str]]:
    base = report.tried[0].ms or math.nan
    return [_row(model, each, base, is_chosen=each.name == report.chosen) for each in report.tried]


def _row(model: str, each: Tried, base: float, *, is_chosen: bool) -> list[str]:
    told = "chosen" if is_chosen else "refused" * bool(each.refused)
    return [
        model,
        each.name,
        MISSING if each.ms is None else milliseconds(each.ms),
        MISSING if not each.ms else f"{base / each.ms:.2f}",
        MISSING if each.mask is None else f"{each.mask:.4f}",
        MISSING if each.depth is None else f"{each.depth:.1g}",
        f"{each.build:.0f}" if each.build else MISSING,
        told,
    ]


def to_markdown(records: Sequence[OptimisedRecord]) -> str:
    return "\n\n".join(markdown(table).strip() for table in tables(records)) + "\n"
