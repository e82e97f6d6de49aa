"""What runs on the machines of a cluster: one item, with word of where it began and of what came of it."""

import contextlib
import os
import pickle
import platform
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from zoo.parallel.work import use_threads


@dataclass(frozen=True)
class Begun:
    """Work has begun. node: name, address and the start of the id, for people."""

    node: str
    node_id: str


@dataclass(frozen=True)
class Done:
    """The pickled result; as a copy, so that it may be written to, and Ray's store is free again."""

    result: bytes


@dataclass(frozen=True)
class Raised:
    """What the function raised, pickled, and where."""

    error: bytes
    trace: str


@dataclass(frozen=True)
class Unreadable:
    """The function or the item could not be unpickled."""

    node: str
    reason: str


@dataclass(frozen=True)
class Job:
    """What all items of a run share. folder: where relative paths start, if it exists on a machine."""

    function: bytes
    folder: str

    def open(self) -> Callable[[Any], Any]:
        """The function, ready to be called."""
        with contextlib.suppress(OSError):
            os.chdir(self.folder)
        function: Callable[[Any], Any] = pickle.loads(self.function)
        return function


_opened: dict[str, Callable[[Any], Any]] = {}  # the functions of runs; of the last one only


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
    """Pickled messages: Begun, then one of the others.

    job: a reference to the Job, in a list so that Ray does not fetch it for each item.
    """
    ray = import_module("ray")
    node_id = ray.get_runtime_context().get_node_id()
    here = f"{platform.node()} ({ray.util.get_node_ip_address()}, {node_id[:8]})"
    yield pickle.dumps(Begun(here, node_id))
    if not has_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU belongs to whoever asked for it
    try:
        function, argument = _function(ray, job[0]), pickle.loads(item)
    except Exception as error:  # a module that is not there, or is another version
        yield pickle.dumps(Unreadable(here, f"{type(error).__name__}: {error}"))
        return
    use_threads(threads)
    try:
        result = function(argument)
        message: Done | Raised = Done(ray.cloudpickle.dumps(result))
    except (Exception, SystemExit) as error:
        message = Raised(_packed(ray, error), traceback.format_exc())
    yield pickle.dumps(message)


def _function(ray: Any, reference: Any) -> Callable[[Any], Any]:
    key = reference.hex()
    if key not in _opened:
        _opened.clear()
        _opened[key] = ray.get(reference).open()
    return _opened[key]


def _packed(ray: Any, error: BaseException) -> bytes:
    """A pickled error; as a RuntimeError where its class forbids to pickle it, or to make it anew."""
    try:
        packed: bytes = ray.cloudpickle.dumps(error)
        pickle.loads(packed)
        return packed
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
