"""Peak memory of a network, in a process of its own.

$ python -m benchmarks.measures memory "unet(depth=4)" --work training

It is what the network needs beyond a process in which nothing is built yet: weights, images, and whatever a call or a
training step adds at its worst. On CUDA the bytes that torch had allocated and reserved; on the CPU the bytes of
weights and images, and how far the process's resident memory rises above where it stood with these in place.
A training step is forward with all sides, loss, backward and AdamW, in the second step, when AdamW has its averages.

In that process freed memory goes back to the system at once (glibc). Its habit of keeping some made 27 MB of a small
U-Net 35 to 55 MB, another number in each of three processes; a process of yours may well hold more than this.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from typing import Any

import torch

from benchmarks.measures import footprint
from benchmarks.networks import engines
from benchmarks.networks.entrants import Entrant, enter
from benchmarks.store.fields import filled
from benchmarks.store.files import one_line
from benchmarks.store.settings import Size, TimedSettings
from benchmarks.timing.limits import within_memory
from registry import ZooError
from zoo.machine import choose
from zoo.precision import float32

SECONDS = 300.0  # that one process may take
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # bytes from which glibc hands each block back when it is freed
LOOK = 0.5  # seconds from one look for the parent to the next
KILLED = "the system killed it (signal 9), as it does when memory runs out"


class MemoryPassError(ZooError, RuntimeError):
    """A measuring process that ended without a result."""


class RaisedError(MemoryPassError):
    """The network raised an error in that process, as it will in any."""


_rehearsed: dict[tuple[Any, ...], MemoryPassError | None] = {}  # by spec, work, size, precision and device


def peak(entrant: Entrant, settings: TimedSettings, device: torch.device) -> dict[str, Any]:
    """{"inference_bytes", "training_bytes"}, each from a fresh process; on CUDA "inference_reserved_bytes" and so on.

    training_bytes is None where nothing is trained. Where only the training step fails, it is None too, and
    "training_failed" says why.
    """
    found = fresh(entrant, settings, device, "inference", seconds=SECONDS)
    try:
        return found | fresh(entrant, settings, device, "training", seconds=SECONDS)
    except MemoryPassError as error:
        return found | {"training_bytes": None, "training_failed": f"failed: {error}"}


def rehearse(
    entrant: Entrant, settings: TimedSettings, device: torch.device, work: str = "once", *, seconds: float
) -> None:
    """Call or train a network that comes from a file of the user's own in another process, which can be ended.

    Once for each network, size and precision; those of the catalog are known to end. An error that it raises is left
    to whoever calls it here; it is a process that hangs or dies that must not be this one.
    """
    if entrant.is_listed or ":" not in entrant.asked.name:
        return
    key = entrant.spec, work, settings.size, settings.precision, device
    if key not in _rehearsed:
        _rehearsed[key] = None
        try:
            with contextlib.suppress(RaisedError):
                fresh(entrant, replace(settings, engine="eager"), device, work, seconds=seconds)
        except MemoryPassError as error:
            _rehearsed[key] = error
    if problem := _rehearsed[key]:
        raise problem


def fresh(
    entrant: Entrant, settings: TimedSettings, device: torch.device, work: str, *, seconds: float
) -> dict[str, Any]:
    """What a new process finds; it is ended after the seconds, and with this process."""
    if not entrant.is_listed and ":" not in entrant.asked.name:
        raise MemoryPassError(f"{entrant.asked} cannot be built in another process; give it as FILE.py:NAME")
    words = [sys.executable, "-m", "benchmarks.measures", "memory", entrant.spec, "--work", work]
    words += ["--device", str(device), "--threads", str(torch.get_num_threads()), "--parent", str(os.getpid())]
    words += ["--settings", json.dumps(asdict(settings))]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,  # compilers and helpers that it starts end with it
    ) as process:
        try:
            printed, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise MemoryPassError(f"stopped at the limit of {seconds:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return _parsed(printed, said, process.returncode)


def _parsed(printed: str, said: str, code: int) -> dict[str, Any]:
    """The numbers in the last line that a process printed."""
    try:
        found = json.loads(printed.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        why = KILLED if code == -signal.SIGKILL else f"exit code {code}: {last}"
        raise MemoryPassError(f"a process of its own reported nothing; {why}") from None
    if "failed" in found:
        raise RaisedError(found["failed"])
    return found


def _environment() -> dict[str, str]:
    """This process's; modules are found where this process finds them, our packages among them."""
    return os.environ | GIVE_BACK | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def end_with(parent: int) -> None:
    """End this process when the one that waits for it has gone."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


def run(
    model: str, work: str, size: Size, device: str, threads: int | None, settings: dict[str, Any], parent: int | None
) -> int:
    """Print one line of JSON: what a process of its own finds, or as that process what is found here."""
    if threads:
        torch.set_num_threads(threads)
    place = choose(device)
    asked = filled(TimedSettings, asdict(TimedSettings(size, device=place.type)) | settings, "settings")
    if not parent:
        for entrant in enter(model):
            print(json.dumps(fresh(entrant, asked, place, work, seconds=SECONDS)))
        return 0
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    with contextlib.redirect_stdout(sys.stderr):  # whatever a network prints
        found = _measured(model, asked, place, work)
    print(json.dumps(found), flush=True)
    return 1 if "failed" in found else 0


def _measured(model: str, settings: TimedSettings, device: torch.device, work: str) -> dict[str, Any]:
    try:
        (entrant,) = enter(model)
        with within_memory(device):
            if work == "once":
                engines.require_finite(engines.ready(entrant, settings, device).call())
                return {}
            network = engines.network(entrant, settings.layout, device)
            with float32(tf32=settings.precision == "tf32"):  # which algorithms there are, and their workspace
                return {**footprint.measured(network, settings, device, work)}
    except Exception as error:
        return {"failed": one_line(error)}
