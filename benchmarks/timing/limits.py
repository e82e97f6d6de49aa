"""Limits on what a network may take: time for one step of a measurement, memory for a call.

A step that runs too long is interrupted between two of Python's instructions, by the alarm of the system. What never
comes back to Python cannot be stopped within this process: networks of the user's own are tried in a process of their
own first, which can be ended (`benchmarks.measures.memory`).
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import torch

from registry import ZooError
from zoo.machine import at_hand, status

AGAIN = 1.0  # seconds until the alarm rings again, for a network that passes over exceptions
SPARE = 0.95  # share of the memory at hand that a call may take


class TimeCapError(ZooError, TimeoutError):
    """A network that did not come back in time."""


@contextlib.contextmanager
def within_time(seconds: float) -> Iterator[None]:
    """Raise TimeCapError in the block once the seconds are over; outside the main thread nothing can ring."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeCapError(f"stopped at the limit of {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def within_memory(device: torch.device) -> Iterator[None]:
    """Let a CPU's allocations fail where memory ends; Linux would grant them, and kill a process when it is used."""
    room = at_hand()
    if device.type != "cpu" or room is None:
        yield
        return
    import resource  # not on every system; `at_hand` found /proc, so it is here

    limit, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = status("VmData") + int(SPARE * room)
    lowest = min(value for value in (limit, hardest, wanted) if value != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (lowest, hardest))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hardest))
