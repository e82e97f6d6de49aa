"""What all commands share: sizes, one line for each error, and output that has nowhere to go."""

import os
import warnings
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warm import Warm

from registry.commandline import Parser, UsageError, guarded, image_size, say
from registry.vocabulary import LARGEST, SMALLEST


@given(st.integers(SMALLEST, LARGEST), st.integers(SMALLEST, LARGEST))
def test_a_size_is_height_and_width(h: int, w: int) -> None:
    assert image_size(f"{h}x{w}") == image_size(f"{h}X{w}") == (h, w)
    assert image_size(str(h)) == (h, h)


@pytest.mark.parametrize(
    "text", ["7", "0", "8193", "64x", "x64", "1x2x3", "-64", "6_4", "64.0", "", "\u0663\u0662", "9" * 5000, "a" * 5000]
)
def test_what_is_no_size_is_a_short_line(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="8 to 8192") as caught:
        image_size(text)
    assert len(str(caught.value)) < 200


def test_a_leftover_is_refused_by_the_command_that_got_it() -> None:
    parser = Parser(prog="all")
    inner = parser.add_subparsers().add_parser("one")
    inner.stray = "write --word"
    with pytest.raises(UsageError, match=r"^unrecognized arguments: --sise 4; see all one --help$"):
        parser.parse_args(["one", "--sise", "4"])
    with pytest.raises(UsageError, match=r"^unrecognized arguments: some words; write --word; see all one --help$"):
        parser.parse_args(["one", "some", "words"])
    with pytest.raises(UsageError, match=r"see all --help$"):
        parser.parse_args(["--sise", "one"])


def test_guarded_gives_the_commands_own_code() -> None:
    assert [guarded(lambda code=code: code) for code in (None, 0, 1)] == [0, 0, 1]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("device", "code", "said"), [("closed", 0, ""), ("/dev/full", 2, "error: No space left on device\n")]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_has_nowhere_to_go(device: str, code: int, said: str, fresh: Warm) -> None:
    file = -1 if device == "closed" else os.open(device, os.O_WRONLY)
    done = fresh.run("-m", "zoo", "list", stdout=file)
    if file >= 0:
        os.close(file)
    assert (done.returncode, done.stderr) == (code, said)


def test_control_characters_of_names_become_codes_and_line_breaks_stay(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> int:
        warnings.warn("a\rb", stacklevel=1)
        raise UsageError("x\x1b]0;title\x07\u202e\udcff, ü\n ^ here")

    assert guarded(fails) == 2
    say("\x1b[2J\tname")
    shown = capsys.readouterr()
    assert shown.err == "warning: a\\rb\nerror:\n  x\\x1b]0;title\\x07\\u202e\\udcff, ü\n   ^ here\n"
    assert shown.out == "\\x1b[2J\tname\n"
