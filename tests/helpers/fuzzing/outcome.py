"""What became of a case."""

import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from shutil import rmtree

from fuzzing import limits
from fuzzing.case import Case
from registry import ZooError

ROOT = Path(__file__).parents[3]
LONGEST = 4000  # characters of a message, which a person is to read
WORKS, REFUSED = "works", "refused"

Run = Callable[..., None]  # (folder, *words)


class FaultError(Exception):
    """What a target itself finds wrong with what it was given back."""


@dataclass
class Tally:
    """How many cases ended how, and what was found: cause -> what the first case showed, and the case."""

    ended: Counter[str] = field(default_factory=Counter)
    found: dict[str, tuple[str, Case]] = field(default_factory=dict)
    slowest: float = 0.0  # seconds of the processor
    peak: int = 0  # bytes resident

    @property
    def cases(self) -> int:
        return self.ended.total()


_numbers = count()


def outcome(run: Run, case: Case, base: Path) -> str:
    """WORKS, REFUSED, or what is wrong, as one line that is the same for the same cause."""
    folder = base / str(next(_numbers))  # never one twice: what is kept in memory goes by path
    case.lay_out(folder)
    limits.forget_peak()
    try:
        ended = _ended(run, folder, case.words)
        if ended in (WORKS, REFUSED) and limits.peak() > limits.MEMORY:
            return f"memory: {limits.peak() >> 20} MB resident"
        left = limits.drafts(folder, {*case.files})
        return f"left behind: {left[0]}" if ended in (WORKS, REFUSED) and left else ended
    finally:
        rmtree(folder, ignore_errors=True)


def _ended(run: Run, folder: Path, words: tuple[str, ...]) -> str:
    try:
        with limits.guarded_memory(), limits.seconds(limits.allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(folder, *words)
    except (ZooError, OSError) as error:
        return f"a long message: {len(str(error))} characters" if len(str(error)) > LONGEST else REFUSED
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _signature(error)
    return WORKS


def _signature(error: BaseException) -> str:
    """Its type, where in our code it was raised, and the start of its message."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(ROOT))]
    ours = [frame for frame in frames if "/tests/" not in frame.filename] or frames
    where = f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].name}" if ours else "nowhere of ours"
    return f"{type(error).__name__} in {where}: {str(error)[:100]!r}"


def cause(told: str) -> str:
    """The part of a signature that is the same for the same cause: without its message."""
    return told.partition(": ")[0]
