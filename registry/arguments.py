"""Types of arguments, and commands of a package that import nothing slow before the arguments are read."""

import contextlib
import math
import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

from registry.commandline import Parser, guarded, whole

Value = TypeVar("Value")
Arguments = Mapping[str, Mapping[str, Any]]  # of a command: a name -> what argparse is told of it
Commands = Mapping[str, tuple[str, Arguments]]  # of a package: a module -> what it does, and what its `run` takes

MOST = 1_000_000  # of anything that is counted; a slip of the finger beyond


def command(package: str, commands: Commands, argv: Sequence[str] | None) -> int:
    """Call the `run` of a package's module with the parsed arguments; returns the exit code."""
    parser = Parser(prog=f"python -m {package}")
    known = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, arguments) in commands.items():
        one = known.add_parser(name, help=summary, description=summary)
        one.set_defaults(module=f"{package}.{name}")
        for argument, told in arguments.items():
            one.add_argument(argument, **told)

    def run() -> int:
        given = vars(parser.parse_args(argv))
        return import_module(given.pop("module")).run(**given)

    return guarded(run)


def positive(text: str) -> float:
    """A number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise ArgumentTypeError(f"{text[:40]!r} is not accepted; give a number above 0")


def at_least(least: int, *, most: int = MOST) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""
    return whole(least, most)


# on the CPU: more than a few for each core only stand in line, and very many cannot be started
threads = at_least(1, most=4 * (os.cpu_count() or 1))


def listed(*known: str) -> Callable[[str], tuple[str, ...]]:
    """Some of the known words, with commas between them."""

    def words(text: str) -> tuple[str, ...]:
        given = tuple(part.strip() for part in text.split(","))
        for word in given:
            if word not in known:
                raise ArgumentTypeError(f"{word[:40]!r} is not accepted; choose from {', '.join(known)}")
        return tuple(dict.fromkeys(given))

    return words


def several(each: Callable[[str], Value]) -> Callable[[str], tuple[Value, ...]]:
    """Values with commas between them."""
    return lambda text: tuple(each(part.strip()) for part in text.split(","))


def add_executor(parser: ArgumentParser) -> None:
    """Where work on many items is done."""
    parser.add_argument(
        "--executor",
        choices=("processes", "ray"),
        default="processes",
        help="ray runs on a cluster; default: processes",
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="ray: the cluster to join; default: one is started here")
