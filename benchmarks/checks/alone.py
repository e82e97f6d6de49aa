"""Work in a fresh process, whose memory is its own: nothing of what came before is in its peak."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")


def alone(work: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """What a function of a module finds there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *given, **named).result()
