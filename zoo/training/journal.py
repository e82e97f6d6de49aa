"""What a run writes down: a line for each look at the losses, in JSON and CSV, and TensorBoard's where it is asked for.

Lines that a killed run wrote after its last checkpoint are taken away when it goes on, so that no step stands twice.
"""

import csv
import io
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from registry import OptionError
from zoo.files import from_json, write_text

LOG = "log.jsonl"
TABLES = {"train": "log.csv", "validation": "validation.csv", "rate": "rates.csv"}


class Journal:
    """The log of a run, kept in its folder."""

    def __init__(self, folder: Path, *, upto: int = 0, tensorboard: bool = False):
        self.folder = folder
        self.lines = [line for line in read(folder / LOG) if line.get("step", upto + 1) <= upto]
        if (folder / LOG).exists():
            write_text(folder / LOG, "".join(json.dumps(line) + "\n" for line in self.lines))
            for kind in TABLES:
                self._table(kind)
        self.board = summary_writer()(str(folder / "tensorboard"), purge_step=upto + 1) if tensorboard else None

    def write(self, kind: str, step: int, facts: Mapping[str, Any]) -> None:
        """Add a line of a kind, one of TABLES; it outlives this process when this returns."""
        line = {"kind": kind, "step": step, **{name: _plain(value) for name, value in facts.items()}}
        before = self._columns(kind)
        self.lines.append(line)
        with open(self.folder / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        if self._columns(kind) != before:  # the first line, or of a stage with other losses
            self._table(kind)
        else:
            with open(self.folder / TABLES[kind], "a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, before, extrasaction="ignore").writerow(line)
        if self.board:
            for name, value in facts.items():
                if isinstance(value, int | float) and math.isfinite(value):
                    self.board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        if self.board:
            self.board.close()

    def _columns(self, kind: str) -> list[str]:
        lines = (line for line in self.lines if line["kind"] == kind)
        return list(dict.fromkeys(name for line in lines for name in line if name != "kind"))

    def _table(self, kind: str) -> None:
        rows = [line for line in self.lines if line["kind"] == kind]
        if not rows:
            (self.folder / TABLES[kind]).unlink(missing_ok=True)
        else:
            text = io.StringIO()
            writer = csv.DictWriter(text, self._columns(kind), extrasaction="ignore")  # the kind
            writer.writeheader()
            writer.writerows(rows)
            write_text(self.folder / TABLES[kind], text.getvalue())


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; one that a crash has torn is passed over."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        with suppress(ValueError):
            if isinstance(line := from_json(text), dict):
                lines.append(line)
    return lines


def _plain(value: Any) -> Any:
    """As JSON has it: what is not finite is null."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def summary_writer() -> Any:
    """TensorBoard's class; OptionError where it is missing."""
    try:
        return import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError:
        raise OptionError(
            'TensorBoard is not installed; pip install -e ".[tensorboard]" in the checkout, or leave --tensorboard out'
        ) from None
