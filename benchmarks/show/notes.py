"""The notes below a table of times: what it was measured on, how to read it, how certain it is, what failed."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.show.speeds import LATENCY, Row, Setting
from benchmarks.store.record import Record
from benchmarks.timing.clocks import slowed

CALLS = 20  # from which the 5th and the 95th percentile are not just the least and the longest
BUSY = 1.25  # load per core above which others were at work too


def notes(records: Sequence[Record], setting: Setting, chosen: Sequence[Row]) -> list[str]:
    """What the table was measured on, how to read it, and what failed."""
    timed = [record for row in chosen for record in row.timed]
    machine = [*timed, *records][0].machine  # of counts alone any
    load = max((record.load or 0 for record in timed), default=0)
    is_busy = machine.cores and load > BUSY * machine.cores
    lines = [
        f"{machine.headline}. Latency: batch 1, median (5th to 95th percentile); lower is better. GFLOPs: twice the"
        " multiply-adds of convolutions, matrix products and attention; the CSV names what is not counted.",
        *_columns(setting, chosen),
        *_sureness(chosen),
        f"The machine was busy: load {load:.1f} on {machine.cores} cores. Measure again when it is idle."
        * bool(is_busy),
        slowed([dict(record.clocks) for record in timed]),
        *(f"{row.network.name}: {problem}" for row in chosen for problem in row.problems),
    ]
    return [line for line in lines if line]


def _columns(setting: Setting, chosen: Sequence[Row]) -> list[str]:
    """How to read signs and columns that only some tables have."""
    weighed = [row.memory for row in chosen if row.memory]
    others = dict.fromkeys(record.timed.engine for record in weighed if record.timed.engine != setting.engine)
    engine = f", engine {' or '.join(others)}" if others else ""
    latencies = [record for row in chosen for record in row.latency.values()]
    lines = [
        (
            any(row.fastest for row in chosen),
            "* the faster layout: the 95 % interval of the paired ratio does not hold 1. No star: a tie, or layouts"
            " timed in separate runs.",
        ),
        (
            any(row.ties for row in chosen),
            "= a tie with the network above: the 95 % interval of their paired ratio holds 1 (for separate runs: their"
            " intervals overlap).",
        ),
        (
            any(record.status == "interrupted" for record in latencies),
            "~ stopped early: from fewer rounds than planned.",
        ),
        (
            any(row.throughput for row in chosen),
            "images/s: pipelined. Do not compare across batches; a batch in brackets is not the one asked for.",
        ),
        (
            any(row.fact("matmul_share") is not None for row in chosen),
            "% peaks: arithmetic against the best matrix product on this machine (above 100 where a convolution needs"
            " fewer operations, as Winograd's does), and memory traffic of one operator after another against the"
            " fastest copy.",
        ),
        (
            bool(weighed),
            f"MB: peak memory above the start of a fresh process, batch 1{engine}: one inference, one training step.",
        ),
    ]
    return [line for is_needed, line in lines if is_needed]


def _sureness(chosen: Sequence[Row]) -> Iterator[str]:
    """How well the medians are known, and which timings are doubtful."""
    timed = {row.network.name: row.better for row in chosen if row.better is not None}
    known = {row.network.name: row.figure(LATENCY) for row in chosen}
    half = {name: (one.interval[1] - one.interval[0]) / 2 / one.value for name, one in known.items() if one.interval}
    if half:
        worst = max(half, key=lambda name: half[name])
        middle = float(np.median([*half.values()]))
        yield (
            f"Half of the medians are known to within {100 * middle:.1f} % (95 % intervals); the least certain, of"
            f" {worst}, to within {100 * half[worst]:.1f} %."
        )
    if few := [name for name, record in timed.items() if np.size(record.raw.rounds_ms or ()) < CALLS]:
        yield f"Timed with fewer than {CALLS} calls, so percentiles say little: {', '.join(few)}."
    warm_ups = {name: record.raw.warm_up for name, record in timed.items()}
    if restless := [name for name, warm in warm_ups.items() if warm and warm.drift is not None and not warm.settled]:
        yield f"Still drifting after the warm-up: {', '.join(restless)}."
