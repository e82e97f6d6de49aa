"""What the benchmark commands share: exit codes, argument types and progress. It imports nothing that is slow."""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from registry import ZooError

INTERRUPTED = 130  # the shell's 128 + SIGINT
PAUSE = 10.0  # seconds between two lines of progress where there is no terminal

Tick = Callable[[str, float, float], None]  # what is being done, how much of it is done, how much there is


def guarded(run: Callable[[], int]) -> int:
    """The exit code of a command: its own, 2 after an error that is told in a line or two, 130 after Ctrl-C."""
    try:
        return run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except (ZooError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def size(text: str) -> tuple[int, int]:
    """Height and width.

    >>> size("224"), size("224x320")
    ((224, 224), (224, 320))
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) >= 8 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give 224, or height x width as 224x320, from 8 up")
    return int(sides[0]), int(sides[-1])


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted; give a number above 0")
    return value


def at_least(least: int) -> Callable[[str], int]:
    """A whole number from `least` up."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not accepted; give a whole number from {least} up")
        return int(text)

    return whole


@contextmanager
def progress() -> Iterator[Tick]:
    """A function that shows how far things are: a bar on a terminal, a line now and then elsewhere; on stderr."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines()
        return
    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("")
        yield lambda label, done, total: bars.update(bar, description=escape(label), completed=done, total=total)


def lines() -> Tick:
    """Progress as plain lines: one for each kind of work, then one every ten seconds."""
    last: tuple[str, float] = "", -math.inf

    def tick(label: str, done: float, total: float) -> None:
        nonlocal last
        kind, now = label.partition(" ")[0], time.monotonic()
        if kind != last[0] or now - last[1] >= PAUSE:
            last = kind, now
            print(f"[{done / max(total, 1e-9):4.0%}] {label}", file=sys.stderr, flush=True)

    return tick
