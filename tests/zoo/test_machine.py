"""Facts about the machine that a measurement or a worker depends on."""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from zoo.machine import keep_freed_memory


def held_after_freeing(keep, answer):
    """How many MB this process still holds of 240 that it has freed."""
    kept = keep and keep_freed_memory()
    before = held()
    for _ in range(2):  # after the first, glibc takes such blocks from its heap
        blocks = [bytearray(b"x" * (3 << 20)) for _ in range(80)]
        del blocks
    answer.put((kept, held() - before))


def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_keeps_what_it_freed():
    fork = multiprocessing.get_context("fork")
    found = []
    for keep in (False, True):
        answer = fork.SimpleQueue()
        child = fork.Process(target=held_after_freeing, args=(keep, answer))
        child.start()
        found.append(answer.get())
        child.join()
    (_, given_back), (kept, still) = found
    if not kept:
        pytest.skip("this C library has no mallopt")
    assert given_back + 60 < still  # of 240, less what the forked heap had free already
