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
    """An error that the caller can fix; the message says what arrived, what is accepted and what to do.

    >>> try:
    ...     require(False, "depth", 9, "3 or 4")
    ... except ZooError as error:
    ...     print(error)
    depth=9 is not accepted; depth takes 3 or 4
    """


class SpecError(ZooError, ValueError):
    """A text that is not a spec."""


class OptionError(ZooError, ValueError):
    """An option that does not exist, or a value it does not take."""


class UnknownNameError(ZooError, LookupError):
    """A name that no catalog entry has."""


class DuplicateNameError(ZooError, ValueError):
    """One name claimed by two entries."""


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known names, or lists all of them if none is near.

    wrong: what was typed. known: what there is.

    >>> nearest("unett", ["unet", "fpn"]), nearest("x", ["unet", "fpn"])
    ('did you mean unet?', 'known: fpn, unet')
    """
    names, low = sorted(known), wrong.lower()
    spelled = {name.lower(): name for name in names}
    close = [spelled[name] for name in get_close_matches(low, spelled, n=3, cutoff=0.55)]
    close += [name for name in names if name not in close and low and low in name.lower()][: 3 - len(close)]
    if close:
        return f"did you mean {either(close)}?"
    rest = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"known: {', '.join(names[:MOST]) or 'none'}{rest}"


def either(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`.

    words: one or more.

    >>> either(["mask"]), either(["fp32", "bf16", "fp16"])
    ('mask', 'fp32, bf16 or fp16')
    """
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def first_line(error: BaseException, longest: int = 120) -> str:
    """The first line of an error, shortened; the error's type if it has no text.

    error: any. longest: characters that are kept.

    >>> first_line(ValueError("no such file\\nsearched here")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
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
    """Raise OptionError unless a value is one that its option takes.

    holds: whether it is. option, value, accepted: its name, what arrived and what it takes, for the message.

    >>> require(3 > 0, "depth", 3, "a number above 0")
    """
    if not holds:
        raise OptionError(f"{option}={shown(value)} is not accepted; {option} takes {accepted}")


def require_each(option: str, value: Any, words: Iterable[Any], known: Iterable[str]) -> None:
    """Raise OptionError for the first unknown word of a value, with the nearest known one.

    option, value: its name, and what arrived, for the message. words: those in it. known: what they may be.

    >>> require_each("tasks", "mask", ["mask"], ["mask", "depth"])
    """
    for word in words:
        if word not in known:
            raise OptionError(f"{option}={shown(value)} is not accepted; {nearest(str(word), known)}")


def require_count(option: str, value: Any, least: int = 1) -> None:
    """Raise OptionError unless it is a whole number from the least one up.

    option, value: its name, and what arrived. least: the smallest that is accepted.

    >>> require_count("batch", 16)
    """
    require(is_count(value, least), option, value, f"a whole number from {least} up")


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number from 1, or another least one, up.

    value: anything. least: the smallest that counts.

    >>> is_count(3), is_count(True), is_count(0, least=0)
    (True, False, True)
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def listed(names: Sequence[str], shown: int = 3, separator: str = "; ") -> str:
    """The first few names, and how many more.

    names: all of them. shown: how many are named. separator: what stands between.

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
