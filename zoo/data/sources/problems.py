"""The samples that could not be read, noted by every process that met one, so that they can be named at the end."""

import json
import os
import tempfile
import weakref
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

from registry import listed

SEPARATOR = "\n  "


class Problems:
    """Name -> reason, shared by the processes of one machine that hold a copy of this object.

    A note is a line of a file in the temporary folder; the process that made the object removes it at its end.
    """

    def __init__(self) -> None:
        self._path = str(Path(tempfile.gettempdir()) / f"pairzoo-problems-{os.getpid()}-{token_hex(8)}.jsonl")
        self._own: dict[str, str] = {}  # of this process; also what is known where the folder cannot be written
        weakref.finalize(self, _remove, self._path, os.getpid())

    def add(self, name: str, reason: str) -> None:
        if name in self._own:
            return
        self._own[name] = reason
        line = json.dumps([name, reason]).encode() + b"\n"
        opener = partial(os.open, mode=0o600)
        with suppress(OSError), open(self._path, "ab", buffering=0, opener=opener) as file:
            file.write(line)  # one write, so that lines of two processes do not mix

    def known(self, name: str) -> str | None:
        """The reason, where this process has met it; a look at no file."""
        return self._own.get(name)

    def all(self) -> dict[str, str]:
        try:
            lines = Path(self._path).read_text().splitlines()
        except OSError:
            return dict(self._own)
        return self._own | dict(json.loads(line) for line in lines if line.endswith("]"))


def summary(problems: dict[str, str], total: int) -> str:
    """What was left out, in a few lines; empty where nothing was.

    >>> print(summary({"a.jpg": "the file is empty"}, 500))
    1 of 500 samples could not be used:
      a.jpg: the file is empty
    """
    if not problems:
        return ""
    lines = [f"{name}: {reason}" for name, reason in problems.items()]
    return f"{len(problems)} of {total} samples could not be used:\n  {listed(lines, separator=SEPARATOR)}"


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:
        Path(path).unlink(missing_ok=True)
