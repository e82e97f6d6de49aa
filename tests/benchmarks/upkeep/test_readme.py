"""README's table, and tables and chart in docs/, are what the committed records say."""

from dataclasses import replace

import pytest
from PIL import Image
from records import GPU, MACHINE, accuracy, cost, latency

from benchmarks.show.results import Results
from benchmarks.store import committed
from benchmarks.upkeep import readme
from registry import ZooError

H100 = replace(GPU, device_name="NVIDIA H100 80GB HBM3")


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


def test_times_on_a_gpu_stand_beside_those_on_the_cpu_and_change_no_order():
    names = {"slow": (10.0, 1.0, 0.8), "quick": (5.0, 2.0, 0.6)}
    found = [cost(name) for name in names]
    for name, (cpu, _, iou) in names.items():
        found += [latency(name, rounds=[[cpu]] * 6), accuracy(name, iou)]
    alone = readme.summary(Results(found))
    found += [latency(name, rounds=[[gpu]] * 6, machine=H100) for name, (_, gpu, _) in names.items()]
    other = latency("quick", rounds=[[0.5]] * 6, machine=H100, cell={"precision": "bf16"})
    text = readme.summary(Results([*found, other]))
    assert "| network | params M | GFLOPs | ms | ms, H100 | IoU hard | RMSE hard |" in text
    times = [line.split(" | ")[3:5] for line in text.splitlines() if line.startswith("| `")]
    assert times == [["10.0", "1.00"], ["5.00", "2.00"]]
    assert f"{MACHINE.headline}; {H100.headline}." in text
    assert "H100" not in alone
    assert "Not trained so yet" not in alone
    assert readme.summary(Results([*found, cost("new"), latency("new", rounds=[[1.0]] * 6)])).endswith(": `new`.")
    table = Results(found).to_markdown()
    assert f"224 x 224, fp32, eager, {H100.device_name}" in table
    assert f"224 x 224, fp32, eager, {MACHINE.device_name}" in table


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
