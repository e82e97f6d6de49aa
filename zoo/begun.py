"""In words, how the settings of some work differ between its start and its continuation."""

from collections.abc import Mapping
from typing import Any

from registry import listed

SHOWN = 3  # settings in one message, and names in one setting
LONGEST = 80  # letters of a value


def differences(begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Settings by name, in the order of their names; a mapping among them holds files, or groups, by name.

    >>> differences({"seed": 0, "files": {"a": 1, "b": 1}}, {"seed": 3, "files": {"a": 2, "c": 1}})
    'files: 1 gone (b), 1 new (c), 1 changed (a); seed was 0, not 3'
    """
    names = [name for name in sorted({*begun, *wanted}) if begun.get(name) != wanted.get(name)]
    return listed([_difference(name, begun.get(name), wanted.get(name)) for name in names], SHOWN)


def _difference(name: str, old: Any, new: Any) -> str:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return f"{name} was {_short(old)}, not {_short(new)}"
    changes = {
        "gone": [key for key in old if key not in new],
        "new": [key for key in new if key not in old],
        "changed": [key for key in old if key in new and old[key] != new[key]],
    }
    parts = (
        f"{len(keys)} {change} ({', '.join(keys[:SHOWN])}{', …' if len(keys) > SHOWN else ''})"
        for change, keys in changes.items()
        if keys
    )
    return f"{name}: {', '.join(parts)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
