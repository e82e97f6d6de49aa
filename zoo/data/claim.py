"""A folder that one process at a time fills, by one plan, over as many starts as it takes."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.data.dataset import DataError
from zoo.files import write_text

LOCK, PLAN = ".compose.lock", "compose.json"
SHOWN = 3  # names in one message


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; it is made if it is not there, and goes again if it stays empty.

    The system lets go of the lock when the process ends, however it ends, so none is ever stale.
    """
    is_new = not folder.exists()
    file = _lock(folder / LOCK)
    while file is None:  # whoever held it has just taken the file away
        file = _lock(folder / LOCK)
    try:
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {os.uname().nodename}".encode())
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        os.close(file)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _lock(path: Path) -> int | None:
    """An open, locked file; None if it is no longer the one that the path names."""
    import fcntl  # here, so that a system without it can import the package

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except FileNotFoundError:  # whoever made the folder has just taken it away
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(file).st_ino:
            return file
    except FileNotFoundError:
        pass
    except BlockingIOError:
        holder = os.read(file, 100).decode(errors="replace") or "just starting"
        os.close(file)
        raise DataError(
            f"{path.parent} is being filled by another process ({holder}); wait for it, or give another --out"
        ) from None
    os.close(file)
    return None


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
        different = [_difference(name, begun.get(name), plan.get(name)) for name in sorted({*begun, *plan})]
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} cannot be read ({error}), so it is not known what the folder holds") from None
    if any(different):
        raise DataError(
            f"{folder} was begun with other settings: {'; '.join(filter(None, different))}. Give those again, or"
            " another --out"
        )
    return True


def _difference(name: str, old: Any, new: Any) -> str:
    """What differs between two values of a setting, in words; nothing if they are equal."""
    if old == new:
        return ""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return f"{name} was {_shown(old)}, not {_shown(new)}"
    changes = {
        "gone": [key for key in old if key not in new],
        "new": [key for key in new if key not in old],
        "changed": [key for key in old if key in new and old[key] != new[key]],
    }
    said = (
        f"{len(keys)} {change} ({', '.join(keys[:SHOWN])}{', …' if len(keys) > SHOWN else ''})"
        for change, keys in changes.items()
        if keys
    )
    return f"{name}: {', '.join(said)}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
