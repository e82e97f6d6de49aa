"""Refuses a network for which memory does not suffice before it is built, so that the system does not kill the
process."""

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from registry import OptionError
from zoo.machine import memory_or, weightless

LARGE = 1 << 30  # bytes of weights; a network with more is first counted where it takes no memory
MANY = 4096  # channels; of more, even the statistics of images may fill the memory, which are made before all layers
GB = 1e9  # bytes

Made = TypeVar("Made")


class _LargeError(Exception):
    """More weights than LARGE."""


def made(name: str, make: Callable[[], Made], in_ch: int = 0) -> Made:
    """What `make` gives, a network of so many channels; an OptionError where its weights are more than all memory."""
    if torch.get_default_device().type == "meta":
        return make()
    total, state = memory(), torch.get_rng_state()
    refusal = partial(
        OptionError,
        f"{name} with these options has too many weights for this machine ({total / GB:.3g} GB of memory);"
        " give smaller options, or take another network",
    )
    with memory_or(refusal):
        with suppress(_LargeError), _at_most(LARGE):
            if in_ch <= MANY:
                return make()
        if not _fits(make, total):
            raise refusal()
        torch.set_rng_state(state)  # as if it had not been begun
        return make()


def memory() -> float:
    """Bytes of this machine's main memory; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf


def _fits(make: Callable[[], object], most: float) -> bool:
    """Whether a network has at most so many bytes of weights; one that cannot be made without memory does."""
    try:
        with weightless(), _at_most(most):
            make()
    except _LargeError:
        return False
    except Exception as error:  # some encoders read values while they are built; sizes may overflow
        return "overflow" not in str(error).lower()
    return True


@contextmanager
def _at_most(most: float) -> Iterator[None]:
    """Stop once the weights that this thread makes take more bytes; a layer is counted before its numbers are drawn."""
    thread, taken = threading.get_ident(), 0

    def count(_: nn.Module, __: str, weight: nn.Parameter | None) -> None:
        nonlocal taken
        if weight is not None and threading.get_ident() == thread:
            taken += weight.nbytes
            if taken > most:
                raise _LargeError

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
