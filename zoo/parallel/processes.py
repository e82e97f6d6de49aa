"""Items over the processes of this machine."""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, connection, get_all_start_methods, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from registry import OptionError
from zoo.parallel.work import AHEAD, GRACE, Demand, WorkerDiedError, naming, use_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

CHECK = 0.5  # seconds between two looks at whether a worker is still wanted
IDLE = -1


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inline(
    function: Callable[[Item], Result], items: Iterable[Item], demand: Callable[[Item], Demand]
) -> Iterator[tuple[Item, Result]]:
    """Work in this process, where an item has everything to itself."""
    for item in items:
        demand(item)  # what it asks for is checked as it is elsewhere
        with naming(item):
            result = function(item)
        yield item, result


def spread(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, demand: Callable[[Item], Demand] | None
) -> Iterator[tuple[Item, Result]]:
    """Work in so many processes. demand: None is one core for each item, and the next one waits in its worker."""
    try:
        pickle.dumps(function)
    except Exception as error:  # pickle raises whatever it likes
        raise OptionError(
            f"{function!r} cannot be sent to another process ({error}); give a function of a module's top level, or"
            " workers=1"
        ) from None
    queue = _Queue(items, workers, demand)
    context = _context()
    marks = context.Array("q", [IDLE, 0] * workers)  # per worker: the number of its item, and its process id
    others = set(active_children())
    processes: set[BaseProcess] = set()
    waiting: dict[Future[Result], _Piece] = {}
    pool = ProcessPoolExecutor(workers, context, _start, (function, marks))
    try:
        while True:
            while piece := queue.take():
                waiting[pool.submit(_call, piece.number, piece.item, piece.threads)] = piece
                if len(processes) < workers:  # they are started one by one, as items come
                    processes |= set(active_children()) - others
            if not waiting:
                pool.shutdown(wait=True)
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                piece = waiting[future]
                with naming(piece.item):
                    result = future.result()
                queue.give(waiting.pop(future))
                yield piece.item, result
    except BrokenProcessPool:
        pool.shutdown(wait=True)  # so that every exit code is known
        raise _death(processes, marks[:], {piece.number: piece.item for piece in waiting.values()}) from None
    finally:
        _stop(pool, processes)


def _context() -> Any:
    """Where workers come from: forks of a process that has imported torch once for all and does nothing else.

    A fork of this process, whose torch has started threads, may hang.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    return context


@dataclass(frozen=True)
class _Piece:
    """An item in work. share: of the cores that are dealt out."""

    number: int
    item: Any
    share: float
    threads: int


class _Queue:
    """Deals items out, in their order, as far as there are cores for them."""

    def __init__(self, items: Iterable[Any], workers: int, demand: Callable[[Any], Demand] | None):
        self.items, self.workers, self.demand = enumerate(items), workers, demand
        self.all = self.free = float(workers if demand else AHEAD * workers)
        self.next: _Piece | None = None

    def take(self) -> _Piece | None:
        """The next item, if it may begin now."""
        if self.next is None and self.free > 0:
            self.next = next((self._piece(number, item) for number, item in self.items), None)
        if self.next is None or self.next.share > self.free:
            return None
        piece, self.next = self.next, None
        self.free -= piece.share
        return piece

    def give(self, piece: _Piece) -> None:
        """An item is finished."""
        self.free += piece.share

    def _piece(self, number: int, item: Any) -> _Piece:
        if self.demand is None:
            return _Piece(number, item, share=1, threads=1)
        demand = self.demand(item)
        if demand.gpu:
            raise OptionError(
                f"resources gpu={demand.gpu:g} is dealt out by executor='ray'; processes know nothing of GPUs, so give"
                " workers=1, and one item after the other has them all"
            )
        if demand.exclusive:
            return _Piece(number, item, share=self.all, threads=cores())
        if demand.cpu > self.workers:
            raise OptionError(f"{item!r} asks for {demand}, and there are {self.workers} workers; give more workers")
        return _Piece(number, item, share=demand.cpu, threads=max(1, int(demand.cpu)))


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
        process.kill()  # which leaves alone what has ended
        process.join()
    pool.shutdown(wait=True)


# What follows runs in the workers.


class _Worker:
    """The state of a worker process: its function, and whether it is in an item or should end."""

    def __init__(self, function: Callable[[Any], Any], marks: Any, slot: int):
        self.function, self.marks, self.slot = function, marks, slot
        self.busy = self.ending = False

    def call(self, number: int, item: Any, threads: int) -> Any:
        if self.ending:
            raise SystemExit
        use_threads(threads)
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
    """Set up a worker: it leaves Ctrl-C to the parent, and never outlives it."""
    global _worker
    with marks.get_lock():
        slot = 2 * marks[1::2].index(0)
        marks[slot + 1] = os.getpid()
    _worker = _Worker(function, marks, slot)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _worker.end)
    threading.Thread(target=_worker.watch, daemon=True).start()


def _call(number: int, item: Any, threads: int) -> Any:
    return _worker.call(number, item, threads)
