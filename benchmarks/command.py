"""What the benchmark commands share: exit codes and argument types. It imports nothing that is slow."""

import argparse
import math
import sys
from collections.abc import Callable

from registry import ZooError

INTERRUPTED = 130  # the shell's 128 + SIGINT


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
