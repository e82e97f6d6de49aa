"""What `zoo.optimise` found of one network on one machine: `benchmarks.checks optimise`, and docs/export.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from benchmarks.store.fields import RecordError, filled
from benchmarks.store.record import Machine
from benchmarks.store.settings import Size
from registry import shown

if TYPE_CHECKING:
    from zoo.deploy.optimising.report import Report


@dataclass(frozen=True, kw_only=True)
class OptimisedRecord:
    """trained: the weights are of a training, else drawn at random. clock: of which seconds milliseconds are, wall or
    cpu. features: what the processor can, of those that decide. found: a report of zoo.optimise."""

    measure: str = "optimised"
    model: str
    spec: str
    trained: bool
    size: Size
    clock: str
    features: tuple[str, ...]
    load: float | None = None
    machine: Machine
    found: Mapping[str, Any]

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two of one; the newer one counts."""
        return self.model, self.spec, self.size, self.clock, self.features, self.machine.identity

    @property
    def report(self) -> "Report":
        from zoo.deploy.optimising.report import Report  # here: other records do without it

        return Report.from_json(self.found)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Of what a line of a file holds."""
        if (measure := found.get("measure")) != cls.measure:
            raise RecordError(f"measure {shown(measure)} is not {cls.measure!r}")
        record = filled(cls, found, "record")
        try:
            record.report  # noqa: B018  (whether it is one)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"what was found is no report of zoo.optimise: {error}") from None
        return record
