"""Atomic writes: a file is written beside its place and moved there, so that a failure leaves nothing behind."""

import contextlib
import errno
import json
import os
import stat
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
    target = _target(path)
    draft = target.with_name(_draft_name(target.name))
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


def write_bytes(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Replace a file's content, whole or not at all.

    lasting: on the disk when this returns; else it may be empty after a power cut, and very many are written sooner.
    """
    target = _target(path)
    draft = os.path.join(os.path.dirname(target), _draft_name(target.name))
    try:
        with open(draft, "xb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def _target(path: Path) -> Path:
    """What is to be replaced: a link keeps pointing where it pointed, and devices, pipes and folders stay."""
    target = path
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = Path(os.path.realpath(path))
            mode = os.lstat(target).st_mode
    except OSError:
        return target  # there is nothing, or nothing to be seen, which writing will say
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return target


def _draft_name(name: str) -> str:
    return f".{name[:LONGEST]}.{token_hex(4)}.part"


def from_json(text: str | bytes) -> Any:
    """Parse JSON; a ValueError if the text is not JSON, or is nested too deeply."""
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
    """Remove half-written files that a killed process left."""
    for draft in folder.glob(drafts):
        draft.unlink(missing_ok=True)
