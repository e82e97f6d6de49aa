"""What stands below a table of times: what it was measured on, how to read it, how sure it is, what failed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.show.rows import Row
from benchmarks.store.record import Record
from benchmarks.timing.clocks import slowed
from zoo.machine import headline

CALLS = 20  # from which the 5th and the 95th percentile are not just the least and the longest
BUSY = 1.25  # load per core above which others were at work too


def notes(records: Sequence[Record], chosen: Sequence[Row]) -> list[str]:
    """What the table was measured on, how to read it, and what failed."""
    timed = [record for row in chosen for record in row.timed]
    found = [*timed, *records]  # those of the table first; counts alone are of any machine
    machine = found[0]["machine"]
    load = max((record["load"] or 0 for record in timed), default=0)
    lines = [
        f"{headline(machine)}. Latency: batch 1, median (5th to 95th percentile); lower is better. GFLOPs: 2 x"
        " multiply-adds of convolutions, products and attention; what else computes is named in the CSV."
    ]
    if any(row.fastest for row in chosen):
        lines.append(
            "* the faster layout: the 95 % interval of the paired ratio excludes 1. No star: a tie, or not timed"
            " together."
        )
    if any(row.ties for row in chosen):
        lines.append(
            "= a tie with the network above: the interval of their paired ratio holds 1 (of two runs: theirs meet)."
        )
    lines += _sureness(chosen)
    if any(record["status"] == "interrupted" for row in chosen for record in row.latency.values()):
        lines.append("~ stopped early, from the rounds there were.")
    if any(row.throughput for row in chosen):
        lines.append(
            "images/s: pipelined, not comparable across batches; in brackets a batch that is not what was asked for."
        )
    if any(row.fact("matmul_share") is not None for row in chosen):
        lines.append(
            "% peaks: operations a second against the best matrix product here (above 100 where a convolution needs"
            " fewer, as Winograd's does); bytes that operations move, one by one, against the fastest copy."
        )
    if any(row.memory for row in chosen):
        lines.append("MB: peak above the start of a fresh process, batch 1: one inference, one training step.")
    if load > BUSY * machine["cores"]:
        lines.append(
            f"The machine was busy: load {load:.1f} on {machine['cores']} cores. Measure again when it is not."
        )
    if said := slowed([record.get("clocks") or {} for record in timed]):
        lines.append(said)
    return lines + [f"{row.model}: {problem}" for row in chosen for problem in row.problems]


def _sureness(chosen: Sequence[Row]) -> list[str]:
    """How well the medians are known, and which were timed under doubt."""
    timed = {row.model: row.better for row in chosen if row.better is not None}
    half = {
        name: (high - low) / 2 / record["values"]["ms"]
        for name, record in timed.items()
        for low, high in [record["intervals"]["ms"]]
        if low is not None and high is not None
    }
    lines = []
    if half:
        worst = max(half, key=lambda name: half[name])
        lines.append(
            f"Medians are known to within {100 * float(np.median([*half.values()])):.1f} % (95 %), half of them;"
            f" {worst} to within {100 * half[worst]:.1f} %."
        )
    few = [name for name, record in timed.items() if np.size(record["raw"]["rounds_ms"]) < CALLS]
    restless = [name for name, record in timed.items() if _is_restless(record["raw"]["warm_up"])]
    if few:
        lines.append(f"From fewer than {CALLS} calls, of which percentiles say little: {', '.join(few)}.")
    if restless:
        lines.append(f"Still drifting when their warm-up's time was over: {', '.join(restless)}.")
    return lines


def _is_restless(warm_up: Mapping[str, Any] | None) -> bool:
    return warm_up is not None and warm_up["drift"] is not None and not warm_up["settled"]
