"""A case: what lies in a folder, and what is asked for; as a file of JSON it is kept."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOUND = Path(__file__).parent / "found"


@dataclass(frozen=True)
class Case:
    """files: relative name -> content."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def lay_out(self, folder: Path) -> None:
        """Put the files into a new folder."""
        folder.mkdir()
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def save(self, path: Path, kind: str, told: str) -> None:
        """Write it, with its kind and what it showed."""
        files = {name: b64encode(content).decode() for name, content in self.files.items()}
        text = json.dumps({"kind": kind, "told": told, "words": self.words, "files": files}, indent=1)
        path.write_text(f"{text}\n")


def read(path: Path) -> tuple[str, Case]:
    """The kind of a kept case, and the case."""
    found = json.loads(path.read_text())
    files = {name: b64decode(content) for name, content in found["files"].items()}
    return found["kind"], Case(files, tuple(found["words"]))


def kept() -> list[Path]:
    """The cases that were findings once."""
    return sorted(FOUND.glob("*.json"))
