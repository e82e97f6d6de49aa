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
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from registry import OptionError
from zoo.parallel.cluster import ClusterError, Node, Nodes, joined
from zoo.parallel.remote import SAME, Begun, Done, starter
from zoo.parallel.work import AHEAD, GRACE, Demand, WorkerDiedError, naming

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


@dataclass(eq=False)
class Lost(RuntimeWarning):
    """An item whose worker or machine was lost, for the `count`-th time."""

    item: Any
    node: str  # its name, address and id, or that the item had not begun
    reason: str
    count: int

    @property
    def what(self) -> str:
        return f"{self.node} lost {self.item!r} ({self.reason})"

    def __str__(self) -> str:
        return f"{self.what}; it is tried again, {self.count} of {RETRIES}"


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
    on_loss: Callable[[Item, WorkerDiedError], Result] | None,
) -> Iterator[tuple[Item, Result]]:
    """Work on a Ray cluster; as `zoo.parallel.run` says."""
    with joined(address, workers) as (ray, is_ours):
        try:
            job = ray.cloudpickle.dumps(function), os.getcwd()  # it takes functions of a script too
        except Exception as error:  # pickle raises whatever it likes
            raise OptionError(f"{function!r} cannot be sent to another machine ({error})") from None
        tasks = (_Task(item, demand(item)) for item in items)
        board = _Board(ray, job, tasks, None if is_ours else workers)
        try:
            while board.hand_out():
                for task, message in board.answers():
                    if isinstance(message, Done):
                        yield task.item, message.result
                    elif isinstance(message, WorkerDiedError) and on_loss:
                        yield task.item, on_loss(task.item, message)
                    else:
                        with naming(task.item):
                            raise message
        finally:
            board.stop()


class _Board:
    """What is in work on the cluster, what waits for it, and what has come of it."""

    def __init__(self, ray: Any, job: object, tasks: Iterator[_Task], most: int | None):
        self.ray, self.tasks, self.most = ray, tasks, most
        self.nodes, self.job = Nodes(ray, CHECK), ray.put(job)
        start = starter(tuple(map(os.path.abspath, sys.path)))
        # one of Ray's functions for all items of like needs, as each is sent to the cluster
        self.remote = cache(lambda cpus, gpus: ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(start))
        self.running: dict[Any, _Task] = {}  # Ray's generator of messages -> task
        self.queue: deque[_Task] = deque()  # drawn, not handed out
        self.gone: set[str] = set()  # ids of nodes that died; Ray lists them for some seconds more
        self.fitted = time.monotonic()  # when everything drawn had a machine to run on

    def hand_out(self) -> bool:
        """Give Ray as much as it should have at hand; whether there is anything to wait for."""
        while len(self.running) < (self.most or AHEAD * self.nodes.cores()):
            for task in islice(self.tasks, 0 if self.queue else 1):
                if not self.nodes.fitting(task.demand):
                    raise OptionError(
                        f"{task.item!r} asks for {task.demand}, and no machine here has that: {self.nodes}"
                    )
                self.queue.append(task)
            if not self.queue or not self._submit(self.queue[0]):
                break
            self.queue.popleft()
        return bool(self.running or self.queue)

    def answers(self) -> Iterator[tuple[_Task, Done | BaseException]]:
        """Finished tasks, each once. What was lost goes back into the queue, until it was lost too often."""
        ready: list[Any] = []
        if every := list(self.running):
            ready = self._ready(every, len(every), 0) or self._ready(every, 1, CHECK)
        else:
            time.sleep(CHECK)
        self._see_that_all_fit()
        for messages in ready:
            task = self.running[messages]
            try:
                message = pickle.loads(self.ray.get(next(messages)))
            except self.ray.exceptions.LocalRayletDiedError as error:
                raise WorkerDiedError(f"this machine's part of the Ray cluster died: {error}") from None
            except self.ray.exceptions.RayTaskError as error:
                why = str(error).strip().splitlines()[-1]
                raise ClusterError(f"a machine of the cluster cannot start the work ({why}); {SAME}") from None
            except (self.ray.exceptions.RayError, StopIteration) as error:
                message = self._lose(task, error)
            if isinstance(message, Begun):
                task.began = message
                continue
            del self.running[messages]
            if message is None:
                self.queue.appendleft(task)
            else:
                yield task, message

    def _ready(self, every: list[Any], count: int, seconds: float) -> list[Any]:
        return self.ray.wait(every, num_returns=count, timeout=seconds)[0]

    def stop(self) -> None:
        """End what still runs: ask, wait a little, kill."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            for messages in self.running:
                self.ray.cancel(messages)
            self._ready([messages.completed() for messages in self.running], len(self.running), GRACE)
            for messages in self.running:
                self.ray.cancel(messages, force=True)

    def _submit(self, task: _Task) -> bool:
        """Hand a task to Ray, unless it has to wait for others."""
        demand, task.began, node = task.demand, None, None
        alone = [other for other in self.running.values() if other.demand.exclusive]
        fitting = [node for node in self.nodes.fitting(demand) if node.id not in {one.pinned for one in alone}]
        if not fitting or (not demand.exclusive and any(one.began is None for one in alone)):
            return False  # Ray would let small tasks pass a large one for ever
        elsewhere = [node for node in fitting if node.id not in task.left | self.gone]
        if demand.exclusive or (task.left and elsewhere):
            node = min(elsewhere or fitting, key=self._load)
            task.pinned = node.id
        cpus = node.cpu if demand.exclusive and node else demand.cpu
        remote = self.remote(cpus, demand.gpu)  # with a GPU, Ray gives each task a process of its own
        if node:
            there = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
            remote = remote.options(scheduling_strategy=there(node.id, soft=not demand.exclusive))
        item = self.ray.cloudpickle.dumps(task.item)
        self.running[remote.remote([self.job], item, max(1, int(cpus)), bool(demand.gpu))] = task
        return True

    def _load(self, node: Node) -> int:
        return sum(node.id in (task.pinned, task.began and task.began.node_id) for task in self.running.values())

    def _lose(self, task: _Task, error: Exception) -> WorkerDiedError | None:
        """Note that it was lost; after too many times, the error that says so."""
        node = f"node {task.began.node}" if task.began else "a node on which it had not begun"
        reason = REASONS.get(type(error).__name__, type(error).__name__)
        lost = Lost(task.item, node, reason, len(task.lost) + 1)
        task.lost.append(lost)
        there = {task.began.node_id if task.began else task.pinned} - {""}
        task.left |= there
        if reason == GONE:
            self.gone |= there
        if len(task.lost) > RETRIES:
            story = "; ".join(each.what for each in task.lost)
            return WorkerDiedError(f"{story}. It is not tried a {lost.count + 1}th time")
        warnings.warn(lost, stacklevel=2)
        task.began, task.pinned = None, ""
        self.nodes.refresh()
        return None

    def _see_that_all_fit(self) -> None:
        pending = (*self.queue, *(task for task in self.running.values() if task.began is None))
        stuck = [task for task in pending if not self.nodes.fitting(task.demand)]
        if not stuck:
            self.fitted = time.monotonic()
        elif time.monotonic() - self.fitted > PATIENCE:
            raise WorkerDiedError(
                f"{stuck[0].item!r} asks for {stuck[0].demand}, and the machines that had it are gone: {self.nodes}"
            )
