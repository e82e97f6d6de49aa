"""The README's tables are what the committed records say."""

import pytest

from benchmarks import leaderboard, readme
from registry import ZooError


def test_readme_and_chart_are_not_stale():
    stale = [path.name for path, text in readme.wanted().items() if path.read_text("utf-8") != text]
    assert stale == [], "run make readme"


def test_the_records_are_of_one_schema_and_say_where_they_are_from():
    records = leaderboard.committed(readme.RECORDS)
    assert records
    for record in records:
        assert record["status"] in ("done", "failed")
        assert record["machine"]["device_name"]
        assert record["machine"]["commit"]


def test_only_what_is_between_the_marks_is_replaced():
    begin, end = readme.MARKS
    text = f"a\n{begin}\nold\n{end}\nb"
    assert readme.filled(text, "new") == f"a\n{begin}\n\nnew\n\n{end}\nb"
    assert readme.filled(readme.filled(text, "newer"), "new") == readme.filled(text, "new")
    for wrong in ("no marks", text + text):
        with pytest.raises(ZooError, match="needs them once"):
            readme.filled(wrong, "new")
