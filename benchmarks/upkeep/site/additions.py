"""The files of the site that follow from catalogs and records."""

from collections.abc import Mapping
from functools import cache

from benchmarks.upkeep.readme import committed_results
from benchmarks.upkeep.site import catalogs, leaderboard, networks, reference


@cache
def generated() -> Mapping[str, str | bytes]:
    """By path; made once, for `make docs ARGS=serve` builds again and again."""
    results = committed_results()
    return {**networks.pages(results), **catalogs.pages(), **leaderboard.pages(results), **reference.pages()}
