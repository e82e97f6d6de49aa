"""Plain data as TOML text. Python reads TOML and does not write it; what recipes and records hold is little of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(data: Mapping[str, Any]) -> str:
    """Text that `tomllib.loads` turns into the same data: numbers, text, truth values, lists, tables, lists of tables.

    >>> dumps({"a": 1, "b": {"c": [1.5, "x"]}, "d": [{"e": True}]}).split("\\n")
    ['a = 1', '', '[b]', 'c = [1.5, "x"]', '', '[[d]]', 'e = true', '']
    """
    tables = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    arrays = {key: value for key, value in data.items() if _is_tables(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in data.items() if key not in tables and key not in arrays]
    for key, table in tables.items():
        lines += ["", f"[{_key(key)}]", *_flat(table)]
    for key, array in arrays.items():
        for table in array:
            lines += ["", f"[[{_key(key)}]]", *_flat(table)]
    return "\n".join([*lines, ""]).lstrip("\n")


def _flat(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, int | float):  # Python's True, nan and inf are TOML's in small letters
        return repr(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_flat(value))} }}" if value else "{}"
    raise TypeError(f"TOML cannot hold a {type(value).__name__}: {value!r}")


def _text(text: str) -> str:
    """JSON's escapes are TOML's, but for the delete character and lone surrogates, which TOML does not allow at all."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
