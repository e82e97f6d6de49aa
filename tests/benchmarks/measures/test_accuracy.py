"""A cell of accuracy from start to end: trained, killed, resumed, tested, refused."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from training_runs import START

import zoo
from benchmarks.measures import accuracy, training_recipe
from benchmarks.networks.entrants import Entrant, enter, own
from benchmarks.plan.cells import plan
from benchmarks.plan.comparison import Comparison
from benchmarks.store.fields import plain, typed
from benchmarks.store.record import AccuracySettings, Found, Raw
from registry import OptionError, ZooError
from zoo import recipes
from zoo.metrics.evaluate import evaluate
from zoo.metrics.inference import Inference
from zoo.training.loop import Loop
from zoo.training.recipe import RecipeError
from zoo.training.trainer import Trainer
from zoo.weights import WeightsError

CELL = AccuracySettings((16, 24), "pairbench:clean", "equal", 640, 0, 30)
SMALL = "unet(width=4)"
STEPS = 20


@pytest.fixture(scope="module", autouse=True)
def brief() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        yield


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Fewer scenes to look at than usual: this is about the way, not the goal."""
    build = recipes.build
    patch.setattr(recipes, "build", lambda name, **_: build(name).changed(validate_samples=4))
    patch.setattr(accuracy, "SHOWN", 3)


def measure(entrant: str | Entrant, folder: Path, **changes: Any) -> Found:
    found = enter(entrant)[0] if isinstance(entrant, str) else entrant
    return accuracy.measure(found, replace(CELL, **changes), folder, device="cpu", workers=0, tick=lambda *_: None)


def timeless(found: Found) -> Found:
    """Without what a clock has said."""
    assert found.raw.curve is not None
    assert found.raw.trained is not None
    curve = tuple(replace(look, seconds=None) for look in found.raw.curve)
    trained = {name: v for name, v in found.raw.trained.items() if name != "date"}
    values = {name: v for name, v in found.values.items() if name != "seconds"}
    return replace(found, values=values, raw=replace(found.raw, curve=curve, trained=trained))


@pytest.fixture(scope="module")
def whole(brief: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, measure(SMALL, folder)


def test_a_record_holds_what_was_measured(whole: tuple[Path, Found]) -> None:
    folder, found = whole
    assert set(zoo.metrics.names()) | {"seconds"} == set(found.values)
    model = zoo.load(folder / "model.safetensors")
    test = zoo.data.load("pairbench:clean", split="test", size=(16, 24))
    at_once = Inference(batch=accuracy.at_once(16, 24))  # no pixel may fall to the other side
    again = evaluate(model, test, samples=30, inference=at_once)
    for name in zoo.metrics.names():
        value = found.values[name]
        assert value == accuracy.number(value) if value is not None else again.values[name] != again.values[name]
        if value is not None:
            assert value == pytest.approx(again.values[name], rel=1e-4)
            low, high = found.intervals[name]
            assert low <= high
    raw = found.raw
    assert [look.samples for look in raw.curve][-1] == 640
    assert None not in vars(raw.curve[-1]).values()
    assert (raw.steps, raw.skipped, raw.samples) == (STEPS, 0, 640)
    assert {name: len(values) for name, values in raw.per_image.items()} == {"mask_iou_image": 30, "depth_rmse": 30}
    assert raw.per_image["depth_rmse"][3] == pytest.approx(again.per_image["depth_rmse"][3], rel=1e-3)
    assert len(json.dumps(plain(found), allow_nan=False)) < 10_000


def test_a_rate_that_was_chosen_is_told_and_the_seconds_of_all_count(tmp_path: Path) -> None:
    raw = measure(SMALL, tmp_path / "run", recipe="effort", samples=128).raw  # 8 steps, two with each rate
    assert [tried.rate for tried in raw.rates] == [0.0001, 0.0003, 0.001, 0.003]
    (chosen,) = (tried for tried in raw.rates if tried.chosen)
    assert chosen.loss == min(tried.loss for tried in raw.rates)
    assert {tried.samples for tried in raw.rates} == {32}
    assert raw.samples == 128
    at_choice = next(look for look in raw.curve if look.samples == 32)
    assert at_choice.loss == chosen.loss
    assert at_choice.seconds == pytest.approx(sum(tried.seconds for tried in raw.rates), rel=1e-3)
    assert [look.seconds for look in raw.curve] == sorted(look.seconds for look in raw.curve)
    assert typed(Raw, json.loads(json.dumps(plain(raw))), "raw") == raw


def test_500_images_make_a_record_of_less_than_60_kilobytes(tmp_path: Path) -> None:
    test = zoo.data.load("pairbench:clean", split="test", size=16)
    cell = replace(CELL, size=(16, 16), test_images=500)
    model = zoo.build("frame_difference")
    found = accuracy.tested(model, test, cell, tmp_path, device="cpu", tick=lambda *_: None)
    assert len(found.raw.per_image["depth_rmse"]) == 500
    assert 10_000 < len(json.dumps(plain(found), allow_nan=False)) < 50_000


def test_the_gallery_has_six_tiles_a_scene(whole: tuple[Path, Found], tmp_path: Path) -> None:
    test = zoo.data.load("pairbench:clean", split="test", size=(16, 24))
    with Image.open(whole[0] / "gallery.png") as file:
        assert file.size == (6 * 26, 3 * 18)
    model = zoo.build("unet(width=4, tasks=mask)")
    picture = accuracy.gallery(model, test)
    rows = picture.unfold(1, 18, 18).unfold(2, 26, 26)[..., :16, :24]  # (3, scenes, tiles, 16, 24)
    assert rows.shape[1:3] == (3, 6)
    scene = test[9999]
    for tile, truth in ((0, scene.bg), (1, scene.fg_bg), (2, scene.mask), (4, scene.depth)):
        torch.testing.assert_close(rows[:, 2, tile], truth.expand(3, -1, -1))
    predicted = model.eval()(scene.bg[None], scene.fg_bg[None]).mask
    torch.testing.assert_close(rows[:, 2, 3], predicted[0].sigmoid().expand(3, -1, -1).detach(), atol=1e-5, rtol=1e-5)
    assert (rows[:, :, 5] == 1).all()  # depth, which it does not predict
    assert (picture[:, 16:18] == 1).all()


def test_what_is_trained_is_only_tested_again(whole: tuple[Path, Found], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, found = whole
    assert not (folder / "checkpoints").exists()
    (folder / "gallery.png").unlink()
    monkeypatch.setattr(accuracy, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    assert measure(SMALL, folder) == found
    assert (folder / "gallery.png").exists()
    with pytest.raises(RecipeError, match="begun with another recipe: seed"):
        measure(SMALL, folder, seed=1)
    with pytest.raises(RecipeError, match=r"stages\[1\].samples"):
        measure(SMALL, folder, samples=320)


def killed(folder: Path, step: int, threads: int) -> None:
    """Measure, and end as kill -9 would before this step is counted; a checkpoint after every tenth step.

    In as many threads as the process that goes on: how they share a sum decides how it is rounded.
    """
    torch.set_num_threads(threads)
    shorten(pytest.MonkeyPatch())
    train = Trainer.train

    def stricken(self: Trainer, batch: zoo.data.Sample) -> None:
        if self.step_number + 1 == step:
            os.kill(os.getpid(), signal.SIGKILL)
        train(self, batch)

    Trainer.train = stricken  # type: ignore[method-assign]
    Loop._is_save_due = lambda self: self.trainer.done % 10 == 0  # type: ignore[method-assign]
    measure(SMALL, folder)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 14])
def test_killed_and_resumed_is_as_if_nothing_had_happened(step: int, whole: tuple[Path, Found], tmp_path: Path) -> None:
    process = START.Process(target=killed, args=(tmp_path, step, torch.get_num_threads()))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "recipe.toml").exists()
    assert len([*tmp_path.glob("checkpoints/step-*.pt")]) == (step > 10)
    with pytest.raises(accuracy.AccuracyError, match="no trained network"):
        accuracy.trained(tmp_path)
    assert timeless(measure(SMALL, tmp_path)) == timeless(whole[1])


class Mine(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(6, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 2, 1))

    def forward(self, pair: Tensor) -> Tensor:
        return self.body(pair)


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = own("mine.py:Mine", Mine, width=5)
    found = measure(mine, tmp_path / "0", samples=64)
    assert (tmp_path / "0" / "model.safetensors").exists()
    other = measure(mine, tmp_path / "1", samples=64, seed=1)
    same = measure(mine, tmp_path / "2", samples=64)
    assert found.raw.weights == same.raw.weights != other.raw.weights  # a seed is the weights', too
    monkeypatch.setattr(accuracy, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    assert measure(mine, tmp_path / "0", samples=64) == found
    assert accuracy.fingerprint(accuracy.trained(tmp_path / "0", mine)) == found.raw.weights
    with pytest.raises(ZooError, match="no file may start code"):
        accuracy.trained(tmp_path / "0")
    changed = own("mine.py:Mine", lambda width: Mine(width + 1), width=5)
    with pytest.raises(
        accuracy.AccuracyError, match=r"does not fit mine.py:Mine\(width=5\) as it is now.*size mismatch"
    ):
        measure(changed, tmp_path / "0", samples=64)


class Exploding(Mine):
    """Gives nan in training, or in testing."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def forward(self, pair: Tensor) -> Tensor:
        out = super().forward(pair)
        is_bad = self.when == ("train" if self.training else "test")
        return out * torch.where(pair.mean((1, 2, 3), keepdim=True) > 0, torch.nan, 1.0) if is_bad else out


@pytest.mark.parametrize(
    ("when", "samples", "message"),
    [
        ("train", 64, "learned nothing: in none of 2 steps"),
        ("train", 640, "20 steps in a row were not finite"),
        ("test", 64, "30 of 30 predictions are not numbers"),
    ],
)
def test_what_is_no_number_is_reported(when: str, samples: int, message: str, tmp_path: Path) -> None:
    for _ in range(2):  # and again when it is asked for again
        with pytest.raises(ZooError, match=message):
            measure(own("mine", Exploding, when=when), tmp_path, samples=samples)
    if (when, samples) == ("train", 64):
        with pytest.raises(ZooError, match=message):  # there are weights, and no curve is drawn of them
            accuracy.trained(tmp_path, own("mine", Exploding, when=when))


def test_wrong_data_is_found_out_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="tier"):
        measure(SMALL, tmp_path / "run", data="pairbench:soft")
    assert not (tmp_path / "run").exists()


def test_recipes_are_scaled_to_the_cell() -> None:
    cell = replace(CELL, size=(64, 64), seed=5)
    equal = training_recipe.recipe_for("unet", cell)
    assert (equal.seed, equal.data, equal.stages[0].hw) == (5, "pairbench:clean", (64, 64))
    assert (equal.objective.mask, equal.objective.depth) == ("bce + 0.5*dice", "0.5*bce")
    alone = training_recipe.recipe_for("unet(tasks=mask)", cell, ("mask",))
    assert (alone.objective.mask, alone.objective.depth) == ("bce + 0.5*dice", "")
    steps = training_recipe.recipe_for("u2netp", replace(cell, recipe="u2net-multi-bce"))
    assert [stage.hw[0] for stage in steps.stages] == [64, 64, 64, 64]  # of 64, 96, 112, 224
    wide = training_recipe.recipe_for("unet", replace(cell, recipe="unet-two-stage", size=(64, 448)))
    assert [stage.hw for stage in wide.stages] == [(64, 224), (64, 448)] * 2  # of 112, 224


def test_founding_networks_have_recipes_of_their_own() -> None:
    assert training_recipe.own("unet") == "unet-two-stage"
    assert training_recipe.own("resunet") == "resunet-dice"
    assert training_recipe.own("frame_difference") is None


def test_a_single_task_network_learns_by_the_equal_recipe(tmp_path: Path) -> None:
    found = measure("unet(width=4, tasks=depth)", tmp_path, samples=64)
    assert not [name for name in found.values if name.startswith("mask")]
    assert found.values["depth_rmse"] > 0
    assert set(found.raw.sums) == {"images", "rows", "depth_rmse", "depth_rmse_aligned"}


def test_ready_made_files(whole: tuple[Path, Found], tmp_path: Path) -> None:
    path, (small,) = whole[0] / "model.safetensors", enter(SMALL)

    def test(weights: Path, entrant: Entrant | None) -> Found:
        return accuracy.test_only(weights, CELL, tmp_path / "out", entrant=entrant, device="cpu", tick=lambda *_: None)

    found = test(path, None)
    assert found.raw.weights == whole[1].raw.weights
    assert found.values == {name: v for name, v in whole[1].values.items() if name != "seconds"}
    assert (tmp_path / "out" / "gallery.png").read_bytes() == (whole[0] / "gallery.png").read_bytes()
    zoo.save(zoo.build("frame_difference"), tmp_path / "other.safetensors")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "any.safetensors").write_bytes(path.read_bytes())
    assert test(tmp_path, small) == found  # the right one of a folder
    said = r"no file of u2netp among any.* \(unet\), other.* \(frame_difference\)"
    with pytest.raises(accuracy.AccuracyError, match=said):
        test(tmp_path, enter("u2netp")[0])
    with pytest.raises(WeightsError, match="holds unet, not u2netp"):
        test(path, enter("u2netp")[0])
    mine = own("mine", Mine)
    weights = mine.make()
    torch.save(weights.state_dict(), tmp_path / "mine.pt")
    assert test(tmp_path / "mine.pt", mine).raw.weights == accuracy.fingerprint(weights)
    torch.save(weights.module.state_dict(), tmp_path / "bare.pt")  # as people save it who know nothing of us
    assert test(tmp_path / "bare.pt", mine).raw.weights == accuracy.fingerprint(weights)
    for change, message in (
        ({"body.2.bias": None}, "lacks module.body.2.bias"),
        ({"odd": torch.ones(1)}, "has not, odd"),
    ):
        state = {**weights.module.state_dict(), **change}
        torch.save({name: value for name, value in state.items() if value is not None}, tmp_path / "odd.pt")
        with pytest.raises(accuracy.AccuracyError, match=message):
            test(tmp_path / "odd.pt", mine)
    with torch.no_grad():
        weights.module.body[0].weight.fill_(torch.nan)
    torch.save(weights.state_dict(), tmp_path / "mine.pt")
    with pytest.raises(accuracy.AccuracyError, match="not numbers"):
        test(tmp_path / "mine.pt", mine)
    (tmp_path / "mine.pt").write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match="cut short or damaged"):
        test(tmp_path / "mine.pt", mine)


def test_baselines_have_the_one_recipe_in_every_table() -> None:
    wanted = Comparison(measure=("accuracy",), data=("pairbench:clean",), samples=64, train_size=(16, 16))
    for asked, expected, baseline in (
        ("own", "unet-two-stage", "equal"),
        ("zoo-quick", "zoo-quick", "equal"),
        ("equal", "equal", "equal"),
        ("effort", "effort", "effort"),
    ):
        planned = plan(enter("unet, frame_difference"), replace(wanted, recipes=asked))
        assert [cell.settings.recipe for cell in planned] == [expected, baseline]
        halves = plan(enter("unet"), replace(wanted, recipes=asked, train_precision="bf16"))
        assert halves[0].accuracy.precision == "bf16"
        assert training_recipe.recipe_for("unet", halves[0].accuracy).precision == "bf16"


class Few(zoo.data.PairDataset):
    """Three scenes of another data set."""

    def __init__(self, data: zoo.data.PairDataset) -> None:
        self.data, self.spec, self.split, self.size = data, data.spec, data.split, data.size

    def __len__(self) -> int:
        return 3

    def sample(self, index: int) -> zoo.data.Sample:
        return self.data.sample(index)


def test_of_few_scenes_each_is_tested_and_shown_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = Few(zoo.data.load("pairbench:clean", split="test", size=(16, 24)))
    monkeypatch.setattr(accuracy, "SHOWN", 6)
    found = accuracy.tested(zoo.build("frame_difference"), scenes, CELL, tmp_path, device="cpu", tick=lambda *_: None)
    assert found.raw.sums["images"] == 3
    with Image.open(tmp_path / "gallery.png") as file:
        assert file.size == (6 * 26, 3 * 18)
