"""The sub-commands of `zoo`, one file each. A file that is put here is found without a line anywhere else.

A command's file has a docstring, whose first line is its help; `arguments(parser)`, which declares what it takes; and
`run(args)`, which does it and prints. What goes wrong it raises: `zoo.__main__` turns errors into one line. Heavy
imports belong inside `run`, because every start of `zoo` imports every command.
"""

import importlib
import pkgutil
from types import ModuleType


def commands() -> dict[str, ModuleType]:
    """Name -> module, in alphabetical order."""
    found = pkgutil.iter_modules(__path__)
    return {module.name: importlib.import_module(f"{__name__}.{module.name}") for module in found}
