"""`zoo evaluate`: what it prints and saves, and that nothing is left half-written."""

import json

import pytest
import torch
from PIL import Image

import zoo
from zoo.__main__ import main
from zoo.metrics.evaluation import METRICS, PER_IMAGE
from zoo.metrics.pictures import CELL


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    return str(zoo.save(zoo.build("frame_difference"), tmp_path / "net.safetensors"))


def run(*arguments):
    settings = ["--device", "cpu", "--data", "pairbench:clean", "--size", "16", "--samples", "3"]
    return main(["evaluate", *settings, *arguments])


def test_the_command_prints_and_saves(weights, tmp_path, capsys):
    assert run(weights, "--batch", "2") == 0
    out, err = capsys.readouterr()
    folder = tmp_path / "net-on-pairbench-clean-test-16x16-3"
    assert sorted(path.name for path in folder.iterdir()) == [METRICS, PER_IMAGE, "samples.png"]
    assert out.startswith("frame_difference(")
    assert "split test, 16 x 16\n3 of 10,000 images, fp32 on cpu" in out
    assert max(map(len, out.splitlines())) <= 100
    assert f"wrote {folder}" in err
    record = json.loads((folder / METRICS).read_text())
    assert len(record["sha256"]) == 64
    assert record["metrics"]["mask_iou"]["value"] is not None
    with Image.open(folder / "samples.png") as picture:
        assert picture.width > 6 * CELL


def test_the_command_takes_other_people_s_checkpoints(tmp_path, capsys):
    torch.save(zoo.build("frame_difference", tasks="mask").state_dict(), tmp_path / "theirs.pth")
    given = str(tmp_path / "theirs.pth"), "--model", "frame_difference(tasks=mask)", "--out", str(tmp_path / "out")
    assert run(*given, "--device", "cpu", "--metrics", "mask_iou, mask_dice") == 0
    out = capsys.readouterr().out
    assert "mask_dice" in out
    assert "mask_mae" not in out
    assert set(json.loads((tmp_path / "out" / METRICS).read_text())["metrics"]) == {"mask_iou", "mask_dice"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics", "mask_iuo"], "did you mean mask_iou"),
        (["--batch", "0"], "--batch: '0' is not accepted"),
        (["--device", "gpu"], "device takes auto, cpu, cuda, mps"),
        (["--split", "all"], "pairbench has the splits train, val, test"),
        (["--model", "u2net"], "error:"),
    ],
)
def test_the_command_says_what_is_wrong_and_leaves_nothing(weights, tmp_path, capsys, arguments, message):
    assert run(weights, *arguments) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_file_in_the_way_or_missing_weights_are_said_first(weights, tmp_path, capsys):
    assert run(weights, "--out", weights) == 2
    assert run(str(tmp_path / "none.safetensors")) == 2
    err = capsys.readouterr().err
    assert "is a file; give a folder" in err
    assert "none.safetensors does not exist" in err


@pytest.mark.parametrize("when", ["zoo.metrics.evaluate.intervals", "zoo.metrics.evaluation.Evaluation.to_dict"])
def test_an_interrupt_leaves_nothing_half_written(weights, tmp_path, capsys, monkeypatch, when):
    assert run(weights) == 0
    folder = tmp_path / "net-on-pairbench-clean-test-16x16-3"
    before = (folder / METRICS).read_bytes()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(when, interrupt)
    assert run(weights, "--overwrite") == 130
    assert (folder / METRICS).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [METRICS, PER_IMAGE, "samples.png"]


def test_an_evaluation_that_is_there_is_not_replaced_silently(weights, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / METRICS).write_text("{}")
    assert run(weights, "--out", str(out)) == 2
    assert f"{out / METRICS}: already exists; allow overwrite (--overwrite)" in capsys.readouterr().err
    assert (out / METRICS).read_text() == "{}"
    assert run(weights, "--out", str(out), "--overwrite") == 0
    assert json.loads((out / METRICS).read_text())["images"] == 3
    assert run(weights, "--out", "") == 2
    assert "--out: the path is empty" in capsys.readouterr().err


def test_the_command_takes_a_training_s_folder(tmp_path, capsys):
    zoo.save(zoo.build("frame_difference"), tmp_path / "model.safetensors")
    assert run(str(tmp_path), "--metrics", "mask_iou") == 0
    assert run(str(tmp_path)) == 0
    assert run(str(tmp_path), "--precision", "bf16") == 0
    found = [file.parent.name for file in tmp_path.glob(f"model-on-pairbench-clean-test-16x16-3*/{METRICS}")]
    assert len(found) == 3, "neither replaces another"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").touch()
    assert run(str(tmp_path / "run")) == 2
    assert "holds a training that has not ended" in capsys.readouterr().err
