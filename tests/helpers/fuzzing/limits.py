"""What a case may take: seconds, memory, and no draft left behind."""

import contextlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from PIL import Image
from safetensors import SafetensorError, safe_open

SECONDS = 10.0  # on a machine that does nothing else
MEMORY = 2 << 30  # bytes resident
GUARD = 6 << 30  # bytes of data that the system gives at all, so that a finding does not take the machine along
SUFFIXES = (".part", ".tmp", ".probe")  # of drafts


class TooLongError(BaseException):
    """A case that took longer than it may; no code catches it by chance."""


def allowed() -> float:
    """Seconds that a case may take now: more where others keep the machine busy."""
    return SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@contextlib.contextmanager
def seconds(limit: float) -> Iterator[None]:
    """Stop what takes longer."""

    def stop(*_: int | FrameType | None) -> None:
        raise TooLongError(f"more than {limit:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def guarded_memory() -> Iterator[None]:
    """A ceiling for this process, its own data aside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (GUARD, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def forget_peak() -> None:
    """Let the peak of resident memory start at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Bytes, since `forget_peak`."""
    return _status("VmHWM")


def resident() -> int:
    return _status("VmRSS")


def drafts(folder: Path, given: set[str]) -> list[str]:
    """Files that were not given and look half written."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name not in given and name.endswith(SUFFIXES))


def halves(folder: Path, given: set[str]) -> list[str]:
    """Files that were not given and cannot be read to their end."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.name for path in files if path.relative_to(folder).as_posix() not in given and not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                assert file.keys()
    except (OSError, ValueError, SyntaxError, SafetensorError):
        return False
    return True


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system tells no {field}; the campaign runs on Linux")
