"""Damage to bytes and to JSON, as transfers, editors and bugs of other programs do it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    100_000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
)
SCALARS = st.one_of(
    st.sampled_from([None, True, False, "", "x", "1", -1, 0, 1, 2.5, 1e300, 10**20, -(10**20), 1 << 31, 1 << 62]),
    st.sampled_from([float("nan"), float("inf"), "\0", "a\nb", "ü", "/", "..", "\ud800", "x" * 5000, [], {}, [[]]]),
    st.integers(-300, 300),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=4), of, max_size=3), max_leaves=6
)
DEEP = (b"[" * 100_000, b'{"a":' * 100_000, b"x = " + b"[" * 100_000)  # more than any reader can follow
RARELY = st.integers(0, 60).map(lambda n: n == 37)  # no end of the span, which hypothesis draws more often
TINY = 64  # bytes at either end, where headers and directories are


@st.composite
def damaged(draw: Callable[..., Any], data: bytes, most: int = 4) -> bytes:
    """The bytes with some places changed, cut out, doubled, or cut off."""
    for _ in range(draw(st.integers(0, most))):
        at = draw(_places(len(data)))
        rest = data[at:]
        if draw(RARELY):
            return draw(st.sampled_from(DEEP))
        match draw(st.sampled_from(("byte", "number", "cut off", "cut out", "insert", "double"))):
            case "byte":
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + rest[1:]
            case "number":
                width, order = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from(("little", "big")))
                value = draw(st.sampled_from(NUMBERS)) % (1 << 8 * width)
                data = data[:at] + value.to_bytes(width, order) + rest[width:]
            case "cut off":
                data = data[:at]
            case "cut out":
                data = data[:at] + rest[draw(st.integers(1, 40)) :]
            case "insert":
                data = data[:at] + draw(st.binary(max_size=8)) + rest
            case "double":
                data = data[:at] + rest[: draw(st.integers(1, 40))] + rest
    return data


def _places(length: int) -> st.SearchStrategy[int]:
    anywhere = st.integers(0, length)
    return st.one_of(anywhere, st.integers(0, min(TINY, length)), st.integers(max(0, length - TINY), length))


@st.composite
def altered(draw: Callable[..., Any], value: Any, most: int = 3, values: st.SearchStrategy[Any] = VALUES) -> Any:
    """JSON with some of its values replaced, taken out, or added; keys renamed."""
    value = deepcopy(value)
    for _ in range(draw(st.integers(0, most))):
        place = value
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place, key=str))) if isinstance(place, dict) else _index(draw, place)
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                place = inner
                continue
            _alter(draw, place, key, values)
            break
    return value


def _index(draw: Callable[..., Any], place: list[Any]) -> int:
    found: int = draw(st.integers(0, len(place) - 1))
    return found


def _alter(draw: Callable[..., Any], place: Any, key: Any, values: st.SearchStrategy[Any]) -> None:
    match draw(st.sampled_from(("replace", "replace", "replace", "take out", "add", "rename"))):
        case "replace":
            place[key] = deepcopy(draw(values))  # or what is drawn once is altered for all
        case "take out":
            del place[key]
        case "add" if isinstance(place, dict):
            place[draw(st.text(max_size=6))] = deepcopy(draw(values))
        case "rename" if isinstance(place, dict):
            place[draw(st.text(max_size=6))] = place.pop(key)
        case _:
            place.insert(0, deepcopy(draw(values)))
