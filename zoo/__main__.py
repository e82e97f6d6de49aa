"""The command line: `zoo list`, `zoo describe unet`; the same as `python -m zoo list`."""

import os
import sys
import warnings
from argparse import ArgumentParser
from textwrap import indent
from typing import Any, NoReturn

from registry import ZooError
from zoo.commands import commands
from zoo.version import __version__

WRONG, INTERRUPTED, CLOSED = 2, 130, 141  # exit codes; the last two as a shell has them for SIGINT and SIGPIPE


class UsageError(ZooError):
    """A command line that does not fit."""


class Parser(ArgumentParser):
    """Raises what is wrong instead of printing it, so that every error leaves by one door."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit code. Errors that a user can put right are one or two lines on stderr."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without some letter shows a question mark
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            args = _parser().parse_args(argv)
            args.run(args)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough, as in `zoo list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
            return CLOSED
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except (ZooError, OSError) as error:
            print(_line(error), file=sys.stderr)
            return WRONG
    return 0


def _parser() -> Parser:
    parser = Parser(prog="zoo", description="Interchangeable networks for paired images: their mask and their depth.")
    parser.add_argument("--version", action="version", version=f"pairzoo {__version__}")
    parser.set_defaults(run=lambda _: parser.print_help())
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, module in commands().items():
        summary = (module.__doc__ or "").strip().splitlines()[0]
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        module.arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def _line(error: Exception) -> str:
    """The error in a line; a spec's caret keeps its place under the character it points at."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"error:\n{indent(text, '  ')}" if "\n" in text else f"error: {text}"


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
