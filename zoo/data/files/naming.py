"""What the names of files tell: their order, their numbers, and the background or object they speak of."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from registry import OptionError
from zoo.data.dataset import DataError

DIGITS = re.compile(r"([0-9]+)")
NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>[0-9]{1,15})")  # longer ones are hashes and times
FIELD = re.compile(r"\{([^{}]*)\}")
SPLIT = re.compile(r"stem\.split:(.+):(-?[0-9]{1,4})")
ACCEPTED = "{stem}, {parent}, {number} and {stem.split:SEPARATOR:N} among other text"


def natural(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers by value: img_2 before img_10."""
    parts = DIGITS.split(name)  # text and digits in turn, text first
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def stem(name: str) -> str:
    """The name without its suffix: fg_bg/img_1.jpg -> img_1."""
    return PurePosixPath(name).stem


def number(name: str) -> str:
    """The last digits of the stem, or nothing."""
    return next(iter(DIGITS.findall(stem(name))[-1:]), "")


def positions(names: Sequence[str]) -> np.ndarray:
    """The place of each name in the numbering, of names in natural order.

    That is its rank, except where the names are numbered one by one and some are lost: then its number counts, so that
    a lost file moves no other.

    >>> positions(["img_1.jpg", "img_2.jpg", "img_4.jpg"]).tolist()
    [0, 1, 3]
    """
    ranks = np.arange(len(names))
    numbered = [NUMBERED.fullmatch(stem(name)) for name in names]
    if len({match and match["before"] for match in numbered}) != 1 or numbered[0] is None:
        return ranks
    numbers = [int(match["number"]) for match in numbered if match]
    places = np.array(numbers) - numbers[0]
    few_lost = places[-1] < 2 * len(names) and bool((np.diff(places) > 0).all())
    return places if few_lost else ranks


class Template:
    """What a file's name says, by a template or by a regular expression with a named group.

    {stem}               the name without folders and suffix
    {parent}             the folder it lies in
    {number}             the last digits of the stem, as they stand
    {stem.split:SEP:N}   the stem cut at each SEP, part N, counted from 0; -1 is the last

    >>> Template("bg_{stem.split:_:3}", group="bg")("fg_bg/fg_12_bg_034_7.jpg")
    'bg_034'
    >>> Template(r"bg(?P<bg>[0-9]+)", group="bg")("fg_bg/fg12-bg034-7.jpg")
    '034'
    """

    def __init__(self, text: str, *, group: str):
        self.text, self.group = text, group
        self.pattern: re.Pattern[str] | None = None
        if f"(?P<{group}>" in text:
            try:
                self.pattern = re.compile(text)
            except re.error as error:
                raise OptionError(f"{text!r} is not a regular expression: {error}") from None
            return
        fields = FIELD.findall(text)
        plain = ("stem", "parent", "number")
        wrong = next((field for field in fields if field not in plain and not SPLIT.fullmatch(field)), None)
        if wrong is not None or not fields or re.search(r"[{}]", FIELD.sub("", text)):
            what = f"{{{wrong}}}" if wrong is not None else repr(text)
            raise OptionError(
                f"{what} is not a template; a template has {ACCEPTED}, a regular expression a group (?P<{group}>...)"
            )

    def __call__(self, name: str) -> str:
        if self.pattern is None:
            return FIELD.sub(lambda match: self._value(match[1], name), self.text)
        found = self.pattern.search(stem(name))
        if found is None or not found[self.group]:
            raise DataError(f"{name}: {self.text!r} finds no {self.group} in its name")
        return found[self.group]

    def _value(self, field: str, name: str) -> str:
        values = {"stem": stem(name), "parent": PurePosixPath(name).parent.name, "number": number(name)}
        if split := SPLIT.fullmatch(field):
            parts, at = stem(name).split(split[1]), int(split[2])
            values[field] = parts[at] if -len(parts) <= at < len(parts) else ""
        if not values[field]:
            raise DataError(f"{name}: its name has no {{{field}}}")
        return values[field]
