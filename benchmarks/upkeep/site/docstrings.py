"""Docstrings as Markdown: examples become blocks of code, and lines that begin with an argument's name a list."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).*)*", flags=re.MULTILINE)
SKIPPED = re.compile(r" *# doctest: .*")
ARGUMENT = re.compile(r"\w+(?:, \w+)*(?= ?\([^)]*\):|:) ?(?:\([^)]*\))?:")


class Docstrings(griffe.Extension):  # type: ignore[misc]
    """What MkDocs reads them with."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """
    >>> as_markdown("One.\\n\\na: first\\n    thing\\nb: second").splitlines()
    ['One.', '', '- `a`: first', '    thing', '- `b`: second']
    >>> as_markdown(">>> 1 + 1  # doctest: +SKIP\\n2").splitlines()
    ['```pycon', '>>> 1 + 1', '2', '```']
    """
    parts, end = list[str](), 0
    for found in EXAMPLE.finditer(text):
        example = SKIPPED.sub("", found[0]).replace("<BLANKLINE>", "")
        lines = [line.removeprefix(found[1]) for line in example.splitlines()]
        parts += [_listed(text[end : found.start()]), "```pycon\n" + "\n".join(lines) + "\n```"]
        end = found.end()
    return "".join([*parts, _listed(text[end:])])


def _listed(text: str) -> str:
    return "\n\n".join(map(_paragraph, text.split("\n\n")))


def _paragraph(text: str) -> str:
    """A list where its first line is of an argument."""
    if not ARGUMENT.match(text.lstrip("\n")):
        return text
    lines = list[str]()
    for line in text.lstrip("\n").splitlines():
        found = ARGUMENT.match(line)
        lines.append(f"- `{found[0][:-1]}`:{line[found.end() :]}" if found else f"    {line.lstrip()}")
    return "\n".join(lines)
