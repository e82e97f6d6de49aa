"""Markdown and SVG as the generated pages need them; docstrings as Markdown."""

import ast
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from html import escape

from benchmarks.show.networks import Figure
from benchmarks.show.table import MISSING, decimals

PAPER = re.compile(r"\b(?:arXiv:(\d{4}\.\d{4,5})|doi:(10\.[^\s,;]+))")
EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).*)*", flags=re.MULTILINE)
SKIPPED = re.compile(r" *# doctest: .*")
ARGUMENT = re.compile(r"\w+(?:, \w+)*(?= ?\([^)]*\):|:) ?(?:\([^)]*\))?:")


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Lines of Markdown; nothing where there are no rows."""
    rows = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in body]
    lines = [head, ["---"] * len(head), *rows] if rows else []
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of those that are known."""
    return "\n".join(f"- **{name}:** {text}" for name, text in pairs if text)


def sections(*parts: str) -> str:
    """Parts of a page, without those that are empty; a heading goes with what stands below it."""
    kept = [part.strip() for part in parts if part.strip() and not re.fullmatch(r"#+ .*", part.strip())]
    return "\n\n".join(kept) + "\n"


def sentence(text: str) -> str:
    """Begun with a capital, unless that is code, and ended with a full stop.

    >>> sentence("a threshold on |fg_bg - bg|"), sentence("squared=true is another")
    ('A threshold on |fg_bg - bg|.', 'squared=true is another.')
    """
    begun = f"{text[:1].upper()}{text[1:]}" if re.match(r"[\w'-]+([ ,;:.]|$)", text) else text
    return f"{begun.rstrip('.')}." if text else ""


def cited(text: str) -> str:
    """With a link where a paper is named by its number.

    >>> cited("Qin et al. 2020, arXiv:2005.09007")
    'Qin et al. 2020, [arXiv:2005.09007](https://arxiv.org/abs/2005.09007)'
    """

    def link(found: re.Match[str]) -> str:
        place = f"https://arxiv.org/abs/{found[1]}" if found[1] else f"https://doi.org/{found[2]}"
        return f"[{found[0]}]({place})"

    return PAPER.sub(link, text)


def code(text: object) -> str:
    """
    >>> code("unet"), code("")
    ('`unet`', '')
    """
    return f"`{text}`" if str(text) else ""


def sure(figure: Figure) -> str:
    """A value with its 95 % interval.

    >>> sure(Figure(0.5, (0.4, 0.625))), sure(Figure(math.nan))
    ('0.500 (0.400 to 0.625)', '-')
    """
    if not math.isfinite(figure.value):
        return MISSING
    ends = f" ({' to '.join(map(decimals, figure.interval))})" if figure.interval else ""
    return f"{decimals(figure.value)}{ends}"


def attribute(text: str) -> str:
    """As it stands between quotes in SVG and HTML."""
    return escape(text, quote=True)


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


def beside(source: str) -> str:
    """What is said of a field: in its annotation, or in the comment after it.

    >>> beside('width: Annotated[int, "channels"] = 16'), beside("params: int  # of all layers"), beside("x: int")
    ('channels', 'of all layers', '')
    """
    node = ast.parse(textwrap.dedent(source)).body[0]
    if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Subscript):
        inner = node.annotation.slice
        notes = inner.elts[1:] if isinstance(inner, ast.Tuple) else []
        help_texts = [note.value for note in notes if isinstance(note, ast.Constant) and isinstance(note.value, str)]
        if help_texts and ast.unparse(node.annotation.value) == "Annotated":
            return help_texts[0]
    return source.rpartition("  # ")[2].strip() if "  # " in source.splitlines()[-1] else ""
