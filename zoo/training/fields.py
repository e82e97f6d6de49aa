"""Checks of a recipe's fields, and the place of an error in a recipe."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter
from typing import Any

from registry import OptionError, ZooError, nearest, options_of, require


class RecipeError(OptionError):
    """A recipe that cannot be read or run."""


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say where in a recipe an error is; one that points at a character keeps its lines."""
    try:
        yield
    except ZooError as error:
        text = str(error)
        raise RecipeError(f"{where}:\n{text}" if "\n" in text else f"{where}: {text}") from None


def check(value: Any) -> None:
    """Each field of a dataclass against its annotation; a list becomes a tuple."""
    for name, option in options_of(type(value)).items():
        checked = option.check(getattr(value, name))
        for text in checked if isinstance(checked, tuple) else (checked,):
            is_whole = not isinstance(text, str) or text == text.encode(errors="ignore").decode()
            require(is_whole, name, text, "text that UTF-8 can hold; a path with other bytes needs another name")
        object.__setattr__(value, name, checked)


def from_mapping(kind: type, data: Mapping[str, Any], what: str, elsewhere: Mapping[str, type] | None = None) -> Any:
    """A dataclass from a mapping; a name that does not exist is an error with its neighbours.

    elsewhere: other places of the same file, and what may stand there.
    """
    known = options_of(kind)
    for name in data:
        if name not in known:
            places = [place for place, other in (elsewhere or {}).items() if name in options_of(other)]
            hint = f"it belongs {places[0]}" if places else nearest(name, known)
            raise RecipeError(f"{what} has no field {name!r}; {hint}")
    for name, option in known.items():
        if option.default is Parameter.empty and name not in data:
            raise RecipeError(f"{what} needs {name}")
    with located(what):
        return kind(**data)
