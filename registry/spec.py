"""A spec is a name with options, as people type it: `unet(depth=4, fusion=siamese)`.

>>> Spec.parse("unet(depth=4, fusion=siamese)")
Spec(name='unet', options={'depth': 4, 'fusion': 'siamese'})
>>> str(Spec("unet", {"tasks": ("mask",), "weights": "a b.pth"}))
'unet(tasks=(mask,), weights="a b.pth")'

Printing and parsing are inverse: a string that would read as something else is printed in quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Union, cast

from registry.errors import OptionError, SpecError

Value = Union[str, int, float, bool, None, tuple["Value", ...]]

NAME = re.compile(r"[A-Za-z0-9_.+\-/:~]+")
WORD = re.compile(r"[A-Za-z0-9_.+\-/:~*?\[\]!]+")  # a name, or a pattern of names
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INT = re.compile(r"[+-]?[0-9]+")
FLOAT = re.compile(r"[+-]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|inf|nan)")
CHAR = re.compile(  # one of a text in quotes: as it is, as a code up to U+10FFFF, Unicode's last, or by its escape
    r"""[^\\]|\\u([0-9A-Fa-f]{4})|\\U(000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4})|\\[nrt"'\\]""", re.DOTALL
)
ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\'": "'", "\\\\": "\\"}
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}
SPACE = " \t\n\r"
DEEPEST = 20  # nested tuples; more is a typing accident, and would exhaust Python's own stack
WIDTH = 100  # columns of the text that an error shows


@dataclass(frozen=True, eq=False)
class Spec:
    """A name and the options given with it; equal to another if both print the same, in any order of options.

    name: of a catalog's entry, or a pattern of such. options: those that are given; the others are at their defaults.

    >>> Spec.parse("unet(depth=4)") == Spec("unet", {"depth": 4})
    True
    """

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not WORD.fullmatch(self.name):
            raise SpecError(f"{self.name!r} is not a name; a name has letters, digits and _ . + - / : ~")
        for key in self.options:
            if not KEY.fullmatch(key):
                raise SpecError(
                    f"{key!r} is not an option's name; it has letters, digits and _, and does not start with a digit"
                )
        object.__setattr__(self, "options", {key: _plain(value) for key, value in self.options.items()})

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Read `name` or `name(option=value, ...)`; an error points at the character that is wrong."""
        reader = Reader(text)
        spec = reader.spec()
        if reader.peek():
            reader.fail("expected the end")
        return spec

    def extended(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with more of them, given as keywords; one that is given twice must be the same."""
        given: dict[str, Any] = dict(self.options)
        for name, value in options.items():
            if name in given and given[name] != value:
                raise OptionError(f"{name} is given twice: {given[name]!r} in the spec and {value!r} as a keyword")
            given[name] = value
        return given

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}({', '.join(f'{key}={_print(value)}' for key, value in self.options.items())})"

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Spec) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, frozenset[tuple[str, str]]]:
        return self.name, frozenset((key, _print(value)) for key, value in self.options.items())


def split(text: str) -> list[str]:
    """The specs of a list with commas.

    >>> split("u2net*, unet(depth=4, width=32)")
    ['u2net*', 'unet(depth=4, width=32)']

    text: as it was typed; commas inside brackets and quotes do not count.
    """
    reader, parts = Reader(text), list[str]()
    while not parts or reader.take(","):
        start = reader.at
        reader.spec()
        parts.append(text[start : reader.at].strip())
    if reader.peek():
        reader.fail("expected a comma or the end")
    return parts


def _plain(value: Any, depth: int = 0) -> Value:
    """The value as one of Python's own types: a list becomes a tuple, a subclass of a number or text its base."""
    if isinstance(value, (tuple, list)):
        if depth == DEEPEST:
            raise SpecError(f"a spec cannot nest tuples more than {DEEPEST} deep")
        return tuple(_plain(item, depth + 1) for item in value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            plain = kind.__str__(value) if kind is str else kind(value)
            _print(plain)  # an integer may have more digits than Python prints
            return plain
    raise SpecError(f"a spec cannot hold {value!r}; it can hold text, numbers, True, False, None and tuples of them")


def _print(value: Value) -> str:
    if isinstance(value, tuple):
        inner = ", ".join(map(_print, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        return value if WORD.fullmatch(value) and _is_text(value) else f'"{"".join(map(_escape, value))}"'
    try:
        return repr(value)
    except ValueError as error:
        raise SpecError(f"a spec cannot hold a number that Python does not print: {error}") from None


def _escape(char: str) -> str:
    """Printable characters stay, so that a spec is one readable line; the rest, lone surrogates too, become codes."""
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return named.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")


def _is_text(word: str) -> bool:
    return not (word.lower() in CONSTANTS or INT.fullmatch(word) or FLOAT.fullmatch(word))


class Reader:
    """A cursor over the text; `fail` marks its position."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def fail(self, expected: str) -> NoReturn:
        if not self.text.strip(SPACE):
            raise SpecError(f"the text is empty; {expected}")
        start = max(0, self.at - WIDTH // 2)
        line = "".join(char if char.isprintable() else " " for char in self.text[start : start + WIDTH])
        line = f"…{line[1:]}" if start else line
        line = f"{line[:-1]}…" if start + WIDTH < len(self.text) else line
        raise SpecError(f"{line}\n{' ' * (self.at - start)}^ {expected}")

    def peek(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> bool:
        found = self.peek() == char
        self.at += found
        return found

    def match(self, pattern: re.Pattern[str], expected: str) -> str:
        self.peek()
        found = pattern.match(self.text, self.at)
        if found is None:
            self.fail(expected)
        self.at = found.end()
        return found.group()

    def spec(self) -> Spec:
        name = self.match(WORD, "expected a name, as in unet or unet(depth=4)")
        return Spec(name, self.options() if self.take("(") else {})

    def options(self) -> dict[str, Value]:
        options: dict[str, Value] = {}
        while not self.take(")"):
            if options and not self.take(","):
                self.fail("expected a comma or )")
            if options and self.take(")"):
                break
            if self.peek() in ('"', "'"):  # of mix("a", "b"): values without a name are what it is made of
                options["of"] = (*cast("tuple[Value, ...]", options.get("of", ())), self.value(0))
                continue
            start = self.at
            key = self.match(KEY, "expected an option, as in depth=4, or )")
            if key in options:
                self.at = start
                self.fail("this option is given twice")
            if not self.take("="):
                self.fail("expected = and a value")
            options[key] = self.value(0)
        return options

    def value(self, depth: int) -> Value:
        char, start = self.peek(), self.at
        if char == "(":
            if depth == DEEPEST:
                self.fail(f"tuples nested more than {DEEPEST} deep")
            self.at += 1
            return self.tuple(depth + 1)
        if char in ('"', "'"):
            return self.quoted(char)
        word = self.match(WORD, 'expected a value: a word, "text", a number, True, False, None or (a, b)')
        if _is_text(word):
            return word
        try:
            return CONSTANTS[word.lower()] if word.lower() in CONSTANTS else _number(word)
        except ValueError:
            self.at = start
            self.fail("this number has more digits than Python reads")

    def tuple(self, depth: int) -> Value:
        items: list[Value] = []
        comma = False
        while not self.take(")"):
            if items and not comma:
                self.fail("expected a comma or )")
            items.append(self.value(depth))
            comma = self.take(",")
        return items[0] if len(items) == 1 and not comma else tuple(items)  # (a) is a, as in Python

    def quoted(self, quote: str) -> str:
        start, chars = self.at, []
        self.at += 1
        while not self.text.startswith(quote, self.at):
            if self.at >= len(self.text):
                self.at = start
                self.fail(f"this text has no closing {quote}")
            chars.append(self.char())
        self.at += 1
        return "".join(chars)

    def char(self) -> str:
        """The next character of a text in quotes, or the one that an escape stands for."""
        found = CHAR.match(self.text, self.at)
        if found is None:
            self.fail(r"expected an escape: \\ \" \' \n \r \t \u0000 or \U00000000")
        self.at = found.end()
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else ESCAPES.get(found[0], found[0])


def _number(word: str) -> Value:
    return int(word) if INT.fullmatch(word) else float(word)
