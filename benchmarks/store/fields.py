"""Dataclasses to what JSON has, and back: strict about names, and about what no version left out."""

from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from registry import ZooError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
SHOWN = 40  # characters of what is no field


class RecordError(ZooError, ValueError):
    """What was read is no record; the message says why."""


def filled(kind: type[Kind], found: Any, what: str) -> Kind:
    """A dataclass of what was read, with those in it; a field whose default is None, or made anew, may be missing."""
    if not isinstance(found, dict):
        raise RecordError(f"{what} is {str(found)[:SHOWN]!r}, and should be named fields")
    known = {each.name: each for each in fields(kind)}
    if strange := sorted(found.keys() - known.keys()):
        raise RecordError(f"{what} has {', '.join(map(repr, strange))}, which no version wrote")
    needed = [name for name, each in known.items() if each.default is not None and each.default_factory is MISSING]
    if lacking := [name for name in needed if name not in found]:
        raise RecordError(f"{what} lacks {', '.join(lacking)}")
    return kind(**{name: _typed(_types(kind)[name], value, name) for name, value in found.items()})


_types = cache(get_type_hints)


def _typed(kind: Any, value: Any, what: str) -> Any:
    """A value as its field's annotation has it: JSON's named fields may be a dataclass, its lists tuples."""
    if value is None or is_dataclass(value):
        return value
    for each in (kind, *get_args(kind)):  # of `X | None` the X
        if isinstance(each, type) and is_dataclass(each):
            return filled(each, value, what)
        if get_origin(each) is tuple:
            part, more = get_args(each)  # as tuple[Look, ...] or tuple[int, int]
            if not isinstance(value, list | tuple) or (more is not ... and len(value) != 2):
                wanted = "a list" if more is ... else "two values"
                raise RecordError(f"{what} is {str(value)[:SHOWN]!r}, and should be {wanted}")
            return tuple(_typed(part, one, what) for one in value)
    return value


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
