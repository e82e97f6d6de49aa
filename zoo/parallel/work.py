"""What both executors share: what an item asks for, and errors that name their item."""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from registry import OptionError, ZooError

AHEAD = 2  # items handed out per worker: one in work, one waiting, so that a worker never waits for the parent
GRACE = 5.0  # seconds that a worker has to clean up before it is killed

Resources = Mapping[str, float]  # "cpu", "gpu", "exclusive"


class WorkerDiedError(ZooError):
    """A worker ended without an answer."""


@dataclass(frozen=True)
class Demand:
    """What an item needs to itself while it is worked on.

    cpu, gpu: whole numbers, or a fraction of one that others may share.
    exclusive: all cores of a machine, however many it has; nothing else of this run is worked on beside it.
    """

    cpu: float = 1
    gpu: float = 0
    exclusive: bool = False

    @staticmethod
    def of(resources: Resources) -> "Demand":
        """
        >>> Demand.of({"gpu": 0.5})
        Demand(cpu=1, gpu=0.5, exclusive=False)
        """
        for name, value in resources.items():
            if name == "exclusive":
                if not isinstance(value, bool):
                    raise OptionError(f"resources exclusive={value!r} is not accepted; give True or False")
            elif name not in ("cpu", "gpu"):
                raise OptionError(f"resources {name!r} is not known; an item may ask for cpu, gpu and exclusive")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not (_whole(value) or 0 < value < 1):
                raise OptionError(
                    f"resources {name}={value!r} is not accepted; give a whole number, or a fraction between 0 and 1"
                )
        demand = Demand(**resources)  # type: ignore[arg-type]
        if not demand.cpu:
            raise OptionError("resources cpu=0 is not accepted; any work needs a core, or a fraction of one")
        return demand

    def __str__(self) -> str:
        wants = "all cores of a machine" if self.exclusive else f"cpu={self.cpu:g}"
        return f"{wants} and gpu={self.gpu:g}" if self.gpu else wants


def demand_of(resources: Resources | Callable[[Any], Resources] | None) -> Callable[[Any], Demand]:
    """Item -> what it asks for."""
    if callable(resources):
        return lambda item: Demand.of(resources(item))
    same = Demand.of(resources or {})
    return lambda item: same


def named(error: BaseException, item: Any) -> None:
    """Say in an error which item it is about."""
    error.item = item  # type: ignore[attr-defined]
    error.add_note(f"while working on {item!r}")


@contextmanager
def naming(item: Any) -> Iterator[None]:
    """Errors inside say which item they are about; a worker that died says by itself what it worked on."""
    try:
        yield
    except BrokenProcessPool:
        raise
    except Exception as error:  # its cause is the worker's traceback, where there is one
        named(error, item)
        raise


def use_threads(count: int) -> None:
    """Let torch compute with so many threads, where it is loaded."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


def _whole(value: float) -> bool:
    return value >= 0 and value == int(value)
