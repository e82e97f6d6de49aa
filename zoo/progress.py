"""Progress of long work: a bar on a terminal, lines elsewhere; on stderr, so that output stays clean."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAUSE = 10.0  # seconds between two lines where there is no terminal
MEMORY = 30.0  # seconds after which what was done counts a third in a rate
YEAR = 365 * 24 * 3600  # seconds

Tick = Callable[[str, float, float], None]  # what is being done, how much of it is done, how much there is


@contextmanager
def progress() -> Iterator[Tick]:
    """A function that shows how far things are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        tick = Lines()
        try:
            yield tick
        finally:
            tick.end()
        return
    with Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn(), console=console, transient=True
    ) as bars:
        bar = bars.add_task("")
        yield lambda label, done, total: bars.update(bar, description=escape(label), completed=done, total=total)


class Lines:
    """Progress as lines: one for each kind of work, then one every ten seconds, and a last one."""

    def __init__(self) -> None:
        self.kind, self.told, self.waiting = "", -math.inf, ""

    def __call__(self, label: str, done: float, total: float) -> None:
        kind, now = label.partition(" ")[0], time.monotonic()
        self.waiting = f"[{done / max(total, 1e-9):4.0%}] {label}"
        if kind != self.kind or now - self.told >= PAUSE:
            self.kind, self.told = kind, now
            self.end()

    def end(self) -> None:
        """Say what has not been said yet."""
        if self.waiting:
            print(self.waiting, file=sys.stderr, flush=True)
        self.waiting = ""


class Pace:
    """The rate of work: a moving average, because a busy machine is fast and slow by turns.

    >>> pace = Pace()
    >>> [round(pace.add(10, seconds)) for seconds in (1.0, 1.0, 4.0, 1.0)]
    [10, 10, 5, 6]
    """

    def __init__(self) -> None:
        self.amount = self.seconds = 0.0  # of late: what is older counts less
        self.done, self.now = 0.0, time.monotonic()

    def add(self, amount: float, seconds: float) -> float:
        """The rate after so much more in so many seconds."""
        kept = math.exp(-seconds / MEMORY)
        self.amount, self.seconds = self.amount * kept + amount, self.seconds * kept + seconds
        return self.amount / max(self.seconds, 1e-9)

    def at(self, done: float) -> float:
        """The rate now that so much is done in all."""
        before, self.done = self.done, done
        then, self.now = self.now, time.monotonic()
        return self.add(self.done - before, self.now - then)


def duration(seconds: float) -> str:
    """
    >>> duration(42.4), duration(600), duration(9000), duration(10**8)
    ('42 s', '10 min', '2.5 h', '3 years')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds >= YEAR:
        return f"{seconds / YEAR:.0f} years"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
