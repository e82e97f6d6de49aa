"""A spec is a name with options, as people type it: `unet(depth=4, fusion=siamese)`.

>>> Spec.parse("unet(depth=4, fusion=siamese)")
Spec(name='unet', options={'depth': 4, 'fusion': 'siamese'})
>>> str(Spec("unet", {"tasks": ("mask",), "weights": "a b.pth"}))
'unet(tasks=(mask,), weights="a b.pth")'

Printing and parsing are inverse: a string that would read as something else is printed in quotes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from registry.errors import SpecError

Value = Union[str, int, float, bool, None, tuple["Value", ...]]

WORD = re.compile(r"[A-Za-z0-9_.+\-/:~*?\[\]!]+")
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INT = re.compile(r"[+-]?[0-9]+")
FLOAT = re.compile(r"[+-]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|inf|nan)")
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}
SPACE = " \t\n\r"
DEEPEST = 20  # nested tuples; more is a typing accident, and would exhaust Python's own stack


@dataclass(frozen=True)
class Spec:
    """A name and the options given with it."""

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Read `name` or `name(option=value, ...)`; an error points at the character that is wrong."""
        reader = _Reader(text)
        spec = reader.spec()
        if reader.peek():
            reader.fail("expected the end")
        return spec

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}({', '.join(f'{key}={_print(value)}' for key, value in self.options.items())})"

    def __hash__(self) -> int:
        return hash(str(self))


def split(text: str) -> list[str]:
    """The specs of a comma-separated list: `"u2net*, unet(depth=4)"` gives `["u2net*", "unet(depth=4)"]`."""
    reader, parts = _Reader(text), []
    while True:
        reader.peek()
        start = reader.at
        reader.spec()
        parts.append(text[start : reader.at].strip())
        if not reader.take(","):
            break
    if reader.peek():
        reader.fail("expected a comma or the end")
    return parts


def _print(value: Value) -> str:
    if isinstance(value, (tuple, list)):
        inner = ", ".join(_print(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        plain = WORD.fullmatch(value) and isinstance(_meaning(value), str)
        return value if plain else json.dumps(value)
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    raise SpecError(f"a spec cannot hold {value!r}: it holds text, numbers, True, False, None and tuples of them")


def _meaning(word: str) -> Value:
    """What a bare word stands for."""
    if word.lower() in CONSTANTS:
        return CONSTANTS[word.lower()]
    if INT.fullmatch(word):
        return int(word)
    return float(word) if FLOAT.fullmatch(word) else word


class _Reader:
    """A cursor over the text; `fail` draws where it stands."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def fail(self, expected: str) -> None:
        line = self.text.translate({ord(space): " " for space in SPACE})
        raise SpecError(f"{line}\n{' ' * self.at}^ {expected}")

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
        assert found is not None
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
            self.peek()
            start = self.at
            key = self.match(KEY, "expected an option, as in depth=4, or )")
            if key in options:
                self.at = start
                self.fail(f"{key} is given twice")
            if not self.take("="):
                self.fail(f"expected = and a value for {key}")
            options[key] = self.value(0)
        return options

    def value(self, depth: int) -> Value:
        char = self.peek()
        if char == "(":
            if depth == DEEPEST:
                self.fail(f"more than {DEEPEST} tuples inside each other")
            self.at += 1
            return self.tuple(depth + 1)
        if char == '"':
            return self.quoted()
        return _meaning(self.match(WORD, 'expected a value: a word, "text", a number, True, False, None or (a, b)'))

    def tuple(self, depth: int) -> Value:
        items: list[Value] = []
        comma = False
        while not self.take(")"):
            if items and not comma:
                self.fail("expected a comma or )")
            items.append(self.value(depth))
            comma = self.take(",")
        return items[0] if len(items) == 1 and not comma else tuple(items)  # (a) is a, as in Python

    def quoted(self) -> str:
        try:
            value, self.at = json.JSONDecoder(strict=False).raw_decode(self.text, self.at)
        except json.JSONDecodeError:
            self.fail('this text has no closing " or a broken escape')
        return str(value)
