"""The sub-commands of `zoo`, one file each. A file that is put here is found without a line anywhere else.

A command's file has a docstring, whose first line is its help; `arguments(parser)`, which declares what it takes; and
`run(args)`, which does it and prints. What goes wrong it raises: `zoo.__main__` turns errors into one line. Only the
command that was asked for is imported: `zoo --help` reads the others' docstrings from their files.
"""

import ast
import importlib
import pkgutil
from functools import partial
from importlib.abc import InspectLoader
from importlib.util import find_spec

from registry.commandline import Parser


def add_commands(parser: Parser, package: str = __name__, kind: str = "command", *, required: bool = False) -> None:
    """A package's commands, in alphabetical order, as sub-commands of a parser."""
    subparsers = parser.add_subparsers(title=f"{kind}s", metavar=kind.upper(), required=required)
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if not found.ispkg:
            summary = _summary(found.name)
            subparser = subparsers.add_parser(found.name.rpartition(".")[2], help=summary, description=summary)
            subparser.fill = partial(_fill, found.name)


def _summary(module: str) -> str:
    """The first line of a module's docstring, without importing it."""
    spec = find_spec(module)
    assert spec is not None  # it was just found
    source = spec.loader.get_source(module) if isinstance(spec.loader, InspectLoader) else None
    return (ast.get_docstring(ast.parse(source or "")) or "").partition("\n")[0]


def _fill(module: str, parser: Parser) -> None:
    command = importlib.import_module(module)
    if hasattr(command, "run"):
        parser.set_defaults(run=command.run)
    command.arguments(parser)
