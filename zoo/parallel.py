"""One function over many items, in several processes.

>>> def double(item): return 2 * item
>>> sorted(run(double, [1, 2, 3], workers=1))
[(1, 2), (2, 4), (3, 6)]
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from registry import OptionError, ZooError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items handed out per worker: one in work, one waiting, so that a worker never waits for the parent
GRACE = 5.0  # seconds that a worker has to clean up before it is killed
CHECK = 0.5  # seconds between two looks at whether a worker is still wanted
IDLE = -1


class WorkerDiedError(ZooError):
    """A worker process ended without an answer."""


def run(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None
) -> Iterator[tuple[Item, Result]]:
    """Pairs of an item and its result, in the order in which they are finished.

    function: of a module's top level, or a `functools.partial` of one; it is sent to each worker once. In a script the
        call belongs under `if __name__ == "__main__":`, because every worker imports the script.
    items: drawn as they are needed, so there may be millions; few are in work at a time.
    workers: processes; 0 or 1 work in this one, None is one per core.

    What the function raises arrives here, with the item as `error.item`, and ends the others; so do Ctrl-C, and leaving
    the loop early. A worker sees SIGTERM as SystemExit, and gets it too when this process dies.
    """
    count = cores() if workers is None else workers
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise OptionError(f"workers={workers!r} is not accepted; workers takes 0, 1, or how many processes to use")
    return _inline(function, items) if count <= 1 else _processes(function, items, count)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _inline(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    for item in items:
        try:
            result = function(item)
        except Exception as error:
            _name(error, item)
            raise
        yield item, result


def _processes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    try:
        pickle.dumps(function)
    except Exception as error:  # pickle raises whatever it likes
        raise OptionError(
            f"{function!r} cannot be sent to another process ({error}); give a function of a module's top level, or"
            " workers=1"
        ) from None
    context = get_context("spawn")  # a fork of a process whose torch has started threads may hang
    marks = context.Array("q", [IDLE, 0] * workers)  # per worker: the number of its item, and its process id
    others = set(active_children())
    processes: set[BaseProcess] = set()
    numbered = enumerate(items)
    waiting: dict[Future[Result], tuple[int, Item]] = {}
    pool = ProcessPoolExecutor(workers, context, _start, (function, marks))
    try:
        while True:
            for number, item in islice(numbered, AHEAD * workers - len(waiting)):
                waiting[pool.submit(_call, number, item)] = number, item
                if len(processes) < workers:  # they are started one by one, as items come
                    processes |= set(active_children()) - others
            if not waiting:
                pool.shutdown(wait=True)
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                _, item = waiting[future]
                try:
                    result = future.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:  # its cause is the worker's traceback
                    _name(error, item)
                    raise
                del waiting[future]
                yield item, result
    except BrokenProcessPool:
        pool.shutdown(wait=True)  # so that every exit code is known
        raise _death(processes, marks[:], dict(waiting.values())) from None
    finally:
        _stop(pool, processes)


def _name(error: Exception, item: Any) -> None:
    error.item = item  # type: ignore[attr-defined]
    error.add_note(f"while working on {item!r}")


def _death(processes: set[BaseProcess], marks: list[int], items: dict[int, Any]) -> WorkerDiedError:
    """Who died, and over what. The pool ends the others by SIGTERM, or they end themselves, as 0."""
    dead = {process.pid: process.exitcode for process in processes if process.exitcode not in (0, -signal.SIGTERM)}
    busy = {pid: items[number] for number, pid in zip(marks[::2], marks[1::2], strict=True) if number in items}
    suspects = [item for pid, item in busy.items() if pid in dead] or list(busy.values())
    codes = ", ".join(sorted({_exit(code) for code in dead.values() if code is not None})) or "no exit code"
    over = f"while working on {' or '.join(map(repr, suspects))}" if suspects else "with no item in work"
    hint = "; memory may have run out, try fewer workers" if -signal.SIGKILL in dead.values() else ""
    return WorkerDiedError(f"a worker process died ({codes}) {over}{hint}")


def _exit(code: int) -> str:
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"


def _stop(pool: ProcessPoolExecutor, processes: set[BaseProcess]) -> None:
    """End what still runs: ask, wait a little, kill."""
    pool.shutdown(wait=False, cancel_futures=True)
    until = time.monotonic() + GRACE
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
    pool.shutdown(wait=True)


# What follows runs in the workers.


class _Worker:
    """The state of a worker process: its function, and whether it is in an item or should end."""

    def __init__(self, function: Callable[[Any], Any], marks: Any, slot: int):
        self.function, self.marks, self.slot = function, marks, slot
        self.busy = self.ending = False

    def call(self, number: int, item: Any) -> Any:
        if self.ending:
            raise SystemExit
        self.marks[self.slot] = number
        self.busy = True
        try:
            return self.function(item)
        finally:
            self.busy = False
            self.marks[self.slot] = IDLE

    def end(self, *_: Any) -> None:
        """The handler of SIGTERM. Nothing is raised outside an item: half a message would block the parent."""
        self.ending = True
        if self.busy:
            raise SystemExit

    def watch(self) -> None:
        """End this process when it is asked to or its parent has died; idle workers would wait for items for ever."""
        parent = parent_process()
        while parent and not self.ending and not connection.wait([parent.sentinel], CHECK):
            pass
        if not self.ending:
            os.kill(os.getpid(), signal.SIGTERM)
        until = time.monotonic() + GRACE
        while self.busy and time.monotonic() < until:
            time.sleep(CHECK / 10)
        time.sleep(CHECK)  # an answer may be on its way
        os._exit(0)


_worker: _Worker


def _start(function: Callable[[Any], Any], marks: Any) -> None:
    """Set up a worker: it leaves Ctrl-C to the parent, uses one core, and never outlives its parent."""
    global _worker
    with marks.get_lock():
        slot = 2 * marks[1::2].index(0)
        marks[slot + 1] = os.getpid()
    _worker = _Worker(function, marks, slot)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _worker.end)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    threading.Thread(target=_worker.watch, daemon=True).start()


def _call(number: int, item: Any) -> Any:
    return _worker.call(number, item)
