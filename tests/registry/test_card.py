"""Options are read off a factory's signature, and a value either fits its annotation or is refused in one line."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

import pytest

from registry import ABOVE_0, Option, OptionError, ZooError, options_of

Fusion = Literal["concat", "difference", "siamese"]
Thing = TypeVar("Thing")


def option(annotation: Any) -> Option:
    return Option("size", None, annotation)


@pytest.mark.parametrize(
    ("annotation", "taken", "refused"),
    [
        (int, [0, -3, 10**30], [True, 1.0, "1", None, (1,), math.nan]),
        (float, [0.5, 2, math.inf, math.nan], [False, "0.5", None, (0.5,)]),
        (bool, [True, False], [0, 1, "True", None]),
        (str, ["", "a b", "4"], [4, None, True, ("a",), b"a"]),
        (None, [None], [0, False, "", "None"]),
        (type(None), [None], [0, False, "", "None"]),
        (Literal[3, 4], [3, 4], [5, 3.0, True, "3", None]),
        (Literal[1, True, "a"], [1, True, "a"], [1.0, 0, False, "b"]),
        (Fusion, ["concat", "siamese"], ["Concat", "", None, ("concat",)]),
        (int | None, [1, None], [1.5, "1", True]),
        (Union[int, Literal["auto"]], [1, "auto"], ["Auto", 1.5]),
        (tuple, [(), (1, "a")], [1, "ab"]),
        (tuple[int, ...], [(), (1,), (1, 2, 3)], [1, (1, "a"), (1, True), "12"]),
        (tuple[int, int], [(1, 2)], [(), (1,), (1, 2, 3), (1, 2.5)]),
        (tuple[int, str], [(1, "a")], [("a", 1)]),
        (tuple[()], [()], [(1,)]),
        (tuple[tuple[int, ...], ...], [((1,), (2, 3)), ()], [(1, 2), ((1,), 2)]),
        (tuple[Fusion, ...], [("concat", "siamese")], [("concat", "no")]),
        (Annotated[int, "help"], [1], ["1"]),
        (Annotated[int, "help"] | None, [1, None], ["1"]),
        (tuple[Annotated[int, "help"], ...], [(1, 2)], [("1",)]),
        (Path, [Path("a")], ["a"]),
        (Sequence[int], [(1, 2)], [1]),
        (Callable[[int], int], [abs], [1]),
        (Any, [1, "a", None, object], []),
        (Option, [option(int)], [1]),
        (Thing, [1, "a", None], []),
    ],
    ids=str,
)
def test_values(annotation, taken, refused):
    checker = option(annotation)
    for value in taken:
        assert repr(checker.check(value)) == repr(value)
    for value in refused:
        with pytest.raises(OptionError, match=r"^size=.* is not accepted; size takes ."):
            checker.check(value)


def test_lists_become_tuples_at_every_level():
    assert option(tuple[tuple[int, ...], ...]).check([[1, 2], (3,), []]) == ((1, 2), (3,), ())
    assert option(Any).check([1, [2]]) == (1, (2,))


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "4", "size='4' is not accepted; size takes a whole number"),
        (float, True, "size=True is not accepted; size takes a number"),
        (bool, 1, "size=1 is not accepted; size takes True or False"),
        (str, None, "size=None is not accepted; size takes text"),
        (Literal[3, 4], 5, "size=5 is not accepted; size takes 3 or 4"),
        (Fusion, "sum", "size='sum' is not accepted; size takes concat, difference or siamese"),
        (int | None, "a", "size='a' is not accepted; size takes a whole number or None"),
        (tuple[int, ...], 3, "size=3 is not accepted; size takes a tuple, each item a whole number"),
        (tuple[int, str], (1,), "size=(1,) is not accepted; size takes a tuple (a whole number, text)"),
        (tuple[()], (1,), "size=(1,) is not accepted; size takes a tuple ()"),
        (tuple[Fusion, ...] | None, "x", "size='x' is not accepted; size takes a tuple, each item concat, difference"),
        (Annotated[bool, "help"] | None, 3, "size=3 is not accepted; size takes True or False or None"),
        (Path, "a", "size='a' is not accepted; size takes Path"),
    ],
    ids=str,
)
def test_messages_say_what_arrived_and_what_is_accepted(annotation, value, message):
    with pytest.raises(OptionError) as caught:
        option(annotation).check(value)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, (ZooError, ValueError))


def test_options_of_a_function_are_its_keyword_only_parameters_in_order():
    def factory(
        face: object,
        positional: int = 1,
        *more: int,
        second: Annotated[int, "how many"] = 2,
        first: Fusion = "concat",
        needed: str,
        free=None,  # no annotation: anything goes
        quoted: "tuple[int, ...]" = (1,),
        noted: Annotated[float, 5, "the text among the notes", "not this"] = 0.5,
        **rest: int,
    ) -> None: ...

    options = options_of(factory)
    assert list(options) == ["second", "first", "needed", "free", "quoted", "noted"]
    assert [o.name for o in options.values()] == list(options)
    assert (options["second"].default, options["second"].help) == (2, "how many")
    assert options["second"].annotation is int
    assert options["first"].accepted == "concat, difference or siamese"
    assert options["needed"].default is options_of(lambda *, x: x)["x"].default  # the marker of "no default"
    assert options["free"].accepted == "anything"
    assert options["free"].check({"a": 1}) == {"a": 1}
    assert options["quoted"].check([1, 2]) == (1, 2)
    assert options["noted"].help == "the text among the notes"


def test_a_limit_is_checked_with_the_type_and_told_instead_of_it():
    def factory(*, rate: Annotated[float, "how fast", ABOVE_0] = 1.0, free: Annotated[float, "any"] = 0.0) -> None: ...

    rate, free = options_of(factory).values()
    assert [rate.check(value) for value in (0.5, 2)] == [0.5, 2]
    for value in (0, -1.0, math.nan, math.inf, "1", None):
        with pytest.raises(OptionError, match=r"^rate=.* is not accepted; rate takes a number above 0$"):
            rate.check(value)
    assert (rate.help, free.accepted, free.check(-1)) == ("how fast", "a number", -1)


def test_none_keeps_to_every_limit_where_the_type_allows_it():
    rate = Option("rate", None, float | None, limit=ABOVE_0)
    assert [rate.check(value) for value in (None, 2)] == [None, 2]
    with pytest.raises(OptionError, match="rate takes a number above 0 or None"):
        rate.check(0)


def test_options_of_a_class_are_those_of_its_constructor():
    class Network:
        def __init__(self, face: object, *, depth: int = 3): ...

    assert options_of(Network) == {"depth": Option("depth", 3, int)}
    assert options_of(object) == {}
