"""TOML that we write reads back as it was."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.training.toml import dumps

text = st.text(max_size=20)

plain = st.recursive(
    text | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(text, plain | st.dictionaries(text, plain, max_size=3), max_size=4))
def test_toml_reads_back(data):
    assert tomllib.loads(dumps(data)) == data


@given(st.dictionaries(text, st.lists(st.dictionaries(text, plain, max_size=3), min_size=1, max_size=3), max_size=3))
def test_lists_of_tables_read_back(data):
    assert tomllib.loads(dumps(data)) == data


def test_toml_of_tables_inside_lists_and_of_no_number():
    data = {"a": [1, {"b": 2}], "c": {"d": {"e": [True]}, "f": {}}, "g": [[{"h": 1.5}]], "i": float("inf")}
    assert tomllib.loads(dumps(data)) == data
    assert dumps({"x": float("nan")}) == "x = nan\n"
    with pytest.raises(TypeError, match="cannot hold a NoneType"):
        dumps({"x": None})
