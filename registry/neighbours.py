"""`zoo`, `registry` and `benchmarks` are common words: make sure that the three we import are our own."""

from importlib.util import find_spec
from pathlib import Path


def check(file: str) -> None:
    """Raise ImportError, naming the culprit, where a neighbour is found in another folder than the caller's."""
    home = Path(file).resolve().parent.parent
    for name in ("zoo", "registry", "benchmarks"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin and origin != home / name / "__init__.py":
            culprit = origin.parent if origin.name == "__init__.py" else origin
            raise ImportError(
                f"pairzoo's package {name!r} is shadowed by {culprit}; it belongs in {home / name}."
                f" Uninstall or rename the other package, or start Python from another folder"
            )
