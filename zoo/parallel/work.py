"""What both executors share: what an item asks for, and errors that name their item."""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from registry import OptionError, ZooError, require

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
        if unknown := resources.keys() - {"cpu", "gpu", "exclusive"}:
            raise OptionError(f"resources {min(unknown)!r} is not known; an item may ask for cpu, gpu and exclusive")
        demand = Demand(**resources)  # type: ignore[arg-type]
        require(isinstance(demand.exclusive, bool), "resources exclusive", demand.exclusive, "True or False")
        amount = "a whole number, or a fraction between 0 and 1"
        require(_is_amount(demand.gpu), "resources gpu", demand.gpu, amount)
        require(_is_amount(demand.cpu) and demand.cpu > 0, "resources cpu", demand.cpu, f"{amount}, and not 0")
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


@contextmanager
def naming(item: Any) -> Iterator[None]:
    """Errors inside say which item they are about; a worker that died says by itself what it worked on."""
    try:
        yield
    except BrokenProcessPool:
        raise
    except (Exception, SystemExit) as error:  # its cause is the worker's traceback, where there is one
        error.item = item  # type: ignore[union-attr]
        error.add_note(f"while working on {item!r}")
        raise


def use_threads(count: int) -> None:
    """Let torch compute with so many threads, where it is loaded."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


def _is_amount(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value >= 0 and (value < 1 or value // 1 == value)  # type: ignore[operator]
