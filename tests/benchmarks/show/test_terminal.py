"""Tables on the terminal: never over 100 columns, and nothing of them lost."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.show.terminal import WIDTH, print_table

WORDS = st.text("abcdefgh", min_size=1, max_size=18)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    count = draw(st.integers(1, 12))
    names = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
    cells = st.integers(1, 10**25).map(str)
    row = st.tuples(names, st.lists(cells, min_size=count, max_size=count)).map(lambda pair: [pair[0], *pair[1]])
    head = ["model", *(draw(WORDS) + " " + draw(WORDS) for _ in range(count))]
    return head, draw(st.lists(row, min_size=1, max_size=6))


@given(tables())
def test_no_line_is_too_long_and_every_number_is_there(table: tuple[list[str], list[list[str]]]) -> None:
    head, body = table
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_table(head, body, title="a title", notes=["a note"])
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= WIDTH
    words = text.split()
    for number in {cell for row in body for cell in row[1:]}:
        assert words.count(number) == sum(row[1:].count(number) for row in body)
    assert text.count("a title") == text.count("a note") == 1


def test_a_wide_table_goes_on_below_with_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["model", *"abcde"], [["one", *["1" * 24] * 5], ["two", *["2" * 24] * 5]], ends=[0])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()]
    assert [line[0] for line in lines].count("one") == 2
    assert [len(line) - 1 for line in lines if line[0] == "two"] == [3, 2]
    assert ["model", "a", "b", "c"] in lines
    assert ["model", "d", "e"] in lines


def test_columns_come_closer_before_a_table_is_taken_apart(capsys: pytest.CaptureFixture[str]) -> None:
    def shown(wide: int) -> list[str]:
        print_table(["model", *"abcdefg"], [["one", *["1" * wide] * 7]])
        return [line for line in capsys.readouterr().out.splitlines() if "1" in line]

    assert "1  1" in shown(11)[0]
    assert "1  1" not in shown(12)[0]
    assert [len(shown(wide)) for wide in (11, 12, 13)] == [1, 1, 2]


def test_a_long_name_is_folded_and_splits_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["model", *"abc"], [["/a/very/long/way/to/a/folder/of/mine/and/then/my_network.py:Network", *"123"]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum("model" in line for line in lines) == 1


def test_a_number_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["model", "a"], [["one", "1" * 150]])
    assert "1" * 150 in capsys.readouterr().out
    print_table(["model"], [["names alone"]])
    assert "names alone" in capsys.readouterr().out
