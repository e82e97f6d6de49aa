"""Entry points of installed distributions, read one distribution at a time, so that a damaged one affects no
other."""

from importlib import metadata
from importlib.metadata import Distribution, EntryPoint

LISTING = "entry_points.txt"  # where a distribution declares them


def find(group: str) -> list[tuple[str, EntryPoint | Exception]]:
    """The entry points of a group with their distributions, or the reason why a distribution cannot be read."""
    found: dict[str, list[tuple[str, EntryPoint | Exception]]] = {}
    for distribution in metadata.distributions():
        pairs: list[tuple[str, EntryPoint | Exception]]
        try:
            is_listed = group in (distribution.read_text(LISTING) or "")
            points = distribution.entry_points.select(group=group) if is_listed else ()
            pairs = [(f"{point.name} ({_owner(distribution)}: {point.value})", point) for point in points]
        except Exception as error:  # importlib.metadata raises whatever its parser runs into
            pairs = [(f"{_owner(distribution)} ({LISTING})", error)]
        if pairs:  # one that is found twice counts as it is found first, as in an import
            found.setdefault(_owner(distribution), pairs)
    return sorted((pair for pairs in found.values() for pair in pairs), key=lambda pair: pair[0])


def _owner(distribution: Distribution) -> str:
    try:
        # as an item, Python 3.12 warns where there is none
        named: str | None = distribution.metadata.get("Name")  # type: ignore[attr-defined]
        return named or "a distribution without a name"
    except Exception:  # no METADATA, or none that can be read
        return f"a distribution without a name in {distribution.locate_file('')}"
