"""Writing files so that a failure leaves nothing behind: beside their place, then moved there."""

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

LONGEST = 100  # letters of a file's name in that of its draft


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new empty file beside `path`, to be filled; at the end it takes the place of `path`, at any failure it goes.

    What stood there before is there until then. An OSError names `path`, not its neighbour.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe must not become a file, nor a folder
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    target = Path(os.path.realpath(path))  # a link keeps pointing where it pointed
    draft = target.with_name(f".{target.name[:LONGEST]}.{token_hex(4)}.part")
    try:
        draft.touch(exist_ok=False)
        mode = draft.stat().st_mode  # what this user's new files get; some libraries make theirs private
        yield draft
        draft.chmod(mode)
        with open(draft, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text, whole or not at all; a name that is no UTF-8 stands in it with codes, as JSON has them."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file's content, whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(data)


def from_json(text: str | bytes) -> Any:
    """What the text holds; a ValueError where it is none, or nested deeper than Python reads."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sweep_of(paths: Iterable[Path]) -> None:
    """Remove what a killed process left half written of these files; other files may be being written beside them."""
    drafts: dict[Path, set[str]] = {}
    for path in paths:
        drafts.setdefault(path.parent, set()).add(f".{path.name[:LONGEST]}")
    for folder, names in drafts.items():
        for draft in folder.glob(".*.part"):
            if draft.name.rsplit(".", 2)[0] in names:
                draft.unlink(missing_ok=True)


def sweep(folder: Path, drafts: str = ".*.part") -> None:
    """Remove what a killed process left half written."""
    for draft in folder.glob(drafts):
        draft.unlink(missing_ok=True)
