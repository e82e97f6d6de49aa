"""`compare --formats`: a record for each network in each format, a table, a page; what fails says why."""

import pytest
import torch

import zoo
from benchmarks import compare
from benchmarks.run.exports import PAGE, TABLE
from benchmarks.show import exports as shown
from benchmarks.store.exported import ExportRecord
from benchmarks.store.files import read_as
from benchmarks.store.names import FORMATS_RECORDS as RECORDS


def run(out, *words):
    settings = ["--sizes", "16x24", "--data", "pairbench:clean", "--scenes", "3", "--seconds", "0.02"]
    return compare.main([*words, *settings, "--out", str(out)])


def test_each_format_has_a_row_with_its_accuracy(tmp_path, capsys):
    weights = zoo.save(zoo.build("frame_difference", weights="ready"), tmp_path / "w.safetensors")
    words = ("frame_difference", "--formats", "eager,pt2", "--weights", str(weights))
    assert run(tmp_path / "out", *words) == 0
    eager, pt2 = read_as(ExportRecord, tmp_path / "out" / RECORDS)
    assert (eager.cell.format, pt2.cell.format) == ("eager", "pt2")
    assert pt2.values["largest"] < 1e-4
    assert pt2.values["mask_iou"] == pytest.approx(eager.values["mask_iou"], abs=1e-3)
    assert min(pt2.values[name] for name in ("bytes", "build_s", "ms")) > 0
    table = (tmp_path / "out" / TABLE).read_text()
    assert "| `frame_difference` | pt2 |" in table
    assert "3 test pairs of pairbench:clean" in table
    assert ">pt2<" in (tmp_path / "out" / PAGE).read_text()
    assert "written: " in capsys.readouterr().out
    before = (tmp_path / "out" / RECORDS).read_bytes()
    assert run(tmp_path / "out", *words, "--resume") == 0
    assert (tmp_path / "out" / RECORDS).read_bytes() == before


def test_what_fails_is_a_row_with_its_reason(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise RuntimeError("no such thing\nat all")

    monkeypatch.setattr(torch.export, "export", refused)
    assert run(tmp_path / "out", "frame_difference", "--formats", "eager,pt2") == 3
    failed = read_as(ExportRecord, tmp_path / "out" / RECORDS)[-1]
    assert "torch cannot export frame_difference" in failed.failed
    text = shown.to_markdown([failed])
    assert "| `frame_difference` | pt2 | failed |" in text
    assert "frame_difference, pt2: " in text
    assert "weights are random" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--formats", "tflite"], "'tflite' is not accepted"),
        (["--formats", "pt2", "--measure", "latency"], "leave --measure out"),
    ],
)
def test_what_does_not_fit_is_a_line(tmp_path, capsys, words, said):
    assert run(tmp_path / "out", "frame_difference", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_records_are_kept_and_laid_out(tmp_path, monkeypatch, capsys):
    from benchmarks.store import committed
    from benchmarks.upkeep import exported, keep

    monkeypatch.setattr(committed, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(committed, "EXPORTS", tmp_path / "kept" / "exports")
    weights = zoo.save(zoo.build("frame_difference"), tmp_path / "w.safetensors")
    assert run(tmp_path / "out", "frame_difference", "--formats", "eager", "--weights", str(weights)) == 0
    for _ in range(2):
        assert keep.run(tmp_path / "out") == 0
    (kept,) = committed.exports(tmp_path / "kept" / "exports")
    assert kept.cell.weights == "w.safetensors", "and no place on this disk"
    assert "| `frame_difference` | eager |" in exported.page([kept])
    assert exported.page([]) == ""
