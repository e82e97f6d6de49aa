"""The other catalogs as rows: losses, metrics, recipes, data and so on; and the ready weights."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from inspect import Parameter
from pkgutil import resolve_name
from typing import Any

from registry import Catalog, Entry, OptionError, Spec, nearest, split

WEIGHTS = "weights"  # a kind that is no catalog, but files
GIVEN = ("split", "size")  # keywords of a data source that the caller fills in, not its user


@dataclass(frozen=True)
class Kind:
    """A catalog: the module and name it has, and what its entries' cards say beside name and summary."""

    help: str
    place: str
    facts: Callable[[Entry[Any]], dict[str, str]]

    @property
    def catalog(self) -> Catalog[Any]:
        found: Catalog[Any] = resolve_name(self.place)
        return found


def _options(entry: Entry[Any]) -> dict[str, str]:
    """The options with their defaults, as a spec has them."""
    known = {name: option for name, option in entry.options.items() if name not in GIVEN}
    defaults = {name: option.default for name, option in known.items() if option.default is not Parameter.empty}
    text = str(Spec(entry.name, defaults)).removeprefix(entry.name)
    needed = [name for name in known if name not in defaults]
    return {"options": ", ".join([*needed, *([text[1:-1]] if text else [])])}


def _loss(entry: Entry[Any]) -> dict[str, str]:
    card = entry.card
    low, high = getattr(card, "range", (None, None))
    return {
        "tasks": ", ".join(getattr(card, "tasks", ())),
        "range": "" if low is None else f"{low:.3g} to {high:.3g}",
    }


def _metric(entry: Entry[Any]) -> dict[str, str]:
    return {name: getattr(entry.card, name, "") for name in ("task", "better", "unit")}


def _recipe(entry: Entry[Any]) -> dict[str, str]:
    return {"group": entry.card.group, "model": entry.factory().model}


def _group(entry: Entry[Any]) -> dict[str, str]:
    return {"group": entry.card.group, **_options(entry)}


KINDS = {
    "losses": Kind("loss terms", "zoo.losses:losses", _loss),
    "metrics": Kind("metrics of evaluation", "zoo.metrics:metrics", _metric),
    "recipes": Kind("recipes of training", "zoo.recipes:recipes", _recipe),
    "data": Kind("data sources", "zoo.data.dataset:sources", _group),
    "augmentations": Kind("random changes of training samples", "zoo.data.augment:augmentations", _options),
    "schedules": Kind("schedules of the learning rate", "zoo.training.schedules:schedules", _options),
    "optimizers": Kind("optimizers", "zoo.training.optimizers:optimizers", _options),
    "balances": Kind("ways to combine the losses of both tasks", "zoo.losses.balance:balances", _options),
}


def rows(kind: str, pattern: str = "*") -> list[dict[str, Any]]:
    """The facts of the entries whose names match a pattern; for tables, name first and summary last."""
    if kind == WEIGHTS:
        return _ready(pattern)
    known = KINDS[kind]
    found = []
    for spec in known.catalog.select(pattern):
        if spec.options:
            raise OptionError("list takes names and patterns, without options")
        entry = known.catalog.get(spec.name)
        found.append({"name": entry.name, **known.facts(entry), "summary": entry.card.summary})
    return list({row["name"]: row for row in found}.values())


def more(kind: str, name: str) -> dict[str, Any]:
    """Further facts, for which a table has no room."""
    if kind == WEIGHTS:
        from zoo.weights import ready

        return {"file": str(ready.file_of(name)), "card": str(ready.card_of(name))}
    card = KINDS[kind].catalog.get(name).card
    return {"origin": card.origin, "paper": card.paper, "notes": list(card.notes)}


def _ready(pattern: str) -> list[dict[str, Any]]:
    """The weights that ship whose names match a pattern, such as "pairnet*, aligned*"."""
    from zoo.saved import load
    from zoo.weights import ready

    chosen = [name for name in ready.names() if any(fnmatchcase(name, part) for part in split(pattern))]
    if not chosen:
        raise OptionError(f"no ready weights match {pattern!r}; {nearest(pattern, ready.names())}")
    return [
        {
            "name": name,
            "model": _with_scale(model.spec),
            "tasks": ", ".join(model.trained_tasks),
            "params": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
            "bytes": f"{ready.file_of(name).stat().st_size:,}",
            "summary": model.trained.short() if model.trained else model.training_story,
        }
        for name, model in ((name, load(name)) for name in chosen)
    ]


def _with_scale(spec: Spec) -> str:
    """The network as it would be typed: its name and, where it has several, its scale."""
    return str(Spec(spec.name, {name: value for name, value in spec.options.items() if name == "scale"}))
