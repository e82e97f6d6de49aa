"""Every error a user can cause derives from one class, so that a command line can show it as one line."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 40  # names in one message


class ZooError(Exception):
    """Something the caller can put right; the message says what arrived, what is accepted and what to do."""


class SpecError(ZooError, ValueError):
    """A text that is not a spec."""


class OptionError(ZooError, ValueError):
    """An option that does not exist, or a value it does not take."""


class UnknownNameError(ZooError, LookupError):
    """A name that no catalog entry has."""


class DuplicateNameError(ZooError, ValueError):
    """One name claimed by two entries."""


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A half sentence with the nearest of the known names, or with all of them where none is near."""
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
