"""A folder that only one process may work in at a time."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from registry import ZooError

LOCK = ".in-use.lock"


_held: set[int] = set()  # open lock files of this process


def _let_go() -> None:
    """A child, as a worker that makes data, holds nothing: it may outlive this process by some seconds."""
    for file in _held:
        os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


class LockedError(ZooError):
    """A folder that another process is using."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; it is made if it is not there, and goes again if it stays empty.

    The system lets go of the lock when the process ends, however it ends, so none is ever stale.
    """
    is_new = not folder.exists()
    while (file := _lock(folder / LOCK)) is None:
        pass  # whoever held it has just taken the file away
    _held.add(file)
    try:
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {os.uname().nodename}".encode())
        yield
    finally:
        if file in _held:  # a forked child that comes here holds nothing
            (folder / LOCK).unlink(missing_ok=True)
            _held.remove(file)
            os.close(file)
            if is_new:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _lock(path: Path) -> int | None:
    """An open, locked file; None if it is no longer the one that the path names."""
    import fcntl  # here, so that a system without it can import the package

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except FileNotFoundError:  # whoever made the folder has just taken it away
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(file).st_ino:
            return file
    except FileNotFoundError:
        pass
    except BlockingIOError:
        holder = os.read(file, 100).decode(errors="replace") or "just starting"
        os.close(file)
        raise LockedError(
            f"{path.parent} is in use by another process ({holder}); wait for it, or give another --out"
        ) from None
    os.close(file)
    return None
