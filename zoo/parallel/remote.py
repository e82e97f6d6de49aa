"""What runs on the machines of a cluster: one item, with word of where it began and of what came of it."""

import contextlib
import os
import pickle
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import Any

from zoo.parallel.cluster import ClusterError
from zoo.parallel.work import use_threads

SAME = "the same packages in the same versions have to be installed on each machine"


@dataclass(frozen=True)
class Begun:
    """Work has begun. node: name, address and the start of the id, for people."""

    node: str
    node_id: str


@dataclass(frozen=True)
class Done:
    """Work has ended; what it raised is sent as it is, with the text of its traceback as its cause."""

    result: Any


def starter(path: tuple[str, ...]) -> Callable[..., Iterator[bytes]]:
    """The work, for Ray to send by value: this package may be found on `path` alone, say in a shared checkout."""

    def start(*arguments: Any) -> Iterator[bytes]:
        import os
        import sys

        sys.path += [place for place in path if place not in sys.path and os.path.exists(place)]
        from zoo.parallel.remote import work

        yield from work(*arguments)

    return start


def work(job: list[Any], item: bytes, threads: int, has_gpu: bool) -> Iterator[bytes]:
    """Pickled messages: Begun, then Done or an error.

    job: a reference to the pickled function and the folder where relative paths start, if it exists on a machine; in a
        list so that Ray does not fetch it for each item.
    """
    ray = import_module("ray")
    node_id = ray.get_runtime_context().get_node_id()
    here = f"{platform.node()} ({ray.util.get_node_ip_address()}, {node_id[:8]})"
    yield pickle.dumps(Begun(here, node_id))
    if not has_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU belongs to whoever asked for it
    try:
        try:
            function, argument = _function(job[0]), pickle.loads(item)
        except Exception as error:  # a module that is not there, or is another version
            raise ClusterError(
                f"node {here} cannot read what it should do ({type(error).__name__}: {error}); {SAME}"
            ) from error
        use_threads(threads)
        message = ray.cloudpickle.dumps(Done(function(argument)))
    except (Exception, SystemExit) as error:
        message = _packed(ray, error)
    yield message


@lru_cache(maxsize=1)
def _function(reference: Any) -> Callable[[Any], Any]:
    """The function of a run, ready to be called."""
    function, folder = import_module("ray").get(reference)
    with contextlib.suppress(OSError):
        os.chdir(folder)
    return pickle.loads(function)


def _packed(ray: Any, error: BaseException) -> bytes:
    """A pickled error; as a RuntimeError where its class forbids to pickle it, or to make it anew."""
    try:
        packed = ray.cloudpickle.dumps(ExceptionWithTraceback(error, error.__traceback__))
        pickle.loads(packed)
        return packed
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
