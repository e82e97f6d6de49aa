"""The settings that a folder is filled by: written once, and the same at every later start."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.begun import differences
from zoo.data.dataset import DataError
from zoo.files import write_text
from zoo.lock import LOCK

PLAN = "compose.json"
SHOWN = 3  # names in one message


def settle(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Write the plan into a new folder, or see that a begun one has the same; whether it was begun.

    plan: settings by name; a mapping among them holds files by name.
    """
    path = folder / PLAN
    plan = json.loads(json.dumps(plan))
    if not path.exists():
        others = sorted(name for name in os.listdir(folder) if name != LOCK and not name.endswith(".part"))
        if others:
            raise DataError(
                f"{folder} holds other things ({', '.join(others[:SHOWN])}) and no {PLAN}; give an empty or new --out"
            )
        write_text(path, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")
        return False
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        different = differences(begun, plan)
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}), so it is not known what the folder holds") from None
    if different:
        raise DataError(f"{folder} was begun with other settings: {different}. Give those again, or another --out")
    return True
