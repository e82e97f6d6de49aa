"""One function over many items: in several processes, or on the machines of a Ray cluster.

On a cluster the function's modules are installed on every machine in the same versions, or found under the same path,
and so are the files that it reads or writes: on storage that all machines share.

>>> def double(item): return 2 * item
>>> sorted(run(double, [1, 2, 3], workers=1))
[(1, 2), (2, 4), (3, 6)]
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from registry import is_count, require
from zoo.parallel import cluster, processes, tasks
from zoo.parallel.cluster import ClusterError
from zoo.parallel.processes import cores
from zoo.parallel.tasks import Lost
from zoo.parallel.work import Demand, Resources, WorkerDiedError, demand_of

__all__ = [
    "ClusterError",
    "Demand",
    "Executor",
    "Lost",
    "Resources",
    "WorkerDiedError",
    "Workers",
    "cores",
    "run",
    "session",
]

Item = TypeVar("Item")
Result = TypeVar("Result")
Executor = Literal["processes", "ray"]


@dataclass(frozen=True)
class Workers:
    """Who does some work: so many processes of this machine, or of a Ray cluster; as `run` takes them."""

    count: int | None = None
    executor: Executor = "processes"
    address: str | None = None

    def run(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        return run(function, items, workers=self.count, executor=self.executor, address=self.address)


def run(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    executor: Executor = "processes",
    resources: Resources | Callable[[Item], Resources] | None = None,
    address: str | None = None,
    on_loss: Callable[[Item, WorkerDiedError], Result] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Pairs of an item and its result, in the order in which they are finished.

    function: of a module's top level, or a `functools.partial` of one; it is sent to each worker once. In a script the
        call belongs under `if __name__ == "__main__":`, because every worker imports the script.
    items: drawn as they are needed, so there may be millions; few are in work at a time.
    workers: processes; 0 or 1 work in this one, None is one per core. With ray: how many cores the local cluster has,
        or how many items an existing one works on at a time; None is all there are.
    resources: what an item needs to itself, `{"cpu": 1, "gpu": 0}` unless told otherwise, or a function of the item.
        Fractions of a GPU may be shared, `{"gpu": 1}` is not, and `{"exclusive": True}` takes every core of a machine:
        nothing of this run is worked on beside it. torch computes with as many threads as cores are asked for.
    address: `host:port` or `auto`, a Ray cluster that this machine is part of; None starts one here for the purpose.
    on_loss: gives a result in the place of an item that was lost too often; None: that ends the run.

    What the function raises arrives here, with the item as `error.item`, and ends the others; so do Ctrl-C, and leaving
    the loop early. A process of this machine that dies ends the run, by a WorkerDiedError. On a cluster its item is
    tried again on another machine, three times at most, with the warning `Lost`: a result is delivered once, but a
    function may be called more than once for an item, even at the same time where a machine was only thought lost.
    """
    require(executor in ("processes", "ray"), "executor", executor, "'processes' or 'ray'")
    require(workers is None or is_count(workers, least=0), "workers", workers, "0, 1, or how many processes to use")
    demand = demand_of(resources)
    if executor == "ray":
        cluster.require()
        require(workers != 0, "workers", workers, "1 up, or None for all cores, with executor='ray'")
        return tasks.spread(function, items, demand, workers=workers, address=address, on_loss=on_loss)
    require(address is None, "address", address, "None but for executor='ray': processes run on this machine")
    count = cores() if workers is None else workers
    if count <= 1:
        return processes.inline(function, items, demand)
    return processes.spread(function, items, count, None if resources is None else demand)


def session(
    executor: Executor = "processes", *, workers: int | None = None, address: str | None = None
) -> AbstractContextManager[Any]:
    """One cluster for all runs inside, as starting one takes seconds; processes need none."""
    if executor != "ray":
        return nullcontext()
    cluster.require()
    return cluster.joined(address, workers)
