"""Measure and compare: `python -m benchmarks.compare`."""

try:
    from registry.neighbours import check as _check
except ImportError as error:
    import registry

    raise ImportError(
        f"pairzoo's package 'registry' is shadowed by {registry.__file__}. Uninstall or rename the other package, or"
        " start Python from another folder"
    ) from error

__distribution__ = "pairzoo"

_check(__file__)
