"""What a GPU uses, in joules: NVML's counter, which begins with the driver. Nothing is set.

The counter moves in steps of some tens of milliseconds, so a measurement begins and ends with such a step.
"""

import ctypes
import math
import time
from collections.abc import Callable
from contextlib import suppress

import torch

LEAST = 0.5  # seconds of calls
MOST = 3.0  # seconds after which a counter that does not move is none


def each(call: Callable[[], object], device: torch.device) -> float | None:
    """Joules of one call among many that follow each other; None where nothing tells."""
    counter = _counter(device)
    if counter is None:
        return None

    def done() -> float:
        call()
        torch.cuda.synchronize(device)
        return counter()

    return between_steps(done)


def between_steps(done: Callable[[], float], clock: Callable[[], float] = time.perf_counter) -> float | None:
    """What a counter moves by with each call: from one of its steps to another, LEAST seconds later or more.

    done: makes a call, and reads the counter after it.
    """
    begun, before = clock(), done()
    while (first := done()) == before:
        if clock() - begun > MOST:
            return None
    calls, start, last = 0, clock(), first
    while clock() - start < MOST:
        calls, now = calls + 1, done()
        if now != last and clock() - start >= LEAST:
            return (now - first) / calls
        last = now
    return None


def _counter(device: torch.device) -> Callable[[], float] | None:
    """Reads the joules of a device; None where NVML is not there or does not count."""
    with suppress(OSError, AttributeError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        identity = str(torch.cuda.get_device_properties(device).uuid)
        named = identity if identity.startswith("GPU-") else f"GPU-{identity}"
        handle, used = ctypes.c_void_p(), ctypes.c_ulonglong()  # millijoules
        calls = [
            nvml.nvmlInit_v2(),
            nvml.nvmlDeviceGetHandleByUUID(named.encode(), ctypes.byref(handle)),
            nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(used)),
        ]

        def read() -> float:
            failed = nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(used))
            return math.nan if failed else used.value / 1e3

        return None if any(calls) else read
    return None
