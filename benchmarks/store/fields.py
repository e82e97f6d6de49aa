"""Dataclasses to what JSON has, and back: strict about names, and about what no version left out."""

from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from registry import ZooError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")


class RecordError(ZooError, ValueError):
    """What was read is no record; the message says why."""


def filled(kind: type[Kind], found: Any, what: str) -> Kind:
    """A dataclass of what was read; a field whose default is None, or made anew, may be missing."""
    found = named(found, what)
    known = {each.name: each for each in fields(kind)}
    if strange := sorted(found.keys() - known.keys()):
        raise RecordError(f"{what} has {', '.join(map(repr, strange))}, which no version wrote")
    needed = [name for name, each in known.items() if each.default is not None and each.default_factory is MISSING]
    if lacking := [name for name in needed if name not in found]:
        raise RecordError(f"{what} lacks {', '.join(lacking)}")
    return kind(**found)


def named(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise RecordError(f"{what} is {str(found)[:40]!r}, and should be named fields")
    return dict(found)


def plain(value: "DataclassInstance") -> dict[str, Any]:
    """The fields of a dataclass by name, dataclasses in them too; those are left out that are None by default."""
    return {
        each.name: _plain(found)
        for each in fields(value)
        if (found := getattr(value, each.name)) is not None or each.default is not None
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return plain(value)
    return [*map(_plain, value)] if isinstance(value, tuple) else value
