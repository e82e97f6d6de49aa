"""Measure and compare: `python -m benchmarks.compare`."""

from registry.neighbours import check as _check

__distribution__ = "pairzoo"

_check(__file__)
