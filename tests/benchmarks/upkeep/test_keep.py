"""Records on their way into the library: whole, once for each cell, with their pictures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from records import MACHINE, accuracy, control, latency

from benchmarks.store import committed, files
from benchmarks.store.control import Control
from benchmarks.store.record import Machine, Record
from benchmarks.upkeep.__main__ import main

CPU = {"device_name": "A CPU", "cores": 2, "threads": 1}
GPU = {"device": "cuda", "device_name": "NVIDIA X-1"}


def record(model: str, iou: float, **more: Any) -> Record:
    return accuracy(model, iou, **{"machine": CPU, **more})


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(committed, "FOLDER", tmp_path / "records")
    (tmp_path / "records").mkdir()
    (tmp_path / "run").mkdir()
    return tmp_path / "run", tmp_path / "records"


def test_records_are_kept_by_machine_and_replace_those_of_their_cell(folders: tuple[Path, Path]) -> None:
    run, kept = folders
    picture = Image.new("RGB", (60, 10), "red")
    picture.save(run / "sheet.png")
    files.append(kept / "cpu-2-cores.jsonl", record("a", 0.1))
    files.append(kept / "cpu-2-cores.jsonl", record("b", 0.2))
    for new in (
        record("a", 0.5, gallery="sheet.png"),
        latency("a", machine=GPU),
        record("mine", 0.5, group="yours"),
        record("c", 0.5, status="interrupted"),
        record("d", 0.7, gallery="lost.png"),
    ):
        files.append(run / "compare.jsonl", new)
    assert main(["keep", str(run)]) == 0
    found = {r.model: r for r in files.read(kept / "cpu-2-cores.jsonl")}
    assert {name: r.values["mask_iou"] for name, r in found.items()} == {"a": 0.5, "b": 0.2, "d": 0.7}
    assert found["d"].gallery is None
    with Image.open(kept / str(found["a"].gallery)) as image:
        assert image.convert("RGB").tobytes() == picture.tobytes()
    assert [r.model for r in files.read(kept / "x-1.jsonl")] == ["a"]
    before = (kept / "cpu-2-cores.jsonl").read_text()
    assert main(["keep", str(run)]) == 0
    assert (kept / "cpu-2-cores.jsonl").read_text() == before
    assert all(json.loads(line)["schema"] == files.SCHEMA for line in before.splitlines())


def test_what_a_changed_recipe_trained_replaces_what_it_trained_before(folders: tuple[Path, Path]) -> None:
    run, kept = folders
    for model in "ab":
        files.append(kept / "cpu-2-cores.jsonl", record(model, 0.1))
    files.append(run / "compare.jsonl", record("a", 0.5, cell={"content": "0123"}))
    assert main(["keep", str(run)]) == 0
    found = [(r.model, r.values["mask_iou"]) for r in files.read(kept / "cpu-2-cores.jsonl")]
    assert sorted(found) == [("a", 0.5), ("b", 0.1)]


def test_nothing_to_keep_is_said(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, kept = folders
    files.append(run / "compare.jsonl", record("mine", 0.5, group="yours"))
    assert main(["keep", str(run)]) == 2
    assert "no records to keep" in capsys.readouterr().err
    assert main(["keep", str(run / "nowhere")]) == 2
    assert list(kept.iterdir()) == []


def test_what_a_gpu_has_left_is_taken_in_from_all_its_files(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, kept = folders
    monkeypatch.setattr(committed, "CONTROLS", kept / "control")
    h100: Any = {"device": "cuda", "device_name": "NVIDIA H100 80GB HBM3"}
    files.append(run / "speed.jsonl", latency("a", machine=h100))
    files.append(run / "accuracy.jsonl", accuracy("a", 0.6, machine=h100))
    files.append(run / "more.jsonl", accuracy("a", 0.7, machine=h100, cell={"seed": 1}))
    files.append(run / "control.jsonl", replace(control(39, 40), machine=replace(MACHINE, **h100)))
    (run / "report.json").write_text("{}")
    assert [main(["keep", str(run)]) for _ in range(2)] == [0, 0]
    written = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.jsonl"))
    assert written == ["control/h100.jsonl", "h100.jsonl"]
    assert [one.measure for one in files.read(kept / "h100.jsonl")] == ["latency", "accuracy", "accuracy"]
    assert (
        len(committed.controls(kept / "control")) == len(files.read_as(Control, kept / "control" / "h100.jsonl")) == 1
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA H100 PCIe", "h100"),
        ("NVIDIA GeForce RTX 4090", "geforce-rtx-4090"),
        ("AMD Instinct MI300X", "amd-instinct-mi300x"),
    ],
)
def test_a_gpu_is_called_by_its_name_alone(name: str, told: str) -> None:
    assert committed.kind(Machine(device="cuda", device_name=name)) == told
