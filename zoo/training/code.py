"""The user's own code in a recipe: no file may start code that nobody has named."""

from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from typing import Any

from registry import Spec, SpecError, split
from zoo import losses, metrics
from zoo.architectures import architectures
from zoo.contract import TASKS
from zoo.own import Place, is_place
from zoo.training.fields import RecipeError


def code_named(fields: Mapping[str, Any]) -> set[str]:
    """The code that the fields of a recipe and its objective name, as a person writes it; the fields may have any
    type yet."""
    found: set[str] = set()
    for key, text in fields.items():
        with suppress(SpecError):  # text that cannot be read starts nothing, and is told of elsewhere
            if key in TASKS and isinstance(text, str) and text:
                found |= losses.code(text)
            elif key in ("model", "metrics") and isinstance(text, str) and text:
                known: Container[str] = architectures if key == "model" else metrics.metrics
                names = {Spec.parse(part).name for part in split(text)}
                found |= {Place.parse(name).asked for name in names if is_place(name) and name not in known}
    return found


def require_named(data: Mapping[str, Any], named: Collection[str]) -> None:
    """Raise RecipeError if a recipe from a file would start code that is not among these places."""
    aim = data.get("objective")
    if strange := code_named({**data, **(aim if isinstance(aim, Mapping) else {})}) - {*named}:
        raise RecipeError(
            f"it would run the code {', '.join(sorted(strange))}. If you trust that code, name it yourself with"
            " --model, --loss or --metric"
        )
