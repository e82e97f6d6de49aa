"""How far the times can be trusted, laid out from the recorded controls: docs/timing.md, which `make readme` writes."""

from collections.abc import Sequence

from benchmarks.checks import control
from benchmarks.show.table import grid, milliseconds
from benchmarks.store.control import Control

TEXT = """# Can the times be trusted?

`make readme` writes this page from the records in `benchmarks/records/control`; no figure in a table is typed by hand.
To check your own machine, run `python -m benchmarks.checks control`, and again with `--load`.

Networks are called in shuffled rounds, so that a drift of the machine affects all of them; the first call of each
visit does not count. A median's 95 % interval comes from resampling whole rounds, and two networks tie if the
interval of their paired ratio holds 1. The harness itself takes at most 5 % of the time of the calls, plus 0.05 s;
a test checks that with calls of a millisecond.

The control enters one network twice, and once more with {slower:.0%} of its time added to each call. A timing that
can be trusted finds a tie between the twins, and finds the slowdown. The same network, built again, has another place
in memory, and is a little faster or slower as long as it exists: a difference between two networks that is no larger
than that means nothing, whatever its interval says. Under load another process keeps one core busy, and networks
that differed before must not change places.

The four networks of a run share its time. Runs of several lengths are shown because they tell how long it takes to
find so small a difference: a tie found in less time does not prove that two networks are equally fast.
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
