"""A table of text, and how it is written: Markdown, LaTeX, HTML. A cell that ends in * is the best, in = a tie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

MISSING = "-"
TEXTS = ("recipe", "data", "what", "format")  # columns beside the first that are no numbers
LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
    }
)
LINE = "border-top: 1px solid"


@dataclass
class Table:
    """Heads, rows of text, how to read them, and the groups of rows where there are several."""

    title: str
    head: list[str]
    body: list[list[str]]
    notes: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    @property
    def ends(self) -> list[int]:
        """Rows after which another group begins."""
        return [i for i, group in enumerate(self.groups[:-1]) if group != self.groups[i + 1]]

    @property
    def numbers(self) -> list[bool]:
        """Which columns are of numbers."""
        return [i > 0 and name not in TEXTS for i, name in enumerate(self.head)]


def markdown(table: Table) -> str:
    """With its title and its notes.

    >>> print(markdown(Table("t", ["model", "ms"], [["a", "1*"]])))
    ### t
    <BLANKLINE>
    | model | ms |
    | --- | ---: |
    | `a` | 1\\* |
    <BLANKLINE>
    """
    groups = [[group] for group in table.groups] or [[]] * len(table.body)
    body = [[*group, f"`{texts[0]}`", *texts[1:]] for group, texts in zip(groups, table.body, strict=True)]
    grouped = bool(table.groups)
    lines = grid(["group"] * grouped + table.head, body, numbers=[False] * grouped + table.numbers)
    return "\n".join([f"### {_plain(table.title)}", "", lines, "", *(f"- {_plain(note)}" for note in table.notes)])


def grid(head: Sequence[str], body: Sequence[Sequence[str]], *, numbers: Sequence[bool] | None = None) -> str:
    """Lines of Markdown; numbers, by default all columns but the first, to the right."""
    right = numbers or [i > 0 for i in range(len(head))]
    lines = [head, ["---:" if each else "---" for each in right], *([_plain(cell) for cell in row] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(table: Table) -> str:
    r"""For the package booktabs: the best in bold, ties with a =.

    >>> print(latex(Table("t", ["model", "IoU"], [["a_b", "0.7*"], ["c", "0.6="]])).splitlines()[7])
    a\_b & \textbf{0.7} \\
    """
    rows = [
        " & ".join(map(_latex_cell, texts)) + r" \\" + "\n\\midrule" * (number in table.ends)
        for number, texts in enumerate(table.body)
    ]
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{latex_text(table.title)}}}",
        rf"\begin{{tabular}}{{{''.join('r' if each else 'l' for each in table.numbers)}}}", r"\toprule",
        " & ".join(map(latex_text, table.head)) + r" \\", r"\midrule", *rows, r"\bottomrule", r"\end{tabular}",
        *(rf"\par\footnotesize {_latex_note(note)}" for note in table.notes), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """With all that LaTeX would read as a command escaped.

    >>> print(latex_text("50 % of a_b"))
    50 \\% of a\\_b
    """
    return text.translate(LATEX)


def _latex_note(note: str) -> str:
    return latex_text(note.replace("* the", "Bold: the").replace("No star", "Not bold"))


def _latex_cell(text: str) -> str:
    if text.endswith("*"):
        return rf"\textbf{{{latex_text(text[:-1])}}}"
    return f"{latex_text(text[:-1])}$^{{=}}$" if text.endswith("=") else latex_text(text)


def html(table: Table) -> str:
    """As a notebook shows it: the best in bold, and a line between groups."""
    body = [("td", LINE * (number - 1 in table.ends), texts) for number, texts in enumerate(table.body)]
    align = ["right" if each else "left" for each in table.numbers]
    parts = [f"<h4>{escape(table.title)}</h4><table>"]
    for tag, style, texts in [("th", "", table.head), *body]:
        parts.append("<tr>")
        for side, text in zip(align, texts, strict=True):
            cell = f"<b>{escape(text)}</b>" if text.endswith("*") else escape(text)
            parts.append(f'<{tag} style="text-align: {side}; {style}">{cell}</{tag}>')
        parts.append("</tr>")
    return "".join([*parts, "</table><p>", "<br>".join(map(escape, table.notes)), "</p>"])


def _plain(text: str) -> str:
    """As Markdown shows it, letter by letter."""
    return text.replace("*", "\\*").replace("|", "\\|").replace("~", "\\~")


def milliseconds(value: float) -> str:
    """Three figures, or all before the point.

    >>> [milliseconds(value) for value in (0.1234, 1.234, 12.34, 123.4, 1234.5)]
    ['0.123', '1.23', '12.3', '123', '1234']
    """
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def decimals(value: float | None) -> str:
    """Three of them.

    >>> decimals(0.5), decimals(None)
    ('0.500', '-')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.3f}"
