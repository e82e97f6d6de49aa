"""A Ray cluster and its machines, for the time it is needed: one started here, which leaves no trace, or another."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from registry import OptionError, ZooError
from zoo.parallel.processes import cores
from zoo.parallel.work import Demand

STORE = 128 * 2**20  # bytes of a local cluster's object store; what is larger goes to disk
REACHED = 10.0  # seconds in which an existing cluster has to answer
LONGEST = 30  # characters of a folder for sockets: with what Ray adds, a path of them has at most 103


class ClusterError(ZooError):
    """A cluster that cannot be had, or cannot do the work."""


def require() -> None:
    """See that Ray is installed, without importing it."""
    if find_spec("ray") is None:
        raise ClusterError(
            "executor='ray' needs Ray, and it is not installed; pip install -e '.[cluster]' in the checkout"
        )


@contextlib.contextmanager
def joined(address: str | None, workers: int | None) -> Iterator[tuple[Any, bool]]:
    """Ray, which is not typed and not always there, and whether its cluster was started here, for this run alone.

    It is the cluster that this process has joined already, the one at `address`, or a new one on this machine.
    workers: cores that a new one deals out; 0 and None are all of this machine's.
    """
    if address not in (None, "auto"):
        _see(address)
    with _restoring({}):
        ray = import_module("ray")
    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", here):
            raise OptionError(f"address {address!r} is not accepted: this process has joined the Ray cluster at {here}")
        yield ray, False
        return
    short = None if len(tempfile.gettempdir()) <= LONGEST else "/tmp"
    with tempfile.TemporaryDirectory(prefix="zoo-", dir=short, ignore_cleanup_errors=True) as folder:
        try:
            with _restoring({"RAY_USAGE_STATS_ENABLED": "0"}):
                _join(ray, address, workers or cores(), folder)
            yield ray, address is None
        finally:
            ray.shutdown()
            _forget(ray)


def _see(address: str) -> None:
    """See that something listens there; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not (host and port.isdecimal()):
        raise OptionError(
            f"address {address!r} is not accepted; start this on a machine of the cluster, and give host:port or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster at {address} can be joined: {error}; is it running?") from None


def _join(ray: Any, address: str | None, cpus: int, folder: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    local = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": STORE, "_temp_dir": folder}
    try:
        ray.init(**quiet, **({"address": address} if address else {"address": "local", **local}))
    except Exception as error:  # each way to fail has its own class
        what = f"no Ray cluster at {address} can be joined" if address else "no Ray cluster can be started here"
        hint = "; is this machine part of it?" if address else ""
        raise ClusterError(f"{what}: {str(error).strip().partition(chr(10))[0]}{hint}") from error
    ray._private.worker._worker_logs_enabled = False  # Ray prints to stdout who died; we say it ourselves


def _forget(ray: Any) -> None:
    """Let Ray read the environment again: a cluster that it starts asks for a token, as this process would of every
    later one, and wait for ever for the answers of those that have none."""
    with contextlib.suppress(AttributeError):  # of Ray's inside, and another in each version
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextlib.contextmanager
def _restoring(environment: Mapping[str, str]) -> Iterator[None]:
    """An environment for Ray to start in; then what it changed is put back, its hooks too."""
    before, hook, handler = dict(os.environ), sys.excepthook, signal.getsignal(signal.SIGTERM)
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        sys.excepthook = hook
        if threading.current_thread() is threading.main_thread():  # no other may set it
            signal.signal(signal.SIGTERM, handler)


@dataclass(frozen=True)
class Node:
    """A machine that is there. cpu, gpu: how many it has, in use or not."""

    id: str
    cpu: float
    gpu: float

    def fits(self, demand: Demand) -> bool:
        """Whether it could do such work, once nothing else is done there."""
        return self.gpu >= demand.gpu and self.cpu >= (1 if demand.exclusive else demand.cpu)


class Nodes:
    """The machines of a cluster, looked at now and then."""

    def __init__(self, ray: Any, pause: float):
        self.ray, self.pause = ray, pause
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        self.looked = time.monotonic()
        self._alive = [
            Node(node["NodeID"], node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))
            for node in self.ray.nodes()
            if node["Alive"]
        ]

    def alive(self) -> list[Node]:
        """Those that are there."""
        if time.monotonic() - self.looked > self.pause:
            self.refresh()
        return self._alive

    def fitting(self, demand: Demand) -> list[Node]:
        """Those that could do such work."""
        return [node for node in self.alive() if node.fits(demand)]

    def cores(self) -> int:
        """Cores of all together."""
        return max(1, int(sum(node.cpu for node in self.alive())))

    def __str__(self) -> str:
        shown = sorted({f"cpu={node.cpu:g} gpu={node.gpu:g}" for node in self.alive()})
        return f"{len(self.alive())} with {' or '.join(shown)}" if shown else "none"
