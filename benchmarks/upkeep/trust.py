"""How far the times can be trusted, laid out from the recorded controls: docs/timing.md, which `make readme` writes."""

from collections.abc import Sequence

from benchmarks.checks import control
from benchmarks.show.table import grid, milliseconds
from benchmarks.store.control import Control

TEXT = """# Can the times be trusted?

Laid out by `make readme` from the records in `benchmarks/records/control`; no figure in a table is typed. The
question answered for your own machine: `python -m benchmarks.checks control`, and with `--load`.

Networks are called in shuffled rounds, so that a machine that drifts drifts for all; the first call of a visit
does not count. A median's 95 % interval comes from drawing whole rounds again, and two networks tie where the
interval of their paired ratio holds 1. What the harness does beside the calls takes at most 5 % of their time
and 0.05 s; a test holds it to that with calls of a millisecond.

The control enters one network twice, and once more with {slower:.0%} of its time added to each call. A timing that
can be trusted says of the twins that they tie, and finds the slowdown. The same network built anew lies elsewhere
in memory, and is a little faster or slower for as long as it lives: a difference between two networks that is
no larger than that is neither's merit, whatever its interval says. Under load one core is kept busy by another
process, and networks that were apart before must not change places.

A run's seconds are shared by its four networks. Runs of several lengths are here, as they came out, because they say
how long a difference so small must be looked for: a tie found in less time is no proof that two networks are as fast.
{controls}"""


def page(records: Sequence[Control]) -> str:
    """The text; empty where nothing is recorded."""
    if not records:
        return ""
    return TEXT.format(slower=control.SLOWER, controls="".join(map(_section, records)))


def _section(record: Control) -> str:
    loaded, seconds = record.cell.loaded, record.cell.seconds
    title = f"{'One core kept busy' if loaded else 'In calm'}, {seconds:g} s a run"
    parts = [f"\n## {title}", control.note(record), grid(control.HEAD, control.lines(record))]
    if record.order:
        by_time = sorted(record.order.ms.items(), key=lambda pair: float(pair[1][0]))
        body = [[f"`{name}`", *map(milliseconds, times)] for name, times in by_time]
        parts.append(grid(["network", "ms in calm", "ms under load"], body))
    return "\n\n".join(parts) + "\n"
