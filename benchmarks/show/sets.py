"""What data sets are called in tables, and what must be said of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry import Spec, SpecError

KINDS = {"photos": "composites of held-out photographs"}  # never called real
TIERS = {spec: tier for tier in ("clean", "hard", "wild") for spec in (f"pairbench:{tier}", f"pairbench(tier={tier})")}


def short(data: str) -> str:
    """What tells data sets apart in a head: the tier of PairBench, the last part of a path, the parts of a mix.

    >>> short("pairbench:hard"), short("folders(path=my/desk, tasks=mask)"), short("photos(path=a/b, plate=aligned)")
    ('hard', 'desk', 'photos:aligned')
    >>> short('mix("pairbench:hard", "collage(plates=photos)", share=(0.5, 0.5))')
    'hard+collage'
    """
    source, options = _source(data), _options(data)
    if source == "mix":
        return "+".join(map(short, _parts(data)))
    if source in KINDS:
        return source + (":aligned" if "aligned" in (options.get("plate"), data.partition(":")[2]) else "")
    name = str(options.get("path", source if options else data)).rstrip("/").rpartition("/")[2] or data
    return TIERS.get(data) or name[:20]


def kind_of(data: str) -> str:
    """What the pictures of a set are, if a reader might mistake them; else empty.

    >>> kind_of("photos:aligned"), kind_of("pairbench:hard")
    ('composites of held-out photographs', '')
    """
    return next((KINDS[source] for part in _parts(data) if (source := _source(part)) in KINDS), "")


def shares_plates(data: str) -> bool:
    """Whether a data set is split photo by photo, so that training and test share plates."""
    return _options(data).get("split_kind") == "random"


def _parts(data: str) -> Sequence[str]:
    """The sources of a mix; of another set itself."""
    return _options(data).get("of", ()) if _source(data) == "mix" else (data,)


def _source(data: str) -> str:
    """The name of a set's source; of a bare path the path."""
    try:
        return Spec.parse(data).name.partition(":")[0]
    except SpecError:
        return data


def _options(data: str) -> Mapping[str, Any]:
    try:
        return Spec.parse(data).options
    except SpecError:  # a bare path
        return {}
