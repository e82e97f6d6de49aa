"""The sub-commands of `zoo`, one file each. A file that is put here is found without a line anywhere else.

A command's file has a docstring, whose first line is its help; `arguments(parser)`, which declares what it takes; and
`run(args)`, which does it and prints. What goes wrong it raises: `zoo.__main__` turns errors into one line. Heavy
imports belong inside `run`, because every start of `zoo` imports every command.
"""

import importlib
import pkgutil
from types import ModuleType


def commands(package: str = __name__) -> dict[str, ModuleType]:
    """Name -> module of a package of commands, in alphabetical order."""
    folder = importlib.import_module(package).__path__
    found = (module for module in pkgutil.iter_modules(folder) if not module.ispkg)
    return {module.name: importlib.import_module(f"{package}.{module.name}") for module in found}
