"""Names and facts: catalogs, specs and cards. Standard library only; it knows nothing of torch."""

from registry.card import Card, Option, Published, options_of
from registry.catalog import Catalog, Entry
from registry.errors import (
    DuplicateNameError,
    OptionError,
    SpecError,
    UnknownNameError,
    ZooError,
    either,
    is_count,
    listed,
    nearest,
    require,
    require_count,
    require_each,
)
from registry.neighbours import check as _check
from registry.spec import Spec, Value, split

__all__ = [
    "Card",
    "Catalog",
    "DuplicateNameError",
    "Entry",
    "Option",
    "OptionError",
    "Published",
    "Spec",
    "SpecError",
    "UnknownNameError",
    "Value",
    "ZooError",
    "either",
    "is_count",
    "listed",
    "nearest",
    "options_of",
    "require",
    "require_count",
    "require_each",
    "split",
]
__distribution__ = "pairzoo"

_check(__file__)
