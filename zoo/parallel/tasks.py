"""Items as tasks of a Ray cluster. A task says where it has begun, then what came of it.

Ray itself retries nothing here: what is lost is tried again by us, elsewhere, and named.
"""

import contextlib
import os
import pickle
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from registry import OptionError
from zoo.parallel.cluster import Cluster, ClusterError, joined
from zoo.parallel.nodes import Node, Nodes
from zoo.parallel.remote import Begun, Done, Job, Raised, Unreadable, starter
from zoo.parallel.work import AHEAD, GRACE, Demand, WorkerDiedError, named

Item = TypeVar("Item")
Result = TypeVar("Result")

GONE = "the machine is gone"
REASONS = {
    "NodeDiedError": GONE,
    "TaskUnschedulableError": GONE,
    "OutOfMemoryError": "the machine's memory ran out",
    "WorkerCrashedError": "its process died",
}
RETRIES = 3
CHECK = 1.0  # seconds between two looks at the cluster
PATIENCE = 60.0  # seconds in which the last machine that an item fits on may come back


@dataclass(frozen=True)
class Lost:
    """An item whose worker or machine was lost, for the `count`-th time."""

    item: Any
    node: str  # its name, address and id, or that the item had not begun
    reason: str
    count: int

    def __str__(self) -> str:
        return f"{self.node} lost {self.item!r} ({self.reason})"


@dataclass(eq=False)
class _Task:
    item: Any
    demand: Demand
    began: Begun | None = None
    pinned: str = ""  # the id of the node that it may run on
    lost: list[Lost] = field(default_factory=list)
    left: set[str] = field(default_factory=set)  # ids of nodes where it was lost


def spread(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    demand: Callable[[Item], Demand],
    *,
    workers: int | None,
    address: str | None,
    on_retry: Callable[[Lost], None] | None,
    on_loss: Callable[[Item, WorkerDiedError], Result] | None,
) -> Iterator[tuple[Item, Result]]:
    """Work on a Ray cluster; as `zoo.parallel.run` says."""
    with joined(address, workers) as cluster:
        pack = cluster.ray.cloudpickle.dumps  # it takes functions of a script too
        try:
            job = Job(pack(function), os.getcwd())
        except Exception as error:  # pickle raises whatever it likes
            raise OptionError(f"{function!r} cannot be sent to another machine ({error})") from None
        tasks = ((item, demand(item)) for item in items)
        board = _Board(cluster, job, pack, tasks, None if cluster.is_ours else workers, on_retry or _warn)
        try:
            while board.hand_out():
                for task, message in board.answers():
                    if isinstance(message, WorkerDiedError):
                        if on_loss is None:
                            raise message
                        yield task.item, on_loss(task.item, message)
                        continue
                    if isinstance(message, Raised):
                        raised: BaseException = pickle.loads(message.error)
                        raised.__cause__ = _RemoteTraceback(message.trace)
                        named(raised, task.item)
                        raise raised
                    yield task.item, pickle.loads(message.result)
        finally:
            board.stop()


class _RemoteTraceback(Exception):  # noqa: N818 - it is no error of its own, it shows the text of another
    """Where an error came from, on the machine where it was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Board:
    """What is in work on the cluster, what waits for it, and what has come of it."""

    def __init__(
        self,
        cluster: Cluster,
        job: Job,
        pack: Callable[[Any], bytes],
        items: Iterator[tuple[Any, Demand]],
        most: int | None,
        on_retry: Callable[[Lost], None],
    ):
        self.ray, self.pack, self.items, self.most, self.on_retry = cluster.ray, pack, items, most, on_retry
        self.nodes = Nodes(self.ray, CHECK)
        self.job, self.start = self.ray.put(job), starter(tuple(map(os.path.abspath, sys.path)))
        self.running: dict[Any, _Task] = {}  # Ray's generator of messages -> task
        self.queue: deque[_Task] = deque()  # drawn, not handed out
        self.remotes: dict[tuple[float, float], Any] = {}
        self.gone: set[str] = set()  # ids of nodes that died; Ray lists them for some seconds more
        self.fitted = time.monotonic()  # when everything drawn had a machine to run on

    def hand_out(self) -> bool:
        """Give Ray as much as it should have at hand; whether there is anything to wait for."""
        while len(self.running) < (self.most or AHEAD * self.nodes.cores()):
            if not self.queue and not self._draw():
                break
            if not self._submit(self.queue[0]):
                break
            self.queue.popleft()
        return bool(self.running or self.queue)

    def answers(self) -> Iterator[tuple[_Task, Done | Raised | WorkerDiedError]]:
        """Finished tasks, each once. What was lost goes back into the queue, until it was lost too often."""
        every = list(self.running)
        ready, _ = self.ray.wait(every, num_returns=len(every), timeout=0) if every else ((), ())
        if every and not ready:
            ready, _ = self.ray.wait(every, num_returns=1, timeout=CHECK)
        elif not every:
            time.sleep(CHECK)
        self._see_that_all_fit()
        for messages in ready:
            task = self.running[messages]
            try:
                message = pickle.loads(self.ray.get(next(messages)))
            except self.ray.exceptions.LocalRayletDiedError as error:
                raise WorkerDiedError(f"this machine's part of the Ray cluster died: {error}") from None
            except self.ray.exceptions.RayTaskError as error:
                raise ClusterError(
                    "a machine of the cluster cannot start the work; the same packages in the same versions have to be"
                    f" installed on each: {str(error).strip().splitlines()[-1]}"
                ) from None
            except (self.ray.exceptions.RayError, StopIteration) as error:
                del self.running[messages]
                if given_up := self._lose(task, error):
                    yield task, given_up
                continue
            if isinstance(message, Begun):
                task.began = message
            elif isinstance(message, Unreadable):
                raise ClusterError(
                    f"node {message.node} cannot read what it should do ({message.reason}); the same packages in the"
                    " same versions have to be installed on each"
                )
            else:
                del self.running[messages]
                yield task, message

    def stop(self) -> None:
        """End what still runs: ask, wait a little, kill."""
        left, until = set(self.running), time.monotonic() + GRACE
        with contextlib.suppress(Exception):  # the cluster may be gone
            for messages in left:
                self.ray.cancel(messages)
            while left and (rest := until - time.monotonic()) > 0:
                for messages in self.ray.wait(list(left), num_returns=1, timeout=rest)[0]:
                    if not self._has_begun_only(messages):
                        left.remove(messages)
            for messages in left:
                self.ray.cancel(messages, force=True)

    def _has_begun_only(self, messages: Any) -> bool:
        try:
            return isinstance(pickle.loads(self.ray.get(next(messages))), Begun)
        except (Exception, StopIteration):
            return False

    def _draw(self) -> bool:
        drawn = next(self.items, None)
        if drawn is None:
            return False
        item, demand = drawn
        if not self.nodes.fitting(demand):
            raise OptionError(f"{item!r} asks for {demand}, and no machine here has that: {self.nodes}")
        self.queue.append(_Task(item, demand))
        return True

    def _submit(self, task: _Task) -> bool:
        """Hand a task to Ray, unless it has to wait for others."""
        alone = [other for other in self.running.values() if other.demand.exclusive]
        fitting = [node for node in self.nodes.fitting(task.demand) if node.id not in {one.pinned for one in alone}]
        if not fitting or (not task.demand.exclusive and any(one.began is None for one in alone)):
            return False  # Ray would let small tasks pass a large one for ever
        elsewhere = [node for node in fitting if node.id not in task.left | self.gone]
        node = None
        if task.demand.exclusive or (task.left and elsewhere):
            node = min(elsewhere or fitting, key=self._load)
            task.pinned = node.id
        task.began = None
        self.running[self._start(task, node)] = task
        return True

    def _load(self, node: Node) -> int:
        return sum(node.id in (task.pinned, task.began and task.began.node_id) for task in self.running.values())

    def _start(self, task: _Task, node: Node | None) -> Any:
        demand = task.demand
        cpus = node.cpu if demand.exclusive and node else demand.cpu
        remote = self._remote(cpus, demand.gpu)
        if node:
            there = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
            remote = remote.options(scheduling_strategy=there(node.id, soft=not demand.exclusive))
        threads = max(1, int(cpus))
        return remote.remote([self.job], self.pack(task.item), threads, bool(demand.gpu))

    def _remote(self, cpus: float, gpus: float) -> Any:
        """The work as Ray's function of such needs; one for all of them, because each is sent to the cluster."""
        if (cpus, gpus) not in self.remotes:  # with a GPU, Ray gives each task a process of its own
            options: dict[str, Any] = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 0}
            self.remotes[cpus, gpus] = self.ray.remote(**options)(self.start)
        return self.remotes[cpus, gpus]

    def _lose(self, task: _Task, error: Exception) -> WorkerDiedError | None:
        """Back into the queue; after too many times, the error that says so."""
        node = f"node {task.began.node}" if task.began else "a node on which it had not begun"
        reason = REASONS.get(type(error).__name__, type(error).__name__)
        lost = Lost(task.item, node, reason, len(task.lost) + 1)
        task.lost.append(lost)
        there = {task.began.node_id if task.began else task.pinned} - {""}
        task.left |= there
        if reason == GONE:
            self.gone |= there
        if len(task.lost) > RETRIES:
            whole = WorkerDiedError(f"{'; '.join(map(str, task.lost))}. It is not tried a {lost.count + 1}th time")
            named(whole, task.item)
            return whole
        self.on_retry(lost)
        task.began, task.pinned = None, ""
        self.queue.appendleft(task)
        self.nodes.refresh()
        return None

    def _see_that_all_fit(self) -> None:
        pending = [*self.queue, *(task for task in self.running.values() if task.began is None)]
        stuck = [task for task in pending if not self.nodes.fitting(task.demand)]
        if not stuck:
            self.fitted = time.monotonic()
        elif time.monotonic() - self.fitted > PATIENCE:
            raise WorkerDiedError(
                f"{stuck[0].item!r} asks for {stuck[0].demand}, and the machines that had it are gone: {self.nodes}"
            )


def _warn(lost: Lost) -> None:
    warnings.warn(f"{lost}; it is tried again, {lost.count} of {RETRIES}", RuntimeWarning, stacklevel=2)
