"""What loading a file did to a network, in a few lines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo.contract import TASKS

PARTS = [[task] for task in TASKS]  # modules that are named by task
SHOWN = 6  # groups named on one line; the rest is counted


@dataclass(frozen=True)
class LoadReport:
    """Names are the network's own in copied, inflated and fresh, and the file's in unused."""

    source: Path
    naming: str  # whose names the file uses
    copied: tuple[str, ...] = ()
    inflated: tuple[str, ...] = ()  # first layers widened to the network's channels
    fresh: tuple[str, ...] = ()  # not in the file: as they were initialised
    unused: tuple[str, ...] = ()  # in the file, without a place in the network
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Everything was copied as it is, and nothing else changed."""
        return not (self.inflated or self.fresh or self.unused or self.notes)

    def __str__(self) -> str:
        lines = [f"{self.source.name} ({self.naming}): {len(self.copied) + len(self.inflated)} tensors taken"]
        for what in ("copied", "inflated", "fresh", "unused"):
            names: tuple[str, ...] = getattr(self, what)
            if names:
                lines.append(f"  {what} {_groups(names)}")
        if self.notes:
            lines.append(f"  note: {'; '.join(self.notes)}")
        return "\n".join(lines)


def _groups(names: Iterable[str]) -> str:
    """`encoder (112 tensors), decoders.mask (84)`."""
    paths = (name.split(".") for name in names)
    counts = Counter(".".join(path[: 2 if path[1:2] in PARTS else 1]) for path in paths)
    shown = [f"{group} ({count})" for group, count in list(counts.items())[:SHOWN]]
    shown[0] = f"{shown[0][:-1]} tensor{'s' * (next(iter(counts.values())) != 1)})"
    rest = sum(list(counts.values())[SHOWN:])
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
