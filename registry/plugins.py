"""Entry points of installed distributions, read one distribution at a time: a damaged one is reported alone."""

from importlib import metadata
from importlib.metadata import Distribution, EntryPoint

LISTING = "entry_points.txt"  # where a distribution declares them


def find(group: str) -> list[tuple[str, EntryPoint | Exception]]:
    """Who declares an entry point of the group, and the entry point, or why its distribution cannot be read."""
    found: dict[str, list[tuple[str, EntryPoint | Exception]]] = {}
    for distribution in metadata.distributions():
        try:
            if group not in (distribution.read_text(LISTING) or ""):
                continue
            points = distribution.entry_points.select(group=group)
        except Exception as error:  # importlib.metadata raises whatever its parser runs into
            owner = _owner(distribution)
            found.setdefault(owner, [(f"{owner} ({LISTING})", error)])
            continue
        if points:
            owner = _owner(distribution)  # one that is found twice counts as it is found first, as in an import
            found.setdefault(owner, [(f"{point.name} ({owner}: {point.value})", point) for point in points])
    return sorted((pair for pairs in found.values() for pair in pairs), key=lambda pair: pair[0])


def _owner(distribution: Distribution) -> str:
    try:
        return distribution.name or "a distribution without a name"
    except Exception:  # no METADATA, or none that can be read
        return f"a distribution without a name in {distribution.locate_file('')}"
