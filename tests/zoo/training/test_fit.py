"""A training in a folder: what it writes, what it accepts, what it refuses."""

import copy
import json
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from folder_data import dataset, write
from PIL import Image
from training_runs import BATCH, RECIPES, SMALL, Blots, dropping, train

import zoo
from registry import OptionError
from zoo.contract import Prediction, Sample
from zoo.data import load
from zoo.data.feeding.order import spread
from zoo.machine import choose
from zoo.metrics import Accumulator
from zoo.trained import Trained
from zoo.training import Objective, Recipe, TrainingError, budgeted
from zoo.training.plan import pixels
from zoo.training.splits import training_data, validation_data
from zoo.training.trainer import Trainer
from zoo.training.validation import METRICS, grid, validate
from zoo.training.world import World
from zoo.weights import read_state


def test_what_a_run_leaves(tmp_path: Path) -> None:
    seen: list[tuple[str, float, float]] = []
    run = train(RECIPES["stages"], tmp_path / "run", tick=lambda *what: seen.append(what))
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoints", "environment.json", "log.csv", "log.jsonl", "model.safetensors", "pictures", "recipe.toml",
        "validation.csv",
    ]  # fmt: skip
    assert Recipe.read(run.folder / "recipe.toml") == RECIPES["stages"].resolved() == run.recipe
    facts = json.loads((run.folder / "environment.json").read_text())
    assert (facts["torch"], facts["processes"], facts["pairzoo"]) == (torch.__version__, 1, zoo.__version__)
    assert [path.name for path in sorted((run.folder / "checkpoints").iterdir())] == [
        "step-00000013.pt",
        "step-00000028.pt",
    ]
    again = zoo.load(run.weights)
    assert not run.model.training
    bg, fg_bg = torch.rand(2, 1, 3, 24, 24)
    assert torch.equal(run.model(bg, fg_bg).mask, again.eval()(bg, fg_bg).mask)
    assert all(parameter.requires_grad for parameter in run.model.parameters())
    lines = [line for line in run.log if line["kind"] == "train"]
    assert [line["step"] for line in lines] == [10, 13, 20, 28] or [line["step"] for line in lines] == [10, 13, 23, 28]
    assert set(lines[0]) >= {"loss", "mask/bce", "depth/l1", "samples_per_s", "waiting", "lr", "seconds", "skipped"}
    assert "depth/l1" not in lines[-1]  # the second stage trains the mask alone
    assert again.trained == Trained(run.recipe.data, {"mask": 28 * BATCH, "depth": 13 * BATCH})
    assert seen[-1][1:] == (28 * BATCH, 28 * BATCH)
    assert all(now >= before for (_, before, _), (_, now, _) in pairwise(seen))
    picture = np.asarray(Image.open(run.folder / "pictures" / "step-00000028.png"))
    assert picture.shape[2] == 3
    assert picture.std() > 10


def test_a_task_that_was_never_trained_is_not_shown(tmp_path: Path) -> None:
    run = train(SMALL.changed(depth="", samples=2 * BATCH), tmp_path / "run")
    for model in (run.model, zoo.load(run.weights)):
        said = "blots: mask 8 samples; depth was never trained, and is left out"
        assert model.training_story == f"trained on {said}"
        assert model(*torch.rand(2, 1, 3, 24, 24)).depth is not None  # the network itself is as before
        found = zoo.predict(model, *torch.rand(2, 3, 24, 24))
        assert found.depth is None
        assert found.mask is not None
        measured = zoo.evaluate(model, load("blots", split="val"), samples=3, resamples=0)
        assert not [name for name in measured.values if name.startswith("depth")]
        assert measured.facts["training"] == model.training_story
        with pytest.raises(OptionError, match="the network has no depth"):
            zoo.evaluate(model, load("blots", split="val"), metrics=["depth_rmse"])


SEEN = "blots(n=50, broken=-1, whole=False, bug=-1)"


def test_a_training_starts_from_weights(tmp_path: Path) -> None:
    first = train(SMALL.changed(samples=5 * BATCH), tmp_path / "first")
    later = SMALL.changed(depth="", samples=2 * BATCH, lr=1e-9, start=str(first.folder))
    second = train(later, tmp_path / "second")
    parts = zip(first.model.named_parameters(), second.model.parameters(), strict=True)
    assert all(torch.allclose(one, other, atol=1e-6) for (_, one), other in parts)
    assert second.model.trained == Trained(SEEN, {"mask": 28, "depth": 20})
    assert second.recipe.start is not None
    assert Recipe.read(second.folder / "recipe.toml").start == second.recipe.start
    assert json.loads((second.folder / "environment.json").read_text())["start"] == second.recipe.start
    assert second.recipe.start.startswith(f"{first.folder}@")


def test_a_start_of_another_kind_says_what_was_taken_or_is_refused(tmp_path: Path) -> None:
    mask = zoo.save(zoo.build("unet(width=4, tasks=mask, in_ch=3)"), tmp_path / "mask.safetensors")
    with pytest.warns(UserWarning, match="fresh decoders.depth"):
        train(SMALL.changed(samples=BATCH, start=str(mask)), tmp_path / "run")
    other = zoo.save(zoo.build("plain_cnn"), tmp_path / "other.safetensors")
    with pytest.raises(zoo.ZooError, match="holds plain_cnn"):
        train(SMALL.changed(start=str(other)), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_training_that_goes_on_needs_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = zoo.save(zoo.build("unet(width=4)"), tmp_path / "start.safetensors")
    recipe = SMALL.changed(start=str(weights), samples=12 * BATCH)
    whole = train(recipe, tmp_path / "whole")

    def broken(self: Trainer, batch: Sample) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", broken)  # before the first step
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path / "run")
    kept = weights.read_bytes()
    zoo.save(zoo.build("unet(width=4)"), weights)
    with pytest.raises(zoo.ZooError, match="holds other weights"):
        train(whole.recipe, tmp_path / "again")
    weights.unlink()
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    weights.write_bytes(kept)
    assert train(whole.recipe, tmp_path / "again").weights.read_bytes() == whole.weights.read_bytes()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"data": "x"}', '{"data": "x", "samples": 3}'])
def test_what_a_file_says_of_its_training_may_be_missing_or_damaged(text: str | None) -> None:
    assert Trained.from_text(text) is None


def test_it_learns(tmp_path: Path) -> None:
    recipe = replace(SMALL, stages=(replace(SMALL.stages[0], samples=150 * BATCH),), optimizer="adamw")
    recipe = recipe.changed(lr=0.01, schedule="one_cycle", mask="bce + dice")  # of 10 seeds, 0.87 to 0.91 at the end
    looks = [line for line in train(recipe, tmp_path / "run").log if line["kind"] == "validation"]
    assert len(looks) == 10
    assert looks[-1]["mask_iou"] > 0.8 > looks[0]["mask_iou"]


def test_a_budget_scales_the_stages(tmp_path: Path) -> None:
    run = train(RECIPES["stages"], tmp_path / "run", samples=14 * BATCH)
    assert [stage.samples for stage in run.recipe.stages] == [6 * BATCH, 8 * BATCH]
    assert run.log[-1]["samples"] == 14 * BATCH
    with pytest.raises(zoo.ZooError, match=r"stages\[1\].samples was 24, not 52"):
        train(RECIPES["stages"], tmp_path / "run", resume=True)
    train(RECIPES["stages"], tmp_path / "run", samples=14 * BATCH, resume=True)
    assert budgeted(SMALL, None) is SMALL


@pytest.mark.parametrize("name", ["model.safetensors", "log.jsonl", "validation.csv", "pictures"])
def test_what_lies_in_a_folder_is_not_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious, and no JSON")
    with pytest.raises(TrainingError, match=f"holds {name}, which a run would write over"):
        train(SMALL, tmp_path)
    assert (tmp_path / name).read_text() == "precious, and no JSON"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == [name]


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no run to resume"):
        train(None, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(zoo.ZooError, match="no recipe; give"):
        train(None, tmp_path / "run")
    with pytest.raises(zoo.ZooError):
        train(SMALL.changed(model="unet(width=4, in_ch=2)"), tmp_path / "run")
    assert not (tmp_path / "run").exists()  # an error before the start leaves the name free
    train(SMALL, tmp_path / "run")
    with pytest.raises(TrainingError, match="holds a run already"):
        train(SMALL, tmp_path / "run")
    with pytest.raises(zoo.ZooError, match="seed was 0, not 1"):
        train(SMALL.changed(seed=1), tmp_path / "run", resume=True)
    before = (tmp_path / "run" / "log.jsonl").read_text()
    assert train(None, tmp_path / "run", resume=True).log[-1]["step"] == 20  # a finished run is finished again
    assert (tmp_path / "run" / "log.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "zoo-quick"}, "fit takes a Recipe, as zoo.recipes.build"),
        ({"model": torch.nn.Conv2d(6, 2, 1)}, "a Conv2d is not a network of the zoo; zoo.wrap"),
        ({"workers": -1}, "workers=-1 is not accepted"),
        ({"device": "cuda:x"}, "device takes auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_is_not_accepted_leaves_nothing(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        train(**{"recipe": SMALL, "out": tmp_path / "run", **options})
    assert not (tmp_path / "run").exists()


def test_a_device_is_a_name_or_torch_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(torch.device("cpu")) == choose("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(OptionError, match="device cuda:2: there are 2 of them here, counted from 0"):
        choose("cuda:2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose("mps", mps=True) == torch.device("mps")
    assert choose("auto", mps=True) == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (choose("auto", mps=True), choose("auto")) == (torch.device("mps"), torch.device("cpu"))
    with pytest.raises(OptionError, match="device='mps' is not accepted; device takes auto, cpu, cuda or cuda:N"):
        choose("mps")


def test_a_task_that_the_data_does_not_know_is_not_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Blots, "tasks", ("mask",), raising=False)
    with pytest.raises(OptionError, match="has losses for depth, but the data has only mask"):
        train(SMALL, tmp_path / "run")
    train(SMALL.changed(depth=""), tmp_path / "run")


def test_another_recipe_data_or_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = SMALL.changed(samples=None, epochs=2, data="blots(n=40)")
    train(recipe, tmp_path / "run")
    path = tmp_path / "run" / "recipe.toml"
    text = path.read_text()
    path.write_text(text.replace("lr = 0.05", "lr = 0.06"))
    with pytest.raises(TrainingError, match=r"another recipe\.toml than"):
        train(None, tmp_path / "run", resume=True)
    path.write_text(text)
    with pytest.raises(TrainingError, match="another network"):
        train(None, tmp_path / "run", resume=True, model=dropping())
    monkeypatch.setattr(Blots, "__len__", lambda _: 44)
    with pytest.raises(TrainingError, match=r"data has changed: the stages had \[20\] steps and would now have \[22\]"):
        train(None, tmp_path / "run", resume=True)


def test_more_data_than_before_is_refused_where_steps_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(SMALL, tmp_path / "run")
    monkeypatch.setattr(Blots, "__len__", lambda _: 51)
    with pytest.raises(TrainingError, match="data has changed: it had 50 training samples, and now has 51"):
        train(None, tmp_path / "run", resume=True)


def test_the_environment_of_every_start_is_kept(tmp_path: Path) -> None:
    for resume in (False, True, True):
        train(SMALL, tmp_path / "run", resume=resume)
    facts = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert facts["torch"] == torch.__version__
    assert [start["torch"] for start in facts["resumed"]] == [torch.__version__] * 2


def test_the_estimate_knows_that_larger_images_take_longer() -> None:
    small, large = (replace(SMALL.stages[0], size=side, samples=10 * BATCH) for side in (16, 64))
    trainer = Trainer(replace(SMALL, stages=(small, large)), World(), workers=0)
    at = partial(pixels, trainer.phases)
    assert [at(n) for n in (0, 40, 60, 80)] == [0, 40 * 16**2, 40 * 16**2 + 20 * 64**2, 40 * (16**2 + 64**2)]


def test_what_cannot_be_held_out_as_it_was_is_refused(tmp_path: Path) -> None:
    """Splits that were made for other data must not turn into learning from all of it."""
    root = dataset(tmp_path / "data", n_bg=6)
    data = training_data(str(root), (16, 16))
    assert data.split == "train"
    data.keep_split()
    write(root / "bg/bg_007.png", 99)
    for name in ("fg_bg", "fg_bg_mask", "fg_bg_depth"):
        for number in (13, 14):
            write(root / name / f"img_{number:04}.png", 255, mode="L" if name != "fg_bg" else "RGB")
    with pytest.raises(zoo.ZooError, match="cannot be compared"):
        training_data(str(root), (16, 16))


def test_shards_without_the_split_that_is_learned_from_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def has(*there: str) -> Any:
        def load(spec: str, *, split: str, size: Any) -> Any:
            if split not in there and split != "all":
                raise zoo.data.NoSplitError(f"not {split}", there)
            return split

        return load

    monkeypatch.setattr("zoo.training.splits.load", has("test"))
    with pytest.raises(zoo.data.NoSplitError):
        training_data("shards", (16, 16))
    monkeypatch.setattr("zoo.training.splits.load", has("train", "test"))
    assert validation_data("shards", (16, 16)) == "train"
    monkeypatch.setattr("zoo.training.splits.load", has("all"))
    assert training_data("shards", (16, 16)) == "all"


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    run = train(SMALL, tmp_path / "run", model=dropping())
    assert run.weights.name == "model.safetensors"
    again = dropping()
    again.load_state_dict(read_state(run.weights))
    bg, fg_bg = torch.rand(2, 1, 3, 16, 16)
    assert torch.equal(run.model(bg, fg_bg).depth, again.eval()(bg, fg_bg).depth)


def test_tasks_must_fit(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match="objective has losses for depth"):
        train(SMALL.changed(model="unet(width=4, tasks=mask)"), tmp_path / "run")
    run = train(
        SMALL.changed(model="unet(width=4, tasks=mask)", objective=Objective(depth="")), tmp_path / "run", samples=8
    )
    assert "depth_rmse" not in run.log[-1]


@pytest.mark.parametrize("precision", ["bf16", "fp16", "tf32"])
def test_precisions_and_layout(precision: Any, tmp_path: Path) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    run = train(SMALL.changed(precision=precision, layout="channels_last"), tmp_path / "run", samples=10 * BATCH)
    assert run.log[-1]["loss"] < 5
    assert all(value.is_contiguous() and value.dtype != torch.bfloat16 for value in run.model.parameters())
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_looks_measure_what_metrics_measure() -> None:
    trainer = Trainer(SMALL, World(), workers=0)
    trainer.begin(trainer.phases[0])
    data = load("blots", split="val", size=16)
    indices = spread(len(data), 11)
    values, picture = validate(trainer, data, indices)
    assert trainer.model.training
    trainer.model.eval()
    accumulator = Accumulator(metrics=METRICS)
    whole = data.batch(indices)
    with torch.inference_mode():
        prediction = trainer.model(whole.bg, whole.fg_bg)
        accumulator.update(prediction, whole)
        loss = trainer.objective(prediction, whole).total
    assert {name: values[name] for name in METRICS} == pytest.approx(accumulator.compute().values)
    assert values["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert picture is not None
    assert picture.shape == (3, 4 * 18, 6 * 18)


def test_a_look_shows_what_is_known_and_predicted() -> None:
    image, one = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    both = Sample(image, image, one, one, torch.ones(2, 2, 8, 8), ())
    mask = both._replace(valid=torch.stack([torch.ones(2, 8, 8), torch.zeros(2, 8, 8)], 1))
    widths = [
        grid(sample, Prediction(one, depth)).shape[-1] // (8 + 2) for sample in (both, mask) for depth in (one, None)
    ]
    assert widths == [6, 5, 5, 4]


def test_data_without_splits_is_learned_and_looked_at_whole(tmp_path: Path) -> None:
    data = "blots(whole=true)"
    recipe = SMALL.changed(data=data)
    with pytest.warns(UserWarning, match="is not split: the training learns from all of it") as told:
        run = train(replace(recipe, stages=recipe.stages * 2), tmp_path / "run", samples=16)
    assert len(told) == 1  # once, for all stages
    assert run.log[-1]["mask_iou"] is not None
    assert training_data(data, (16, 16)).split == "all"
    assert validation_data("blots", (16, 16)).split == "val"
    with pytest.raises(zoo.ZooError, match="nothing"):
        training_data("nothing", (16, 16))


def test_tensorboard_writes_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    train(SMALL, tmp_path / "run", samples=8, tensorboard=True)
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_a_compiled_run_ends_where_a_plain_one_does(tmp_path: Path) -> None:
    recipe = SMALL.changed(samples=10 * BATCH)
    network = torch.nn.Conv2d(6, 2, 3, padding=1)
    plain, compiled = (
        train(recipe.changed(compile=on), tmp_path / str(on), model=zoo.wrap(copy.deepcopy(network)))
        for on in (False, True)
    )
    for one, other in zip(plain.model.parameters(), compiled.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
