"""The facts of a catalog entry, and the options its factory takes."""

import inspect
import math
import types
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from registry.errors import OptionError, either, is_count, nearest, require

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True)
class Published:
    """Figures that must come out exactly: parameters, and GFLOPs (2 x multiply-adds) at 224 x 224, batch 1.

    >>> Published(6_242_050, 76.197).gflops
    76.197
    """

    params: int
    gflops: float | None = None


@dataclass(frozen=True)
class Card:
    """The facts that help to choose an entry.

    >>> Card(summary="two convolutions at half resolution").group
    'community'
    """

    summary: str  # one line
    group: str = "community"  # where it belongs in a table: founding, family, baseline, community
    origin: str = ""  # what it was published as
    paper: str = ""
    licence: str = "MIT"  # of this implementation, and of published weights where they differ
    published: Mapping[str, Published] = field(default_factory=dict)  # spec -> its figures
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """Which values of its type an option takes: `Annotated[float, "help", Limit("a number above 0", ...)]`.

    >>> Limit("a number above 0", lambda value: value > 0).holds(-1)
    False
    """

    accepted: str
    holds: Callable[[Any], bool]


ABOVE_0 = Limit("a number above 0", lambda value: 0 < value < math.inf)
FROM_0 = Limit("a number from 0 up", lambda value: 0 <= value < math.inf)
FROM_1 = Limit("a whole number from 1 up", is_count)
SHARE = Limit("a share from 0 to 1", lambda value: 0 <= value <= 1)
BELOW_1 = Limit("a share from 0 up to, not including, 1", lambda value: 0 <= value < 1)
BETWEEN = Limit("a share between 0 and 1", lambda value: 0 < value < 1)


@dataclass(frozen=True)
class Option:
    """One keyword option of a factory: its default, what it accepts, what it is for.

    >>> Option("depth", 3, int).check(4), Option("depth", 3, int).accepted
    (4, 'a whole number')
    """

    name: str
    default: Any
    annotation: Any
    help: str = ""
    limit: Limit | None = None

    def check(self, value: Any) -> Any:
        """The value as the factory takes it (a list becomes a tuple), or an OptionError."""
        value = _tuples(value)
        fits = _fits(value, self.annotation) and (self.limit is None or value is None or self.limit.holds(value))
        require(fits, self.name, value, self.accepted)
        return value

    @property
    def accepted(self) -> str:
        if self.limit is None:
            return _name(self.annotation)
        return f"{self.limit.accepted} or None" if _fits(None, self.annotation) else self.limit.accepted


def options_of(factory: Callable[..., Any], kinds: Container[Any] = (KEYWORD_ONLY,)) -> dict[str, Option]:
    """The keyword-only parameters of a callable, or those of other kinds, as options; `Annotated[int, "text", limit]`
    carries help and limit.

    factory: any callable with annotations. kinds: of parameters, the keyword-only ones where nothing else is said.

    >>> def factory(*, width: Annotated[int, "channels"] = 16): ...
    >>> options_of(factory)["width"].help
    'channels'
    """
    options = {}
    for parameter in inspect.signature(factory, eval_str=True).parameters.values():
        if parameter.kind in kinds:
            annotation, help_text, limit = parameter.annotation, "", None
            if get_origin(annotation) is Annotated:
                annotation, *notes = get_args(annotation)
                help_text = next((note for note in notes if isinstance(note, str)), "")
                limit = next((note for note in notes if isinstance(note, Limit)), None)
            options[parameter.name] = Option(parameter.name, parameter.default, annotation, help_text, limit)
    return options


def complete(
    who: str, options: Mapping[str, Option], given: Mapping[str, Any], more: Iterable[str] = ()
) -> dict[str, Any]:
    """All options with their values: the given ones checked, the others at their defaults.

    who: what takes them, for messages. options: those it has. given: those somebody gave.
    more: names that may be given too, and are looked at elsewhere.

    >>> complete("network unet", {"depth": Option("depth", 3, int), "width": Option("width", 64, int)}, {"depth": 4})
    {'depth': 4, 'width': 64}
    """
    known = {*options, *more}
    for name in given:
        if name not in known:
            raise OptionError(f"{who} has no option {name!r}; {nearest(name, known) if known else 'it takes none'}")
    values = {}
    for name, option in options.items():
        if name not in given and option.default is inspect.Parameter.empty:
            raise OptionError(f"{who} needs {name}; it takes {option.accepted}")
        values[name] = option.check(given[name]) if name in given else option.default
    return values


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (tuple, list)) else value


def _fits(value: Any, annotation: Any) -> bool:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in (Any, inspect.Parameter.empty):
        return True
    if origin is Annotated:
        return _fits(value, args[0])
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if origin in (Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is tuple and isinstance(value, tuple):
        items = args[:1] * len(value) if args[1:] == (Ellipsis,) else args
        return len(value) == len(items) and all(map(_fits, value, items))
    if annotation is None:
        return value is None
    if annotation in (int, float):  # a whole number is a number, and True is none
        return isinstance(value, (int, annotation)) and not isinstance(value, bool)
    kind = origin or annotation
    return isinstance(value, kind) if isinstance(kind, type) else True  # a type variable, say, cannot be checked


def _name(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _name(args[0])
    if origin is Literal:
        return either(map(str, args))
    if origin in (Union, types.UnionType):
        return either(map(_name, args))
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return f"a tuple, each item {_name(args[0])}"
    if origin is tuple:
        return f"a tuple ({', '.join(map(_name, args))})"
    if annotation in (Any, inspect.Parameter.empty):
        return "anything"
    plain = {int: "a whole number", float: "a number", bool: "True or False", str: "text", types.NoneType: "None"}
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)))
