"""The reference: what is public, package by package; MkDocs reads the docstrings."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from benchmarks.upkeep.site.writing import as_markdown, code
from registry import Catalog, Limit
from zoo.listing import KINDS

PACKAGES = (
    *("zoo", "zoo.data", "zoo.losses", "zoo.metrics", "zoo.recipes", "zoo.training", "zoo.deploy", "zoo.weights"),
    *("benchmarks", "registry"),
)
HEADING = """    options:
        heading: {0}.{1}
        toc_label: {1}"""
INTRO = """# Reference

Every public name, package by package. `zoo` has what most people need: build, train, predict, evaluate, export.
"""


def pages() -> dict[str, str | bytes]:
    """A page for each package, by path."""
    listed = "\n".join(f"- [{name}]({name}.md): {first_sentence(import_module(name))}" for name in PACKAGES)
    found: dict[str, str | bytes] = {"reference/index.md": f"{INTRO}\n{listed}\n"}
    seen: set[int] = set()
    for package in PACKAGES:
        known = {name: value for name, value in public(package) if not isinstance(value, ModuleType)}
        parts = [_part(package, name, value, seen) for name, value in known.items()]
        found[f"reference/{package}.md"] = "\n\n".join([f"# {package}", _about(package), *parts]) + "\n"
        seen |= set(map(id, known.values()))
    return found


def public(package: str) -> Iterator[tuple[str, Any]]:
    """The names of a package, with what they stand for; constants last."""
    module = import_module(package)
    known = {name: getattr(module, name) for name in sorted(module.__all__, key=str.lower)}
    yield from sorted(known.items(), key=lambda pair: not (isinstance(pair[1], type) or inspect.isroutine(pair[1])))


def first_sentence(value: Any) -> str:
    """Of a docstring; empty where there is none."""
    return (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")


def _about(package: str) -> str:
    return as_markdown(inspect.getdoc(import_module(package)) or "")


def _part(package: str, name: str, value: Any, seen: set[int]) -> str:
    """What MkDocs is to fill in; of a name that stands on an earlier page, or is no function or class, a sentence."""
    heading = f"## `{package}.{name}`"
    if isinstance(value, type) or inspect.isfunction(value):
        if id(value) in seen:
            return f"{heading}\n\nThe same as [`{_page(value)}`]({_page(value).rpartition('.')[0]}.md)."
        hidden = value.__module__.endswith(f".{name}")  # a module has the name of what is in it
        place = f"{value.__module__}.{name}" if hidden else f"{package}.{name}"
        return f"::: {place}\n{HEADING.format(package, name)}"
    if inspect.ismethod(value):
        told = as_markdown(inspect.getdoc(value) or "")
        return f"{heading}\n\n```python\n{package}.{name}{inspect.signature(value)}\n```\n\n{told}"
    return f"{heading}\n\n{_said(value)}"


def _page(value: Any) -> str:
    return next(f"{package}.{name}" for package in PACKAGES for name, other in public(package) if other is value)


def _said(value: Any) -> str:
    """Of what is no function and no class."""
    if isinstance(value, Limit):
        return f"Takes {value.accepted}."
    if isinstance(value, Catalog):
        kind = next(kind for kind, known in KINDS.items() if known.catalog is value)
        return f"The [catalog of {kind}](../catalogs/{kind}.md), by name."
    return code(value)
