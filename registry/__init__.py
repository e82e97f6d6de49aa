"""Names and facts: catalogs, specs and cards. Standard library only; it knows nothing of torch."""

from registry.card import Card, Option, Published, options_of
from registry.catalog import Catalog, Entry
from registry.errors import DuplicateNameError, OptionError, SpecError, UnknownNameError, ZooError, either, nearest
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
    "nearest",
    "options_of",
    "split",
]
__distribution__ = "pairzoo"

_check(__file__)
