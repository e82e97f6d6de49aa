"""Every error a user can cause derives from one class, so that a command line can show it as one line."""

from collections.abc import Iterable
from difflib import get_close_matches


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
    names = sorted(known)
    close = get_close_matches(wrong.lower(), names, n=3, cutoff=0.55)
    close += [name for name in names if name not in close and wrong and wrong.lower() in name][: 3 - len(close)]
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names) or 'none'}"
