"""Measure and compare: `python -m benchmarks.compare`, or from Python `benchmarks.leaderboard`."""

from typing import TYPE_CHECKING, Any

try:
    from registry.neighbours import check as _check
except ImportError as error:
    import sys

    import registry

    message = (
        f"pairzoo's package 'registry' is shadowed by {registry.__file__}. Uninstall or rename the other package, or"
        " start Python from another folder"
    )
    if sys.argv[:1] == ["-m"]:  # a command, which ends in a line
        sys.exit(f"error: {message}")
    raise ImportError(message) from error

__distribution__ = "pairzoo"

_check(__file__)

if TYPE_CHECKING:
    from benchmarks.run.leaderboard import leaderboard
    from benchmarks.show.results import Results

__all__ = ["Results", "leaderboard"]
_HOMES = {"leaderboard": "benchmarks.run.leaderboard", "Results": "benchmarks.show.results"}


def __getattr__(name: str) -> Any:
    """What is loaded when it is asked for, because torch comes with it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'benchmarks' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
