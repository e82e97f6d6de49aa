"""One thread per test process (make test starts one per core), hypothesis without a clock; processes, a Ray cluster."""

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from numeric import is_numeric
from warm import Warm, warm

for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):  # they would make a terminal of every file
    os.environ.pop(name, None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; Ctrl-C is tested there, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Compiled files are kept whatever PYTHONDONTWRITEBYTECODE says: 4 s for each process of the next run."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = before


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    import torch  # here: the process that starts the others has no tests, and need not load it

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for item in items:
        if is_numeric(item.function):
            item.add_marker("numeric")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: without this every collection of garbage looks through all of it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def fresh() -> Iterator[Warm]:
    """Processes that need not load torch."""
    with warm() as found:
        yield found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core and two GPUs that are not there. This process is on the first."""
    from cluster_work import STORE
    from ray.cluster_utils import Cluster

    found = Cluster()
    for _ in range(2):
        found.add_node(num_cpus=1, num_gpus=2, object_store_memory=STORE, include_dashboard=False)
    yield found
    found.shutdown()
