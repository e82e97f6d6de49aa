"""A network made better for one camera: what is kept, what is written, how it goes on, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photo_files import smooth
from PIL import Image

import zoo
from registry import OptionError, ZooError
from zoo.__main__ import main
from zoo.training import Adaptation, Setup, adapt
from zoo.training.trainer import Trainer

HERE = Setup(device="cpu", workers=0)
SMALL: dict[str, Any] = {"size": 24, "samples": 48}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.adapting.COMPOSITES", 12)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    (tmp_path / "desk").mkdir()
    Image.fromarray(smooth(3, 60, 80)).save(tmp_path / "desk" / "only.jpg", quality=95)
    return tmp_path / "desk"


def blind(path: Path, tasks: str = "mask") -> str:
    """A baseline that takes almost nothing for an object, until it is adapted."""
    model = zoo.build("frame_difference", tasks=tasks)
    with torch.no_grad():
        model.threshold.copy_(torch.tensor([0.4, -0.5]))  # type: ignore[operator]
    return str(zoo.save(model, path / "blind.safetensors"))


def test_the_better_network_is_kept_and_predict_takes_it(plates: Path, tmp_path: Path) -> None:
    start = blind(tmp_path)
    done = adapt(plates, tmp_path / "run", Adaptation(start=start, lr=0.3, **SMALL), setup=HERE)
    assert done.is_better
    for before, after in done.found.values():
        assert after.values["mask_iou"] > before.values["mask_iou"]
        assert before.facts["data"] == after.facts["data"]
        assert before.facts["data"].startswith("camera(")
    assert [found[0].facts["split"] for found in done.found.values()] == ["val", "test"]
    kept = zoo.load(tmp_path / "run")
    assert kept.threshold.equal(done.model.threshold)  # type: ignore[operator]
    assert not kept.threshold.equal(zoo.load(start).threshold)  # type: ignore[operator]
    assert kept.trained_at == (24, 24)
    photo = np.asarray(Image.open(plates / "only.jpg"))
    assert zoo.predict(tmp_path / "run", photo, photo).mask is not None
    again = zoo.evaluate(kept, zoo.data.load(f"camera(plates={plates})", split="test", size=24), samples=12)
    assert again.values["mask_iou"] == done.found["test"][1].values["mask_iou"]
    assert f"{again.values['mask_iou']:.3f} (" in done.table()
    assert done.table().endswith("kept: the adapted network")
    report = json.loads((tmp_path / "run" / "adaptation.json").read_text())
    assert [each["metrics"]["mask_iou"]["value"] for each in report["found"]["test"]][1] == again.values["mask_iou"]


def test_what_adapting_made_worse_stays_as_it_was(plates: Path, tmp_path: Path) -> None:
    how = Adaptation(start="aligned_difference", lr=100.0, **SMALL)
    done = adapt(plates, tmp_path / "run", how, setup=HERE)
    assert not done.is_better
    assert zoo.load(done.weights).threshold.equal(zoo.load("aligned_difference").threshold)  # type: ignore[operator]
    before, after = (found.values["mask_iou"] for found in done.found["val"])
    assert after < before
    assert f"{before:.3f}" in done.table()
    assert f"{after:.3f}" in done.table(), "a loss is printed, too"
    assert done.table().endswith("kept: the network as it was")


def test_depth_is_kept_by_scenes_that_have_it(plates: Path, tmp_path: Path) -> None:
    start = blind(tmp_path, "mask,depth")
    done = adapt(plates, tmp_path / "run", Adaptation(start=start, **SMALL), setup=HERE)
    recipe = zoo.training.Recipe.read(tmp_path / "run" / "training" / "recipe.toml")
    assert recipe.data.startswith("mix(")
    assert "pairbench:hard" in recipe.data
    assert recipe.objective.depth
    assert done.found["val"][0].facts["data"].startswith("camera(")


def test_it_goes_on_where_it_was_stopped(plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = Adaptation(start=blind(tmp_path), lr=0.3, **SMALL)
    whole = adapt(plates, tmp_path / "whole", how, setup=HERE)
    one = Trainer.train

    def stopping(self: Trainer, batch: zoo.data.Sample) -> None:
        if self.done == 2:
            raise KeyboardInterrupt
        one(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", stopping)
        with pytest.raises(KeyboardInterrupt):
            adapt(plates, tmp_path / "run", how, setup=HERE)
    Path(str(how.start)).unlink()
    with pytest.raises(ZooError, match="--resume continues it"):
        adapt(plates, tmp_path / "run", how, setup=HERE)
    resumed = adapt(None, tmp_path / "run", resume=True, setup=HERE)
    assert resumed.model.threshold.equal(whole.model.threshold)  # type: ignore[operator]


def test_minutes_become_samples(plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = Adaptation(start=blind(tmp_path), minutes=0.001, size=16)
    adapt(plates, tmp_path / "run", how, setup=HERE)
    stage = zoo.training.Recipe.read(tmp_path / "run" / "training" / "recipe.toml").stages[0]
    assert stage.samples is not None
    assert stage.samples % stage.batch == 0


def test_what_cannot_be_adapted_is_told(plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.adapting.USUAL", "aligned_difference")
    with pytest.raises(OptionError, match="no network to start from"):
        adapt(plates, tmp_path / "run", setup=HERE)
    with pytest.raises(ZooError, match="no adaptation to resume"):
        adapt(None, tmp_path / "run", resume=True)
    with pytest.raises(OptionError, match="no photos of the camera"):
        adapt(None, tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="no images in it"):
        adapt(tmp_path / "empty", tmp_path / "run", Adaptation(start=blind(tmp_path)))
    assert not (tmp_path / "run").exists()


def test_the_command_prints_before_and_after(plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--plates", plates, "--from", blind(tmp_path), "--samples", 64, "--size", 24, "--lr", 0.3, "--workers", 0]
    assert main(["adapt", "--out", str(tmp_path / "run"), "--device", "cpu", *map(str, words)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in shown] == [
        "12 composites to choose by", "12 composites to report", "kept", "written",
    ]  # fmt: skip
    assert main(["adapt", "--plates", str(plates)]) == 2
    assert "no folder to write to; give --out RUN" in capsys.readouterr().err
