"""What was found of one network in one format, after it left as a file: `compare --formats`, and docs/export.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.store.fields import RecordError, filled
from benchmarks.store.record import Machine
from benchmarks.store.settings import Size
from registry import shown


@dataclass(frozen=True)
class ExportSettings:
    """data: on whose pairs both are compared. weights: what of; None: drawn at random, so nothing is known of truth."""

    format: str
    size: Size
    data: str
    pairs: int
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExportRecord:
    """values: bytes, build_s, ms with low and high, cpu_ms, load of the machine; largest and mean difference from the
    network, of either map in [0, 1]; mask_iou, depth_rmse and others of the truth, where the weights were trained."""

    measure: str = "export"
    model: str
    spec: str
    group: str
    cell: ExportSettings
    machine: Machine
    values: Mapping[str, float | None] = field(default_factory=dict)
    failed: str | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two of one cell; the newer one counts."""
        return self.spec, self.cell, self.machine.identity

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Of what a line of a file of exports holds."""
        if (measure := found.get("measure")) != cls.measure:
            raise RecordError(f"measure {shown(measure)} is not {cls.measure!r}")
        return filled(cls, found, "record")
