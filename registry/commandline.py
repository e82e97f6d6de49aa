"""What every command line of ours shares: one line for each error, exit codes, and how a size is typed.

It stands on the lowest floor because it loads nothing: `--help` and typing errors do not wait for torch.
"""

import math
import os
import sys
import traceback
import warnings
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn, TextIO

from registry.errors import ZooError
from registry.vocabulary import LARGEST, SMALLEST

WRONG, INTERRUPTED, CLOSED = 2, 130, 141  # exit codes; the last two as a shell has them for SIGINT and SIGPIPE


class UsageError(ZooError):
    """A command line with wrong arguments."""


class Parser(ArgumentParser):
    """Raises usage errors instead of printing them, so that `guarded` prints all errors alike."""

    stray = ""  # what to do with words that belong to no option, where there is something to say
    fill: "Callable[[Parser], None] | None" = None  # declares the arguments once the command was chosen

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument("--debug", action=_Debug, nargs=0, default=SUPPRESS, help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As its base, and an error here for what is left over: the command that got it is the one to ask for help."""
        if self.fill:
            fill, self.fill = self.fill, None
            fill(self)
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            hint = f"; {self.stray}" if self.stray and not rest[0].startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
        return known, rest


class _Debug(Action):
    """--debug, for the command that is running."""

    wanted = False

    def __call__(self, *_: Any) -> None:
        _Debug.wanted = True


def guarded(run: Callable[[], int | None]) -> int:
    """Run a command and return its exit code, 0 for None; errors that a user can fix are printed in a line or two."""
    _Debug.wanted = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            code = run()
        if sys.stdout is not None:  # closed from the start, as in `zoo list >&-`
            sys.stdout.flush()
        return code or 0
    except BrokenPipeError:  # the reader has seen enough, as in `zoo list | head`
        _drop_output()
        return CLOSED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ZooError, OSError) as error:
        if _Debug.wanted:
            traceback.print_exc()
        say(_line(error), file=sys.stderr)
        _drop_output()
        return WRONG


def say(text: object, file: TextIO | None = None) -> None:
    r"""Print text that may hold file names; control characters, which could steer a terminal, are shown as codes.

    >>> say("photo\x1b[2J.png")
    photo\x1b[2J.png
    """
    kept = (
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in str(text)
    )
    print("".join(kept), file=file)


def image_size(text: str, largest: int = LARGEST) -> tuple[int, int]:
    """Height and width of an image, as people type them.

    >>> image_size("224"), image_size("224x320")
    ((224, 224), (224, 320))
    """
    parts = text.lower().split("x")
    fits = len(parts) <= 2 and all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts)
    if not fits or not all(SMALLEST <= int(part) <= largest for part in parts):
        raise ArgumentTypeError(
            f"{text[:40]!r} is not a size; give pixels from {SMALLEST} to {largest}, as 224 or 224x320 (height x width)"
        )
    return int(parts[0]), int(parts[-1])


def path(text: str) -> Path:
    """The type of an option that is a file or a folder. An empty text, as from an unset variable, is an error.

    >>> path("runs/quick").name
    'quick'
    """
    if not text:
        raise ArgumentTypeError("the path is empty; is a shell variable unset?")
    return Path(text)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an option that is a whole number, as 1000, 1,000 or 1_000.

    >>> whole(1)("50,000")
    50000
    """
    span = f"{least} up" if most is None else f"{least} to {most}"

    def read(text: str) -> int:
        digits = text.replace("_", "").replace(",", "")
        is_number = digits.isascii() and digits.isdigit() and len(digits) < 16
        if not is_number or not least <= int(digits) <= (most or math.inf):
            raise ArgumentTypeError(f"{text[:40]!r} is not accepted; give a whole number from {span}")
        return int(digits)

    return read


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {message}", file=sys.stderr)


def _line(error: Exception) -> str:
    """The error in a line; a spec's caret keeps its place under the character it points at."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"error:\n{indent(text, '  ')}" if "\n" in text else f"error: {text}"


def _drop_output() -> None:
    """Discard what stdout could not take, because Python flushes it once more at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
