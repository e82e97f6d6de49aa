"""The architectures, one file each. A file that registers a class here is found; there is no list to extend."""

from collections.abc import Callable

from registry import Catalog
from zoo.model import PairModel

Architecture = Callable[..., PairModel]  # (face: Interface, *, options) -> PairModel

architectures: Catalog[Architecture] = Catalog("architecture", package=__name__, group="zoo.architectures")
register = architectures.register
names = architectures.names

GROUPS = (
    "founding",
    "variant",
    "own",
    "family",
    "baseline",
    "community",
    "yours",
)  # in this order; others follow


def rank(group: str) -> tuple[int, str]:
    """Where a group stands in a table, as a key to sort by."""
    return (GROUPS.index(group) if group in GROUPS else len(GROUPS)), group
