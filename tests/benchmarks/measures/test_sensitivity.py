"""Perturbations: nothing at strength 0, what they say at others, the same for every network and batch."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
from benchmarks.measures import accuracy, sensitivity
from benchmarks.measures.sensitivity import PERTURBATIONS, BatchScenes, perturbed
from benchmarks.store.record import Found, SensitivitySettings
from registry import OptionError
from zoo.data.scenes.jpeg import jpeg
from zoo.metrics.evaluate import evaluate, indices

CELL = SensitivitySettings((32, 24), "pairbench:hard", "equal", 64, 0, 6, perturbation="shift")
PLATE, PHOTO, BOTH = ("bg",), ("fg_bg",), ("bg", "fg_bg")
CHANGES = {
    "shift": PLATE,
    "turn": PLATE,
    "gain": PLATE,
    "shadow": PHOTO,
    "noise": BOTH,
    "compression": BOTH,
    "wrong_plate": PLATE,
    "swapped": (*BOTH, "mask", "valid"),
    "unchanged": (*BOTH, "mask", "valid"),
}
PEOPLE = {"shift": 1 / 16, "turn": 4, "gain": 0.4, "shadow": 0.8, "noise": 0.1}  # older records end there
SCENES = zoo.data.load("pairbench:clean", split="test", size=(32, 24))
HERE = [3, 900, 1800, 2700]
BATCH = SCENES.batch(HERE)
CPU = torch.device("cpu")


def scene(name: str, part: slice = slice(None)) -> BatchScenes:
    return BatchScenes(name, SCENES, HERE[part], [index + 1 for index in HERE[part]], CPU)


def run(model: zoo.PairModel, name: str, **changes: Any) -> Found:
    return sensitivity.measure(model, replace(CELL, perturbation=name, **changes), device="cpu", tick=lambda *_: None)


def test_all_that_the_specification_asks_for_are_there() -> None:
    assert list(CHANGES) == list(PERTURBATIONS)
    for perturbation in PERTURBATIONS.values():
        assert perturbation.strengths[0] == 0
        assert list(perturbation.strengths) == sorted(set(perturbation.strengths))
    assert all(strength in PERTURBATIONS[name].strengths for name, strength in PEOPLE.items())


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_changes_what_it_says_and_nothing_else(name: str) -> None:
    assert perturbed(name, BATCH, 0, scene(name)) is BATCH
    apart = []
    for strength in PERTURBATIONS[name].strengths[1:]:
        found = perturbed(name, BATCH, strength, scene(name))
        for field in ("bg", "fg_bg", "mask", "depth", "valid"):
            old, new = getattr(BATCH, field), getattr(found, field)
            assert torch.equal(old, new) == (field not in CHANGES[name]), field
            assert new.shape == old.shape
            assert 0 <= new.min() <= new.max() <= 1
        apart.append(sum(float((getattr(found, f) - getattr(BATCH, f)).square().mean()) for f in CHANGES[name]))
    assert apart == sorted(apart)
    assert apart[-1] > 1e-4


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_does_not_depend_on_the_batch(name: str) -> None:
    strength = PERTURBATIONS[name].strengths[-1]
    whole = perturbed(name, BATCH, strength, scene(name))
    one = BATCH._replace(**{f: getattr(BATCH, f)[2:3] for f in ("bg", "fg_bg", "mask", "depth", "valid")})
    alone = perturbed(name, one, strength, scene(name, slice(2, 3)))
    torch.testing.assert_close(alone.bg, whole.bg[2:3])
    torch.testing.assert_close(alone.fg_bg, whole.fg_bg[2:3])


def test_a_shift_is_a_share_of_the_width() -> None:
    to_the_right = SimpleNamespace(draw=lambda: SimpleNamespace(uniform=lambda *_: torch.zeros(len(HERE))))
    moved = PERTURBATIONS["shift"].change(BATCH, 3 / 24, to_the_right).bg
    torch.testing.assert_close(moved[..., 3:], BATCH.bg[..., :-3])


def test_gain_and_shadow_by_hand() -> None:
    brighter = PERTURBATIONS["gain"].change(BATCH, 0.2, scene("gain")).bg / BATCH.bg.clamp(min=1e-3)
    factors = brighter[BATCH.bg.amin(1, keepdim=True).expand_as(brighter) > 0.05]
    assert ((factors - 1.2).abs().minimum((factors - 0.8).abs()) < 1e-5).all()
    left = PERTURBATIONS["shadow"].change(BATCH, 0.6, scene("shadow")).fg_bg / BATCH.fg_bg.clamp(min=1e-3)
    left = torch.where(BATCH.fg_bg > 0.05, left, 1.0).flatten(1)
    assert (left.amin(1) - 0.4).abs().max() < 0.02  # in its middle
    assert (left.amax(1) - 1).abs().max() < 1e-5  # outside


def test_noise_has_its_deviation_in_both_images_on_their_own() -> None:
    flat = BATCH._replace(bg=torch.full_like(BATCH.bg, 0.5), fg_bg=torch.full_like(BATCH.bg, 0.5))
    found = PERTURBATIONS["noise"].change(flat, 0.05, scene("noise"))
    grains = torch.stack([found.bg - 0.5, found.fg_bg - 0.5]).transpose(0, 1).flatten(2)  # (b, 2, values)
    torch.testing.assert_close(grains.std(2), torch.full((4, 2), 0.05), atol=0.003, rtol=0)
    assert torch.corrcoef(grains.flatten(0, 1)).fill_diagonal_(0).abs().max() < 0.08
    assert abs(float((grains / 0.05).pow(4).mean()) - 3) < 0.2  # the normal distribution's


def test_compression_and_wrong_plate_are_what_they_say() -> None:
    found = perturbed("compression", BATCH, 75, scene("compression"))
    assert torch.equal(found.bg, jpeg(BATCH.bg, torch.full((4,), 25.0)))
    found = perturbed("wrong_plate", BATCH, 1, scene("wrong_plate"))
    assert torch.equal(found.bg, SCENES.batch([index + 1 for index in HERE]).bg)


def test_a_wrong_plate_is_the_next_one_around_the_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "at_once", lambda *_: 2)
    plates = [pair.bg for pair in sensitivity.pairs("wrong_plate", SCENES, HERE, CPU, (0, 1))][1::2]
    torch.testing.assert_close(torch.cat(plates), BATCH.bg.roll(-1, 0))
    [_, lonely] = sensitivity.pairs("wrong_plate", SCENES, [5], CPU, (0, 1))
    torch.testing.assert_close(lonely.bg, SCENES.batch([6]).bg)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_at_strength_0_it_is_the_clean_accuracy(name: str) -> None:
    model = zoo.build("frame_difference")
    found = run(model, name)
    clean = evaluate(model, SCENES, samples=6)
    assert found.values["strength"] == list(PERTURBATIONS[name].strengths)
    metrics = ["mask_false_area"] if name in ("swapped", "unchanged") else ["mask_iou", "depth_rmse"]
    assert list(found.values) == ["strength", *metrics]
    for metric in metrics:
        assert found.values[metric][0] == pytest.approx(clean.values[metric], rel=1e-5)
        assert len(found.values[metric]) == len(found.intervals[metric]) == len(found.values["strength"])
        for value, (low, high) in zip(found.values[metric], found.intervals[metric], strict=True):
            assert low <= value <= high
    if name in ("shift", "gain", "wrong_plate"):
        assert found.values["mask_iou"][-1] < 0.8 * found.values["mask_iou"][0]


def test_a_curve_is_measured_on_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.build("frame_difference")
    assert run(model, "gain").raw.images == 6
    monkeypatch.setattr(sensitivity, "MOST_IMAGES", 3)
    few = run(model, "gain")
    assert few.raw.images == 3
    assert few.values == run(model, "gain", test_images=3).values


def test_size_of_batches_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.build("frame_difference")
    whole = run(model, "noise")
    monkeypatch.setattr(sensitivity, "at_once", lambda *_: 4)
    assert run(model, "noise") == whole


def test_single_task_and_no_plate() -> None:
    torch.manual_seed(0)
    found = run(zoo.build("unet(width=4, tasks=mask, in_ch=3)"), "shift").values
    assert list(found) == ["strength", "mask_iou"]
    assert len(set(found["mask_iou"])) == 1  # who does not see the plate does not mind it


def test_swapped_and_unchanged_pairs_have_no_object() -> None:
    """What is found in them is false: a threshold finds in a swapped pair just what it found in the pair."""
    swapped = perturbed("swapped", BATCH, 1, scene("swapped"))
    assert torch.equal(swapped.bg, BATCH.fg_bg)
    assert torch.equal(swapped.fg_bg, BATCH.bg)
    again = perturbed("unchanged", BATCH, 1, scene("unchanged"))
    for pair in (swapped, again):
        assert (pair.mask == 0).all()
        assert (pair.valid[:, 0] == BATCH.valid[:, 0]).all()
        assert (pair.valid[:, 1] == 0).all()
    assert 0.01 < (again.fg_bg - again.bg).abs().mean() < 0.15
    model = zoo.build("frame_difference")
    [_, found] = run(model, "swapped").values["mask_false_area"]
    scenes = SCENES.batch(indices(len(SCENES), 6, SCENES))
    with torch.no_grad():
        expected = (model(scenes.bg, scenes.fg_bg).mask > 0).float().mean()
    assert found == pytest.approx(expected.item(), abs=0.002)


class Broken(nn.Module):
    def forward(self, pair: Tensor) -> Tensor:
        return pair[:, :2] / 0 * 0


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(accuracy.AccuracyError, match="6 of 6 predictions are not numbers"):
        run(zoo.wrap(Broken()), "gain")
    with pytest.raises(OptionError, match=r"perturbation='shfit' is not accepted.*shift"):
        run(zoo.build("frame_difference"), "shfit")
