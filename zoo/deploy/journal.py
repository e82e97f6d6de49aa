"""What a prediction of many photos was begun with, and which of them are done: a small file in its folder.

While some are not done, DIR/.predict.jsonl is there: a line with the settings, then one for each photo that is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.begun import differences
from zoo.data.dataset import DataError
from zoo.files import from_json, write_text

FILE = ".predict.jsonl"


@dataclass
class Journal:
    """photos: names of all that were ever asked for; done: name -> what it was made from."""

    path: Path
    settings: Mapping[str, Any]
    photos: list[str] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any]) -> "Journal":
        """That of a prediction which was begun with these settings; what a crash has torn is passed over, or goes."""
        path = folder / FILE
        try:
            first, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
            begun = from_json(first)
            different = differences(begun["settings"], json.loads(json.dumps(settings)))
            found = cls(path, settings, [str(name) for name in begun["photos"]], dict(_whole(lines)))
        except FileNotFoundError:
            raise DataError(f"{folder} holds nothing to resume: no prediction was begun, or all is done") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path} cannot be read ({error}); start over with --overwrite, without --resume") from None
        if different:
            raise DataError(
                f"{folder} was begun with other settings: {different}. Give those again, or start over with --overwrite"
            )
        return found

    def begin(self, photos: Sequence[str]) -> None:
        """Write what is known, and that these are asked for."""
        self.photos = list(dict.fromkeys([*self.photos, *photos]))
        head = {"settings": self.settings, "photos": self.photos}
        lines = [head, *({"photo": name, "of": of} for name, of in self.done.items())]
        write_text(self.path, "".join(f"{json.dumps(line)}\n" for line in lines))

    def add(self, name: str, of: Any) -> None:
        """A photo is done."""
        self.done[name] = of
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps({'photo': name, 'of': of})}\n")


def _whole(lines: Sequence[str]) -> list[tuple[str, Any]]:
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            found.append((str(entry["photo"]), entry["of"]))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def look(path: Path | None) -> list[int] | None:
    """What tells whether a file is the one it was: its size, and when it was written, in nanoseconds."""
    if path is None or not path.exists():
        return None
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]
