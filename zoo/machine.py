"""The machine that a measurement was made on, as every record holds it."""

import ctypes
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from registry import OptionError, ZooError, require

HERE = Path(__file__).resolve()
NO_MEMORY = (  # what the CPU's allocator says, and libraries that torch does not speak for
    "not enough memory",
    "allocate memory",
    "bad allocation",
    "std::bad_alloc",
    "CUDA error: out of memory",  # of pinning, and of a context on a device that others have filled
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)

CPUINFO = Path("/proc/cpuinfo")
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGEST_KEPT, MOST_KEPT = 1 << 25, 1 << 30  # bytes of one block, the most that glibc takes; and of all


def describe(device: torch.device) -> dict[str, Any]:
    """The facts that decide a speed, and the commit that was measured."""
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **commit(),
    }
    if device.type == "cuda":
        facts |= {
            "driver": output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").partition("\n")[0],
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "memory_bytes": torch.cuda.get_device_properties(device).total_memory,
        }
    return facts


def choose(device: str | torch.device, *, mps: bool = False) -> torch.device:
    """The device to use: `auto` is CUDA if there is one. With mps, Apple's GPU comes next; nothing is timed or
    trained there."""
    device = str(device)
    number = device.removeprefix("cuda:")
    is_numbered = number != device and number.isascii() and number.isdigit()
    names = ("auto", "cpu", "cuda", *["mps"] * mps)
    require(device in names or is_numbered, "device", device, f"{', '.join(names)} or cuda:N")
    if device == "mps" and not torch.backends.mps.is_available():
        raise OptionError("device mps: torch does not find it on this machine; use cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise OptionError(f"device {device}: torch finds no CUDA device on this machine; use cpu")
    if is_numbered and int(number) >= torch.cuda.device_count():
        raise OptionError(f"device {device}: there are {torch.cuda.device_count()} of them here, counted from 0")
    if device == "auto":
        has_mps = mps and torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    return torch.device(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, and nothing else."""
    is_said = isinstance(error, RuntimeError) and any(said in str(error) for said in NO_MEMORY)
    return is_said or isinstance(error, torch.OutOfMemoryError | MemoryError)


@contextmanager
def memory_or(refusal: Callable[[], ZooError]) -> Iterator[None]:
    """Turn an out-of-memory error into one that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise refusal() from None


@contextmanager
def weightless() -> Iterator[None]:
    """Build modules on the meta device: they have shapes but no values, and take no memory."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that drawing weights does nothing there
        yield


def at_hand() -> int | None:
    """Bytes of memory that a process can still take, within its container's limit; None if the system does not tell.

    In a container what its control group leaves, where that is less.
    """
    try:
        room = _kibibytes(Path("/proc/meminfo"), "MemAvailable")
    except (OSError, StopIteration):
        return None
    with suppress(OSError, ValueError):  # no limit is the word max
        group = Path("/sys/fs/cgroup")
        room = min(room, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(room, 0)


def status(name: str) -> int:
    """A line of this process's status on Linux, such as VmRSS, in bytes."""
    return _kibibytes(Path("/proc/self/status"), name)


def _kibibytes(path: Path, name: str) -> int:
    return 1024 * next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(f"{name}:"))


def load() -> float | None:
    """The average number of processes that wanted a core over the last minute; None if the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def headline(facts: dict[str, Any]) -> str:
    """The machine in one line, for the foot of a table, whatever facts are missing.

    >>> headline({"device": "cpu", "device_name": "EPYC", "threads": 2, "torch": "2.15.0"}), headline({})
    ('EPYC, 2 threads, torch 2.15.0', 'unknown machine')
    """
    threads, version = facts.get("threads"), facts.get("torch")
    parts = (
        facts.get("device_name") or facts.get("cpu") or "unknown machine",
        f"{threads} thread{'s' * (threads > 1)}" if threads and facts.get("device") == "cpu" else "",
        f"torch {version}" if version else "",
    )
    return ", ".join(filter(None, parts))


def cpu_field(name: str, path: Path = CPUINFO) -> str:
    """What Linux tells of the first processor under a name; empty where it tells nothing."""
    with suppress(OSError, StopIteration):
        lines = path.read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return ""


def cpu_name() -> str:
    """The processor's name."""
    if told := cpu_field("model name"):
        return told
    apple = output("sysctl", "-n", "machdep.cpu.brand_string") if sys.platform == "darwin" else ""
    return apple or platform.processor() or platform.machine()


def commit() -> dict[str, Any]:
    """The commit this file belongs to and whether tracked files differ from it; None outside a checkout of ours."""
    folder = str(HERE.parent)
    if not output("git", "-C", folder, "ls-files", HERE.name):  # installed, or inside somebody else's checkout
        return {"commit": None, "dirty": None}
    return {
        "commit": output("git", "-C", folder, "rev-parse", "HEAD"),
        "dirty": bool(output("git", "-C", folder, "status", "--porcelain", "--untracked-files=no")),
    }


def output(*command: str) -> str:
    """What a command prints; empty if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Use this many torch threads on the CPU within the block; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Have glibc keep what this process frees, and say whether it does; other C libraries are left as they are.

    A worker's tensors of a few MB come and go hundreds of times a second. By default each goes back to the system, and
    getting its pages again took a quarter of the time of rendering. For a process of ours, not for that of a user.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(TRIM_THRESHOLD, MOST_KEPT))


def give_back() -> None:
    """Let the system have what is free in this process; glibc alone keeps it, and alone can be asked."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
