"""Joules of a call, from a counter that moves now and then."""

from collections.abc import Callable

import pytest
import torch

from benchmarks.timing import energy


def counted(each: float, together: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """Calls of 0.04 s and `each` joules; a counter that moves after so many of them, and the clock."""
    calls = [0]

    def done() -> float:
        calls[0] += 1
        return calls[0] // together * together * each

    return done, lambda: 0.04 * calls[0]


@pytest.mark.parametrize("together", [1, 2, 5])
def test_calls_are_counted_between_two_steps_of_the_counter(together: int) -> None:
    done, clock = counted(12.0, together)
    assert energy.between_steps(done, clock) == 12.0


def test_a_counter_that_stands_still_tells_nothing() -> None:
    done, clock = counted(12.0, 100)
    assert energy.between_steps(done, clock) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_where_there_is_no_counter_nothing_is_called() -> None:
    assert energy.each(lambda: pytest.fail("called"), torch.device("cuda")) is None
