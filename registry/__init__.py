"""Names and facts: catalogs, specs and cards. Standard library only; it knows nothing of torch."""

from registry.card import (
    ABOVE_0,
    BELOW_1,
    BETWEEN,
    FROM_0,
    FROM_1,
    SHARE,
    Card,
    Limit,
    Option,
    Published,
    complete,
    options_of,
)
from registry.catalog import Catalog, Entry
from registry.errors import (
    DuplicateNameError,
    OptionError,
    SpecError,
    UnknownNameError,
    ZooError,
    either,
    first_line,
    is_count,
    listed,
    nearest,
    require,
    require_count,
    require_each,
    shown,
)
from registry.neighbours import check as _check
from registry.spec import Spec, Value, split

__all__ = [
    "ABOVE_0",
    "BELOW_1",
    "BETWEEN",
    "FROM_0",
    "FROM_1",
    "SHARE",
    "Card",
    "Catalog",
    "DuplicateNameError",
    "Entry",
    "Limit",
    "Option",
    "OptionError",
    "Published",
    "Spec",
    "SpecError",
    "UnknownNameError",
    "Value",
    "ZooError",
    "complete",
    "either",
    "first_line",
    "is_count",
    "listed",
    "nearest",
    "options_of",
    "require",
    "require_count",
    "require_each",
    "shown",
    "split",
]
__distribution__ = "pairzoo"

_check(__file__)
