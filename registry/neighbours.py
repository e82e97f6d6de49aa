"""`zoo`, `registry` and `benchmarks` are common words: make sure that the three we import are our own."""

import sys
from importlib.util import find_spec
from pathlib import Path

NAMES = ("zoo", "registry", "benchmarks")


def check(file: str) -> None:
    """Raise ImportError, naming the culprit, where a neighbour is found in another folder than the caller's; a command
    ends in a line."""
    home = Path(file).resolve().parent.parent
    for name in NAMES:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin and origin != home / name / "__init__.py":
            culprit = origin.parent if origin.name == "__init__.py" else origin
            message = (
                f"pairzoo's package {name!r} is shadowed by {culprit}; it belongs in {home / name}."
                f" Uninstall or rename the other package, or start Python from another folder"
            )
            if _is_command():
                sys.exit(f"error: {message}")
            raise ImportError(message)


def _is_command() -> bool:
    """Whether Python was started with -m and one of our modules, or is still looking for it."""
    started = getattr(sys.modules.get("__main__"), "__spec__", None)
    return sys.argv[:1] == ["-m"] or (started is not None and started.name.partition(".")[0] in NAMES)
