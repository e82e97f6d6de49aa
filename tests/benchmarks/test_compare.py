"""The command: what it measures, writes and shows."""

import csv
import json
import os
import shutil
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from comparing import WRITTEN, command, entries
from folder_data import dataset
from photo_files import photographs

from benchmarks import leaderboard
from benchmarks.measures import accuracy, sensitivity
from benchmarks.networks.entrants import enter
from benchmarks.store import files
from zoo.architectures import architectures

pytestmark = pytest.mark.usefixtures(entries.__name__)


def test_a_comparison_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.perf_counter()
    assert command(tmp_path / "r", "test_tiny, plain_cnn, test_tiny(tasks=mask)") == 0
    whole = time.perf_counter() - begun
    records = files.read(tmp_path / "r" / "compare.jsonl")
    models = ("test_tiny", "plain_cnn", "test_tiny(tasks=mask)")
    timed = [record for record in records if record.measure == "latency"]
    assert {(record.model, record.cell.layout) for record in timed} == {
        (model, layout) for model in models for layout in ("contiguous", "channels_last")
    }
    assert len(records) == 9
    for record in records:
        assert record.status == "done"
        assert "in_ch=6" in record.spec, "all options, not only those given"
        assert record.cell.size == (16, 24)
        assert record.took >= 0
        assert record.machine.torch == torch.__version__
        assert 0 <= record.clocks.get("stolen", 0) <= 1
    assert sum(record.took for record in records) <= whole + 0.001 * len(records), "seconds, each its own, rounded"
    for record in timed:
        assert len(record.raw.rounds_ms) >= 3
        low, high = record.intervals["ms"]
        assert low <= record.values["ms"] <= high
    counted = {record.model: record.values for record in records if record.measure == "cost"}
    assert counted["plain_cnn"]["params"] == 857_088
    table = (tmp_path / "r" / "compare.md").read_text()
    assert table.index("plain_cnn") < table.index("test_tiny"), "founding networks come first"
    assert "contiguous ms | channels_last ms" in table
    with (tmp_path / "r" / "compare.csv").open() as file:
        lines = {(line["model"], line["measure"]): line for line in csv.DictReader(file)}
    assert lines["plain_cnn", "cost"]["macs"] == str(int(lines["plain_cnn", "cost"]["flops"]) // 2)
    printed = capsys.readouterr()
    assert all(model in printed.out for model in models)
    assert sorted(os.listdir(tmp_path / "r")) == WRITTEN


def test_networks_take_turns_at_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side_by_side = []

    def raced(cells: Any, *_: Any) -> Iterator[Any]:
        side_by_side.append([(cell.entrant.asked.name, *cell.settings.size) for cell in cells])
        return iter(())

    monkeypatch.setattr("benchmarks.run.campaign.measure_together", raced)
    command(tmp_path, "test_tiny, plain_cnn", "--sizes", "16,24", "--layouts", "contiguous", measure="latency")
    assert side_by_side == [[(name, side, side) for name in ("test_tiny", "plain_cnn")] for side in (16, 24)]


def test_what_is_asked_for_twice_is_measured_once(tmp_path: Path) -> None:
    models = "frame_difference, frame_difference(in_ch=6)"
    assert command(tmp_path, models, "--sizes", "16,16", measure="cost") == 0
    assert len(files.read(tmp_path / "compare.jsonl")) == 1


def test_a_second_run_adds_records_and_shows_its_own(tmp_path: Path) -> None:
    assert command(tmp_path, "test_tiny") == 0
    assert command(tmp_path, "test_tiny(tasks=mask)") == 0
    assert len(files.read(tmp_path / "compare.jsonl")) == 6
    assert "test_tiny(tasks=mask)" in (tmp_path / "compare.md").read_text()
    assert "`test_tiny`" not in (tmp_path / "compare.md").read_text()


def test_training_and_sensitivity_from_start_to_end(tmp_path: Path) -> None:
    options = ["--data", "pairbench:clean", "--samples", "64", "--train-size", "16", "--scenes", "6", "--workers", "0"]
    assert command(tmp_path, "frame_difference", *options, measure="accuracy,sensitivity") == 0
    records = files.read(tmp_path / "compare.jsonl")
    assert {record.model for record in records} == {"frame_difference", "aligned_difference"}  # always there
    trained, *curves = [record for record in records if record.model == "frame_difference"]
    assert trained.status == "done", trained.failed
    assert trained.raw.trained["torch"] == torch.__version__
    assert 0 <= trained.values["mask_iou"] <= 1
    assert trained.cell.samples == 64
    assert (tmp_path / trained.gallery).exists()
    assert {record.cell.perturbation for record in curves} == set(sensitivity.PERTURBATIONS)
    starts = [record.values["mask_iou"][0] for record in curves if "mask_iou" in record.values]
    assert len(starts) == len(curves) - 2  # two perturbations leave nothing there to be found
    assert max(starts) == pytest.approx(min(starts))
    assert "IoU clean" in (tmp_path / "compare.md").read_text()


def test_data_without_depth_is_learned_from_and_what_cannot_learn_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = dataset(tmp_path / "desk", n_bg=10, each=1)
    shutil.rmtree(root / "fg_bg_depth")
    options = ["--data", f"folders(path={root}, tasks=mask)", "--samples", "64", "--train-size", "16x24"]
    options += ["--workers", "0", "--scenes", "500"]
    assert command(tmp_path / "out", "frame_difference", *options, measure="accuracy") == 0
    found = files.read(tmp_path / "out" / "compare.jsonl")
    assert [(record.status, record.values["mask_iou"] is not None) for record in found] == [("done", True)] * 2
    assert not [name for record in found for name in record.values if name.startswith("depth")]
    assert {(record.images, record.samples) for record in found} == {(1, 64)}
    assert "over 1 scene of the test split" in (tmp_path / "out" / "compare.md").read_text()
    capsys.readouterr()
    assert command(tmp_path / "no", "unet(tasks=depth)", *options, "--dry-run", measure="accuracy") == 2
    said = capsys.readouterr().err
    assert "unet(tasks=depth) predicts depth, and folders(" in said
    assert "has only mask; leave it out of --models" in said


def test_one_training_is_tested_on_every_set_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photographs(tmp_path / "photos")
    trained: list[str] = []
    fit = accuracy.fit
    monkeypatch.setattr(accuracy, "fit", lambda recipe, *a, **k: trained.append(recipe.data) or fit(recipe, *a, **k))
    masks = f"collage(plates='{folder / 'backgrounds'}')"
    options: Any = {"measure": "accuracy", "samples": 32, "train_size": 16, "scenes": 5, "workers": 0, "device": "cpu"}
    options |= {"data": ("pairbench:hard", masks), "out": tmp_path / "out"}
    results = leaderboard("unet(width=4)", test="pairbench:clean", **options)
    assert sorted(trained) == sorted(["pairbench:hard", masks] * 3)  # with both baselines
    sets = ("pairbench:clean", f"photos(path='{folder}')", f"photos(path='{folder}', plate=aligned)")
    results = leaderboard("unet(width=4)", test=sets, resume=True, **options)
    assert len(trained) == 6
    own = [one for one in results.records if one.model == "unet(width=4)"]
    assert [(one.status, one.failed) for one in own] == [("done", None)] * 6
    assert {(one.cell.data, one.cell.test) for one in own} == {*product(options["data"], sets)}
    assert len({one.raw.weights for one in own}) == 2
    assert len({one.gallery for one in own if (tmp_path / "out" / str(one.gallery)).exists()}) == 6
    depth = [(one.cell.data, one.cell.test) for one in own if one.values.get("depth_rmse") is not None]
    assert depth == [("pairbench:hard", "pairbench:clean")]  # where it is learned and known
    (table,) = results.tables
    kind = "composites of held-out photographs"
    assert table.title.endswith(f", photos and photos:aligned: {kind}")
    assert table.head == ["model, trained on", "IoU clean", "IoU photos", "IoU photos:aligned", "RMSE clean"]
    assert sorted({texts[0].partition(", ")[2] for texts in table.body}) == ["collage", "hard"]
    page = (tmp_path / "out" / "compare.html").read_text()
    assert page.count(f'"kind":"{kind}"') == 2
    lines = [*csv.DictReader((tmp_path / "out" / "compare.csv").open())]
    assert {(line["test_kind"], line["test"].startswith("photos")) for line in lines} == {("", False), (kind, True)}


def test_sets_that_share_no_task_are_named_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photographs(tmp_path / "photos")
    options = ["--train-size", "16", "--data", "pairbench:hard", "--test", f"photos(path={folder})"]
    assert command(tmp_path / "out", "unet(tasks=depth)", *options, measure="accuracy") == 2
    assert "unet(tasks=depth) predicts depth, and photos(" in capsys.readouterr().err
    options[-1] = "photos(path=nowhere)"
    assert command(tmp_path / "out", "unet", *options, measure="accuracy") == 2
    assert "`make photos` fills nowhere from packages of the system" in capsys.readouterr().err
    assert command(tmp_path / "out", "unet", *options, "--weights", str(folder), measure="accuracy") == 2
    assert "ready-made weights are tested on --data; leave --test out" in capsys.readouterr().err


def test_a_dry_run_lists_cells_and_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "r", "test_tiny", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "latency of test_tiny, 16 x 24, 1, fp32, channels_last, eager" in out
    assert not (tmp_path / "r").exists()


def test_a_budget_is_answered_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny", "--budget-ms", "10") == 0
    assert "the records hold no accuracy" in capsys.readouterr().out  # of a network of this test


def test_latex_is_printed_in_place_of_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "test_tiny", "--latex", measure="cost") == 0
    printed = capsys.readouterr().out
    assert printed.startswith((tmp_path / "compare.tex").read_text())
    assert "\\toprule" in printed


def test_an_older_run_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "old", "test_tiny") == 0
    assert command(tmp_path / "new", "test_tiny", "--against", str(tmp_path / "old" / "compare.jsonl")) == 0
    assert "against the older run" in capsys.readouterr().out


def test_every_entry_of_the_catalog_enters() -> None:
    entrants = enter("*")
    assert {str(entrant.asked) for entrant in entrants} == set(architectures.names())
    assert json.dumps([entrant.spec for entrant in entrants])
