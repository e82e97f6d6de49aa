"""Argument types that the commands share."""

import os
from argparse import ArgumentTypeError

import pytest

from registry.arguments import at_least, positive, threads


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "9" * 5000, "\u00b2"])
def test_counts_and_times_refuse_what_they_cannot_take(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="give a whole number from 1 to 1000000"):
        at_least(1)(text)
    if text != "1.5" and text[0] != "9":
        with pytest.raises(ArgumentTypeError, match="give a number above 0"):
            positive(text)


def test_threads_are_a_few_for_each_core() -> None:
    most = 4 * (os.cpu_count() or 1)
    assert threads(str(most)) == most
    for text in (str(most + 1), "999999", "0"):
        with pytest.raises(ArgumentTypeError, match=f"from 1 to {most}"):
            threads(text)
