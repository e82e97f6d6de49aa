"""The settings that a folder is filled by: written once, and the same at every later start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.begun import differences
from zoo.data.dataset import DataError
from zoo.files import from_json, write_text


def settle(file: Path, settings: Mapping[str, Any], hint: str) -> None:
    """Write the settings into a new file, or see that one that was begun has the same; hint: what else to give.

    A mapping among them holds files by name.
    """
    if not file.exists():
        write_text(file, json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
        return
    try:
        begun = from_json(file.read_text(encoding="utf-8"))
        require_same(begun, settings, f"{file.parent} was begun", hint)
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{file} cannot be read ({error}), so it is not known what the folder holds") from None


def require_same(begun: Mapping[str, Any], settings: Mapping[str, Any], what: str, hint: str) -> None:
    """Raise where what was begun differs from the settings, as JSON has them."""
    if different := differences(begun, json.loads(json.dumps(settings))):
        raise DataError(f"{what} with other settings: {different}. Give those again, or {hint}")
