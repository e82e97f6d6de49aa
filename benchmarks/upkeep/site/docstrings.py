"""What MkDocs reads of the code: docstrings as Markdown, plain types, and of a field what stands beside it."""

import linecache
from typing import Any

import griffe

from benchmarks.upkeep.site.writing import as_markdown, beside


class Docstrings(griffe.Extension):  # type: ignore[misc]
    """What is changed of each object after it was read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_attribute(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        is_field = attr.parent is not None and attr.parent.is_class and not attr.docstring and attr.lineno
        if is_field and (text := beside(_source(attr))):
            attr.docstring = griffe.Docstring(text, parent=attr)
        attr.annotation = _plain(attr.annotation)

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        for parameter in func.parameters:
            parameter.annotation = _plain(parameter.annotation)


def _source(attr: griffe.Attribute) -> str:
    lines = range(attr.lineno, (attr.endlineno or attr.lineno) + 1)
    return "".join(linecache.getline(str(attr.filepath), number) for number in lines)


def _plain(annotation: Any) -> Any:
    """The type, without what Annotated says beside it."""
    if isinstance(annotation, griffe.ExprSubscript) and str(annotation.left).endswith("Annotated"):
        return annotation.slice.elements[0]
    return annotation
