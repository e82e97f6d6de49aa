"""Every error a user can cause derives from one class, so that a command line can show it as one line."""

import os
import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

MOST = 40  # names in one message
HOME = Path(__file__).resolve().parent.parent
OURS = tuple(f"{HOME / name}{os.sep}" for name in ("registry", "zoo", "benchmarks"))
PYTHON = f"{os.path.dirname(os.__file__)}{os.sep}"  # and its own library
LONGEST = 200  # characters of a value in one


class ZooError(Exception):
    """An error that the caller can fix; the message says what arrived, what is accepted and what to do."""


class SpecError(ZooError, ValueError):
    """A text that is not a spec."""


class OptionError(ZooError, ValueError):
    """An option that does not exist, or a value it does not take."""


class UnknownNameError(ZooError, LookupError):
    """A name that no catalog entry has."""


class DuplicateNameError(ZooError, ValueError):
    """One name claimed by two entries."""


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known names, or lists all of them if none is near."""
    names, low = sorted(known), wrong.lower()
    spelled = {name.lower(): name for name in names}
    close = [spelled[name] for name in get_close_matches(low, spelled, n=3, cutoff=0.55)]
    close += [name for name in names if name not in close and low and low in name.lower()][: 3 - len(close)]
    if close:
        return f"did you mean {either(close)}?"
    rest = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"known: {', '.join(names[:MOST]) or 'none'}{rest}"


def either(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def first_line(error: BaseException, longest: int = 120) -> str:
    """The first line of an error, shortened; the error's type if it has no text."""
    return str(error).strip().partition("\n")[0][:longest] or type(error).__name__


def shown(value: Any) -> str:
    """A value as Python writes it, shortened where it is long.

    >>> shown("a"), len(shown("a" * 1000))
    ("'a'", 201)
    """
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def require(holds: bool, option: str, value: Any, accepted: str) -> None:
    """Raise OptionError unless a value is one that its option takes."""
    if not holds:
        raise OptionError(f"{option}={shown(value)} is not accepted; {option} takes {accepted}")


def require_each(option: str, value: Any, words: Iterable[Any], known: Iterable[str]) -> None:
    """Raise OptionError for the first unknown word of a value, with the nearest known one."""
    for word in words:
        if word not in known:
            raise OptionError(f"{option}={shown(value)} is not accepted; {nearest(str(word), known)}")


def require_count(option: str, value: Any, least: int = 1) -> None:
    """Raise OptionError unless it is a whole number from the least one up."""
    require(is_count(value, least), option, value, f"a whole number from {least} up")


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number from 1, or another least one, up."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def listed(names: Sequence[str], shown: int = 3, separator: str = "; ") -> str:
    """The first few, and how many more.

    >>> listed(["a", "b", "c"], shown=2), listed(["a"])
    ('a; b; and 1 more', 'a')
    """
    more = len(names) - shown
    return separator.join([*names[:shown], *[f"and {more} more"] * (more > 0)])


def raised(error: BaseException, longest: int = 120) -> str:
    """An error of the user's own code in one line: its type, its place and its first line.

    >>> raised(ValueError("no"))
    'ValueError: no'
    """
    return f"{type(error).__name__}{place_of(error)}: {first_line(error, longest)}"


def place_of(error: BaseException) -> str:
    """The last line of the user's own code that an error passed, as ` (my_net.py, line 12)`; empty if there is
    none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith((*OURS, PYTHON, "<")) and "site-packages" not in f.filename]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
