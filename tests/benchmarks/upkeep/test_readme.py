"""README's table, and tables and chart in docs/, are what the committed records say."""

import pytest
from PIL import Image

from benchmarks.store import committed
from benchmarks.upkeep import readme
from registry import ZooError


def test_readme_and_chart_are_not_stale():
    assert readme.run(check=True) == 0, "run make readme"


@pytest.mark.parametrize(("name", "number"), [("README", "62.34 |"), ("LEADERBOARD", "62.345 |")])
def test_another_number_in_a_table_is_stale(name, number, tmp_path, monkeypatch):
    true = getattr(readme, name).read_text("utf-8")
    assert true.count(number) == 1
    copy = tmp_path / "copy.md"
    copy.write_text(true.replace(number, "61.00 |"), "utf-8")
    monkeypatch.setattr(readme, name, copy)
    assert readme.wanted(readme.committed_results())[copy] == true


def test_a_picture_says_which_chart_it_shows(tmp_path, monkeypatch, capsys):
    def shoot(page, picture, **_):
        Image.new("RGB", (8, 8), "white").save(picture)

    monkeypatch.setattr("benchmarks.upkeep.screenshot.shoot", shoot)
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "PICTURE", tmp_path / "PICTURE")
    monkeypatch.setattr(readme, "wanted", lambda _: {readme.PICTURE: "unet 10 0.8"})
    assert readme.said(readme.PICTURE) is None
    assert readme.run(check=True) == 1
    assert not readme.PICTURE.exists()
    assert (readme.run(check=False), readme.run(check=True)) == (0, 0)
    assert readme.said(readme.PICTURE) == "unet 10 0.8"
    monkeypatch.setattr(readme, "wanted", lambda _: {readme.PICTURE: "unet 11 0.8"})
    assert readme.run(check=True) == 1
    assert capsys.readouterr().out.endswith("stale: PICTURE\n")


def test_the_records_are_of_one_schema_and_say_where_they_are_from():
    records = committed.records()
    assert records
    for record in records:
        assert record.status in ("done", "failed")
        assert record.machine.device_name
        assert record.machine.commit


def test_only_what_is_between_the_marks_is_replaced():
    begin, end = readme.MARKS
    text = f"a\n{begin}\nold\n{end}\nb"
    assert readme.filled(text, "new") == f"a\n{begin}\n\nnew\n\n{end}\nb"
    assert readme.filled(readme.filled(text, "newer"), "new") == readme.filled(text, "new")
    for wrong in ("no marks", text + text):
        with pytest.raises(ZooError, match="needs them once"):
            readme.filled(wrong, "new")
