"""Specs: printing and reading are inverse, and an error points at the character that is wrong."""

import copy
import math
import pickle
from enum import IntEnum, StrEnum

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry import Spec, SpecError, ZooError, split
from registry.spec import DEEPEST, WIDTH

names = st.from_regex(r"[A-Za-z0-9_.+\-/:~*?\[\]!]+", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
characters = st.characters(categories=None)  # every code point there is, lone surrogates too
words = ["", " ", "True", "none", "FALSE", "1", "-0", "+7", "1e5", ".5", "1.", "inf", "-inf", "nan", "NaN", "9" * 5000]
marks = [
    "a b",
    "a,b",
    "(1,)",
    ")",
    "=",
    '"',
    "'",
    "\\",
    "\\n",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\x1b[0m",
    "\u2028",
    "é",
    "🎈",
]
others = ["\ud83d\ude00", "\udc80", "\\ud83d", "C:\\new\\table", "it's", "a=b", "0x10", "1_000", "a.b-c/d:e~"]
tricky = st.sampled_from(words + marks + others)
leaves = st.one_of(
    st.text(characters), tricky, st.integers(), st.floats(), st.booleans(), st.none(), st.just(-0.0), st.just(1e300)
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(names, st.dictionaries(keys, values, max_size=4))
def test_parse_inverts_print(name, options):
    spec = Spec(name, options)
    again = Spec.parse(str(spec))
    assert repr(again) == repr(spec)  # repr: nan differs from itself, 1 equals True, -0.0 equals 0.0
    assert again == spec
    assert str(again) == str(spec)
    assert str(spec).isprintable()  # one line, and safe to show and to encode


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("unet", "unet", {}),
        ("unet()", "unet", {}),
        (" unet ( depth = 4 , fusion = siamese , ) ", "unet", {"depth": 4, "fusion": "siamese"}),
        ("u(a=TRUE, b=False, c=none)", "u", {"a": True, "b": False, "c": None}),
        ("u(a=1, b=-2, c=1., d=.5)", "u", {"a": 1, "b": -2, "c": 1.0, "d": 0.5}),
        ("u(a=1e3, b=-inf, c=nan)", "u", {"a": 1000.0, "b": -math.inf, "c": math.nan}),
        ("u(a=(), b=(1,), c=(1), d=(1, 2,))", "u", {"a": (), "b": (1,), "c": 1, "d": (1, 2)}),
        ("u(a=(1, (2, x)))", "u", {"a": (1, (2, "x"))}),
        ("u(a=tu-convnextv2_tiny.fcmae)", "u", {"a": "tu-convnextv2_tiny.fcmae"}),
        ("u(a=~/w/u2net.pth)", "u", {"a": "~/w/u2net.pth"}),
        ("""u(a="x y", b='it is "so"', c="\\"", d='\\'')""", "u", {"a": "x y", "b": 'it is "so"', "c": '"', "d": "'"}),
        (r'u(a="\n\t\r\\\u00e9\U0001f388")', "u", {"a": "\n\t\r\\é\U0001f388"}),
        ("u(a=\n1,\n\tb=2)", "u", {"a": 1, "b": 2}),
        ("*unet?[ab]", "*unet?[ab]", {}),
    ],
)
def test_reading(text, name, options):
    assert repr(Spec.parse(text)) == repr(Spec(name, options))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "u"),
        ({"depth": 4, "fusion": "siamese"}, "u(depth=4, fusion=siamese)"),
        ({"a": "True", "b": "4", "c": "1e5", "d": ""}, 'u(a="True", b="4", c="1e5", d="")'),
        ({"a": ("mask",), "b": (), "c": ((1, 2), None)}, "u(a=(mask,), b=(), c=((1, 2), None))"),
        ({"a": 1e300, "b": -0.0, "c": math.inf, "d": math.nan}, "u(a=1e+300, b=-0.0, c=inf, d=nan)"),
        ({"a": "süß.pth", "b": 'say "hi"\n'}, r'u(a="süß.pth", b="say \"hi\"\n")'),
        ({"a": "\x1b", "b": "\udc80", "c": "\U000e0001"}, r'u(a="\u001b", b="\udc80", c="\U000e0001")'),
        ({"a": [1, [2]]}, "u(a=(1, (2,)))"),
    ],
)
def test_printing(options, text):
    assert str(Spec("u", options)) == text


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("(depth=4)", 0, "expected a name"),
        ("unet depth", 5, "expected the end"),
        ("unet(depth=4", 12, "expected a comma or )"),
        ("unet(depth 4)", 11, "expected = and a value"),
        ("unet(depth=)", 11, "expected a value"),
        ("unet(depth=4 fusion=siamese)", 13, "expected a comma or )"),
        ("unet(4)", 5, "expected an option"),
        ("unet(,)", 5, "expected an option"),
        ("unet(a=1,,b=2)", 9, "expected an option"),
        ("unet(depth=4, depth=3)", 14, "this option is given twice"),
        ("unet(depth=4))", 13, "expected the end"),
        ('unet(a="x y)', 7, 'this text has no closing "'),
        ("unet(a='x y\")", 7, "this text has no closing '"),
        (r'unet(a="x\qy")', 9, "expected an escape"),
        (r'unet(a="\ud8zz")', 8, "expected an escape"),
        (r'unet(a="\U00110000")', 8, "expected an escape"),
        ('unet(a="\\', 8, "expected an escape"),
        ("unet(a=(1, 2)", 13, "expected a comma or )"),
        ("unet(a=(1 2))", 10, "expected a comma or )"),
        ("unet(a=(,))", 8, "expected a value"),
        ("unet(a=1, größe=2)", 12, "expected = and a value"),
        ("unet(a=b@c)", 8, "expected a comma or )"),
        ("unet(a=" + "9" * 5000 + ")", 7, "this number has more digits"),
        ("unet(a=" + "(" * (DEEPEST + 1) + ")" * (DEEPEST + 1) + ")", 7 + DEEPEST, "tuples nested more than"),
    ],
)
def test_error_points_at_the_character(text, column, expected):
    with pytest.raises(SpecError) as caught:
        Spec.parse(text)
    shown, pointer = str(caught.value).split("\n")
    assert shown[: WIDTH // 2] == text[: WIDTH // 2]
    assert pointer.index("^") == column
    assert pointer[column + 2 :].startswith(expected)


def test_error_in_several_lines_is_shown_in_one():
    with pytest.raises(SpecError) as caught:
        Spec.parse("unet(\n\tdepth=4\u2028\x1b[31m\n)")
    assert str(caught.value) == "unet(  depth=4  [31m )\n              ^ expected a comma or )"


def test_error_far_into_a_long_text_shows_the_neighbourhood():
    text = f"unet({', '.join(f'option_{n}={n}' for n in range(1000))}, HERE, {'x' * 500})"
    with pytest.raises(SpecError) as caught:
        Spec.parse(text)
    shown, pointer = str(caught.value).split("\n")
    assert len(shown) == WIDTH
    assert shown[0] == shown[-1] == "…"
    column = pointer.index("^")
    assert shown[column - 4 : column + 1] == "HERE,"
    assert pointer == " " * column + "^ expected = and a value"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text(text):
    with pytest.raises(SpecError, match=r"^the text is empty; expected a name, as in unet or unet\(depth=4\)$"):
        Spec.parse(text)


soup = st.lists(
    st.sampled_from([*"unet(=,)*\"' \\u0\n-1.e", "unet(", "a=", "((", "True", "1e999", "é", "\ud800"]), max_size=40
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(characters), soup.map("".join), names.map(lambda name: f"{name}(a=")))
@example("u(a=" + "(" * 50_000)
@example("u(a=" + "1" * 50_000 + ")")
@example('u(a="' + "\\" * 50_000)
@example("u(" * 50_000)
@example("u(a=1e99999999999)")
def test_any_text_is_read_or_refused(text):
    for read in (lambda text: [Spec.parse(text)], lambda text: list(map(Spec.parse, split(text)))):
        try:
            specs = read(text)
        except SpecError as error:
            message = str(error).split("\n")
            assert len(message) <= 2
            assert len(message[0]) <= WIDTH
        else:
            assert [Spec.parse(str(spec)) for spec in specs] == specs


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("unet", ["unet"]),
        (" u2net* ,unet(depth=4) ", ["u2net*", "unet(depth=4)"]),
        ('a(x=(1, 2), y="p,q)"), b(), c', ['a(x=(1, 2), y="p,q)")', "b()", "c"]),
    ],
)
def test_split(text, parts):
    assert split(text) == parts


@pytest.mark.parametrize(("text", "column"), [("a,,b", 2), ("a,", 2), (",a", 0), ("a b", 2), ("a(x=1), b(x)", 11)])
def test_split_points_into_the_whole_list(text, column):
    with pytest.raises(SpecError) as caught:
        split(text)
    shown, pointer = str(caught.value).split("\n")
    assert shown == text
    assert pointer.index("^") == column


def test_equality_is_that_of_the_printed_text_in_any_order():
    assert Spec("u", {"a": 1, "b": 2}) == Spec("u", {"b": 2, "a": 1})
    assert len({Spec("u", {"a": 1, "b": 2}), Spec("u", {"b": 2, "a": 1})}) == 1
    assert Spec("u", {"a": math.nan}) == Spec("u", {"a": -math.nan})
    different = [Spec("u", {"a": value}) for value in (1, 1.0, True, "1", (1,), -1, 0.0, -0.0, None, "None")]
    assert len(set(different)) == len(different)
    assert Spec("u") != Spec("v")
    assert Spec("u") != "u"


class Shade(StrEnum):
    DARK = "dark"


class Level(IntEnum):
    HIGH = 3


def test_subclasses_are_taken_as_what_they_derive_from():
    spec = Spec("u", {"a": Shade.DARK, "b": Level.HIGH, "c": np.float64(0.5)})
    assert str(spec) == "u(a=dark, b=3, c=0.5)"
    assert [type(value) for value in spec.options.values()] == [str, int, float]


def test_a_spec_keeps_its_own_copy_of_the_options():
    options = {"a": [1]}
    spec = Spec("u", options)
    options["a"].append(2)
    options["b"] = 3
    assert spec.options == {"a": (1,)}
    assert copy.deepcopy(spec) == spec == pickle.loads(pickle.dumps(spec))


deep: tuple = ()
for _ in range(DEEPEST):
    deep = (deep,)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a b", {}, "'a b' is not a name"),
        ("", {}, "'' is not a name"),
        ("u", {"a b": 1}, "'a b' is not an option's name"),
        ("u", {"4": 1}, "'4' is not an option's name"),
        ("u", {"a": {"b": 1}}, "cannot hold {'b': 1}; it can hold text, numbers, True, False, None and tuples"),
        ("u", {"a": (1, object)}, "cannot hold <class 'object'>"),
        ("u", {"a": b"x"}, "cannot hold b'x'"),
        ("u", {"a": 10**5000}, "a number that Python does not print"),
        ("u", {"a": deep}, f"more than {DEEPEST} deep"),
    ],
)
def test_what_could_not_be_read_back_is_refused_when_it_is_made(name, options, words):
    with pytest.raises(SpecError) as caught:
        Spec(name, options)
    assert words in str(caught.value)
    assert isinstance(caught.value, ZooError)
    assert isinstance(caught.value, ValueError)


def test_the_deepest_tuple_that_is_taken_is_read_back():
    spec = Spec("u", {"a": deep[0]})
    assert Spec.parse(str(spec)) == spec
