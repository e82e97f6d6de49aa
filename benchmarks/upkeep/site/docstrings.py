"""Docstrings as MkDocs reads them: as Markdown."""

from typing import Any

import griffe

from benchmarks.upkeep.site.writing import as_markdown


class Docstrings(griffe.Extension):  # type: ignore[misc]
    """What MkDocs reads them with."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
