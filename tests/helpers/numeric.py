"""Which tests compare numbers or times: what another CPU, other kernels or other threads might turn over.

It is read from the code, so a new test is marked the moment it is written: pytest.mark.numeric by hand adds what
the code does not show.
"""

from collections.abc import Iterator
from functools import cache
from inspect import isfunction, ismodule, unwrap
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

HERE = Path(__file__).parent.parent
COMPARISONS = {
    *("approx", "assert_close", "assert_allclose", "allclose", "isclose", "equal", "array_equal"),
    *("abs", "std", "var", "amax", "median", "isfinite", "backward", "perf_counter", "process_time"),
}


@cache  # a test with parameters is many items
def is_numeric(test: Any) -> bool:
    """Whether a test, or a function beside the tests that it calls, names a comparison of numbers or a clock."""
    inner = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    return any(name in COMPARISONS for name in _names(unwrap(inner), set()))


def _names(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    seen.add(function)
    names = set(_of_code(function.__code__))
    yield from names
    found = [function.__globals__.get(name) for name in names]
    modules = [module for module in found if ismodule(module) and _is_ours(getattr(module, "__file__", None))]
    found += [getattr(module, name, None) for module in modules for name in names]
    for called in map(unwrap, filter(isfunction, found)):
        if called not in seen and _is_ours(called.__code__.co_filename):
            yield from _names(called, seen)


def _is_ours(file: str | None) -> bool:
    return file is not None and HERE in Path(file).parents


def _of_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
