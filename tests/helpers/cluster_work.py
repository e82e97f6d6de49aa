"""What the tests of a Ray cluster send there."""

import os
import signal
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
STORE = 80 * 2**20  # bytes; the least that Ray takes is 75 MB


def double(item):
    return 2 * item


def refuse(wrong, item):
    if item == wrong:
        raise ValueError(f"{item} is refused") from KeyError("why")
    return item


class StubbornError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")  # so that it cannot be made anew from its pickle


def stubborn(item):
    raise StubbornError(item, 2)


def log(folder, seconds, item):
    """Leave a line for each call: which item, which node, and from when to when."""
    began = time.time()
    with open(folder / f"{item}.began", "a") as file:
        file.write("x")
    time.sleep(seconds)
    cuda = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"node": ray.get_runtime_context().get_node_id(), "cuda": cuda, "began": began, "ended": time.time()}


def die(item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def wait(folder, item):
    (folder / f"{os.getpid()}.pid").touch()
    try:
        for _ in range(6000):
            time.sleep(0.1)
    finally:
        (folder / f"{os.getpid()}.cleaned").touch()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=240.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def linger(folder, node, item):
    """Work that from the tenth item on is long on one node, and waits elsewhere for that node to be at work."""
    here = ray.get_runtime_context().get_node_id()
    with open(folder / f"{item}.began", "a") as file:
        file.write(f"{here}\n")
    if here == node and item >= 10:
        (folder / "at work").touch()
        time.sleep(60)
    elif item >= 10:
        wait_until((folder / "at work").exists)
    return here
