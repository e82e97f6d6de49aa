"""Dataclasses to what JSON has, and back: strict about names, and about what no version left out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from registry import ZooError, listed, shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
SHOWN = 40  # characters of what is no field
QUICK: Mapping[Any, set[type]] = {float: {int, float}, float | None: {int, float, NoneType}}  # of long lists


class RecordError(ZooError, ValueError):
    """Data that is not a record; the message says why."""


def filled(kind: type[Kind], found: Any, what: str) -> Kind:
    """A dataclass of what was read, with those in it; a field whose default is None, or made anew, may be missing."""
    if not isinstance(found, dict):
        raise RecordError(f"{what} is {str(found)[:SHOWN]!r}, and should be named fields")
    known = {each.name: each for each in fields(kind)}
    if strange := sorted(found.keys() - known.keys()):
        raise RecordError(f"{what} has {listed([*map(shown, strange)])}, which no version of pairzoo wrote")
    needed = [name for name, each in known.items() if each.default is not None and each.default_factory is MISSING]
    if lacking := [name for name in needed if name not in found]:
        raise RecordError(f"{what} lacks {', '.join(lacking)}")
    return kind(**{name: typed(_types(kind)[name], value, name) for name, value in found.items()})


_types = cache(get_type_hints)


def typed(kind: Any, value: Any, what: str) -> Any:
    """A value as an annotation has it: JSON's named fields may be a dataclass, its lists tuples; else a RecordError."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any or is_dataclass(value):
        return value
    if origin in (Union, UnionType):
        return _one_of(args, value, what)
    if origin is tuple and isinstance(value, list | tuple) and (args[1:] == (...,) or len(args) == len(value)):
        parts = args[:1] * len(value) if args[1:] == (...,) else args
        return tuple(typed(part, one, what) for part, one in zip(parts, value, strict=True))
    if origin is list and isinstance(value, list) and args[0] in QUICK and {*map(type, value)} <= QUICK[args[0]]:
        return value
    if origin is list and isinstance(value, list):
        return [typed(args[0], one, what) for one in value]
    if origin is Mapping and isinstance(value, dict):
        return {name: typed(args[1], one, f"{what}.{name}") for name, one in value.items()}
    if is_dataclass(kind):
        return filled(cast("type[DataclassInstance]", kind), value, what)
    plain = (int, float) if kind is float else origin or kind
    if (
        origin in (tuple, list, Mapping)
        or not isinstance(value, plain)
        or (isinstance(value, bool) and kind is not bool)
    ):
        raise RecordError(f"{what} is {str(value)[:SHOWN]!r}, and should be {_name(kind)}")
    return value


def _one_of(kinds: tuple[Any, ...], value: Any, what: str) -> Any:
    """As the first that fits; of `X | None` the error is X's."""
    if value is None and NoneType in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not NoneType)
    for kind in others:
        with suppress(RecordError):
            return typed(kind, value, what)
    return typed(last, value, what)


def _name(kind: Any) -> str:
    """What an annotation is called in a message."""
    if get_origin(kind) is tuple and get_args(kind)[1:] != (...,):
        return "two values"
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Mapping: "named fields"}
    return words.get(get_origin(kind) or kind, "a list")


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
