"""Command lines as forks of this process, which has imported what they need; what they say goes into files."""

import importlib
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

from benchmarks import compare
from zoo import __main__, commands
from zoo.commands import data_actions

MAINS = {"zoo": __main__.main, "benchmarks.compare": compare.main}
PAUSE = 0.005  # seconds between two looks at a process
STDOUT, STDERR = ".stdout", ".stderr"  # in the folder above the command's own
LAZY = (
    *("zoo.training", "zoo.deploy", "zoo.metrics.evaluate", "zoo.describing.diagram", "zoo.data.inspecting.sheet"),
    *(
        "zoo.data.making.compose",
        "zoo.data.making.packing",
        "zoo.data.inspecting.checking",
        "zoo.data.inspecting.stats",
    ),
    *(
        "benchmarks.run.leaderboard",
        "benchmarks.show.results",
        "benchmarks.plan.estimate",
        "rich.console",
        "rich.table",
    ),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended. code: None where it was killed because it took too long; -9 after a kill from outside."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float
    peak: int  # bytes resident


def warm() -> None:
    """Import what commands import when they run, once for all of them."""
    for package in (commands, data_actions):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    for name in LAZY:
        importlib.import_module(name)


def run(words: Sequence[str], folder: Path, limit: float) -> Ended:
    """Run `zoo ...` or `benchmarks.compare ...` in a folder."""
    begun = time.monotonic()
    pid = start(words, folder)
    code, used = wait(pid, limit)
    out, err = (folder.with_suffix(suffix).read_text(errors="replace") for suffix in (STDOUT, STDERR))
    return Ended(code, out, err, time.monotonic() - begun, used.ru_maxrss * 1024)


def start(words: Sequence[str], folder: Path) -> int:
    """Fork; the number of the process, which leads a group of its own."""
    pid = os.fork()
    if not pid:
        os.setsid()
        resource_tracker._resource_tracker = resource_tracker.ResourceTracker()  # the parent's is no child of this one
        forkserver.ForkServer.__init__(forkserver._forkserver)  # nor is its server of forks
        _become(words, folder)
    return pid


def wait(pid: int, limit: float) -> tuple[int | None, resource.struct_rusage]:
    """Its exit code, and what it used; what takes longer is killed, with all that it started."""
    late, deadline = False, time.monotonic() + limit
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            kill_group(pid)
            return None if late else os.waitstatus_to_exitcode(status), used
        if time.monotonic() > deadline:
            late = True
            kill_group(pid)
        time.sleep(PAUSE)


def kill_group(pid: int) -> None:
    """Kill it and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _become(words: Sequence[str], folder: Path) -> None:
    code = 1
    try:
        for number, suffix in ((1, STDOUT), (2, STDERR)):
            os.dup2(os.open(folder.with_suffix(suffix), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (
            os.fdopen(1, "w", closefd=False),
            os.fdopen(2, "w", closefd=False, errors="backslashreplace"),
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.chdir(folder)
        program, *arguments = words
        code = MAINS[program](arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
