"""The sub-commands of `zoo`, one file each. A file that is put here is found without a line anywhere else.

A command's file has a docstring, whose first line is its help; `arguments(parser)`, which declares what it takes; and
`run(args)`, which does it and prints. What goes wrong it raises: `zoo.__main__` turns errors into one line. Heavy
imports belong inside `run`, because every start of `zoo` imports every command.
"""

import importlib
import pkgutil
from argparse import ArgumentParser
from collections.abc import Mapping
from types import ModuleType


def commands(package: str = __name__) -> dict[str, ModuleType]:
    """Name -> module of a package of commands, in alphabetical order."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return {module.name: importlib.import_module(f"{package}.{module.name}") for module in found if not module.ispkg}


def add_commands(parser: ArgumentParser, kind: str, modules: Mapping[str, ModuleType], *, required: bool) -> None:
    """Let a parser take commands; `run` is what does the one that is given, or its own command."""
    subparsers = parser.add_subparsers(title=f"{kind}s", metavar=kind.upper(), required=required)
    for name, module in modules.items():
        summary = (module.__doc__ or "").strip().splitlines()[0]
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        module.arguments(subparser)
        if hasattr(module, "run"):
            subparser.set_defaults(run=module.run)
