"""Comparing two networks image by image: against values by hand, a plain loop, and what cannot be compared."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from records import accuracy, changed

from benchmarks.statistics import paired
from benchmarks.store.record import Raw, Record
from zoo.contract import Prediction, Sample
from zoo.metrics import Accumulator


def record(
    sums: dict[str, Any], *, seed: int = 0, spec: str = "unet(tasks=(mask, depth), link=(logit, logit))", **cell: Any
) -> Record:
    rows = max((len(column) for columns in sums.values() for column in columns if isinstance(column, list)), default=1)
    kept = {"sums": {"images": rows, "rows": rows, **sums}}
    cell = {"test_images": 2, "seed": seed} | cell
    return changed(accuracy(spec.partition("(")[0]), spec=spec, cell=cell, raw=kept)


def flat(value: float, *, metric: str = "mask_boundary_f", rows: int = 4, **options: Any) -> Record:
    """A record whose every image has one value."""
    return record({metric: [value, 1]} | {"mask_mae": [[0.0] * (rows - 1) + [1.0], 1]}, **options)


def test_pooled_values_by_hand() -> None:
    one = record({"mask_iou": [[3, 1], [1, 0], [0, 3], 64]})  # images of 3/4 and 1/4; 4/8 together
    other = record({"mask_iou": [[2, 0], [0, 4], 2, 64]})  # 2/4 and 0; 2/10 together
    found = paired.difference(one, other, "mask_iou")
    assert found.value == pytest.approx(0.5 - 0.2)
    assert (found.seeds, found.images) == (1, 2)
    assert found.low == pytest.approx(0.25 - 0)  # the second image drawn twice
    assert found.high == pytest.approx(0.3)  # both once; the first one twice gives 0.25
    assert "one seed" in str(found)
    assert paired.over_seeds(one, "mask_iou").value == 0.5


def test_interval_agrees_with_a_plain_loop() -> None:
    chance = np.random.default_rng(5)
    squares, other = chance.uniform(0, 4, 60), chance.uniform(0, 4, 60)
    found = paired.difference(
        record({"depth_rmse": [squares.tolist(), 64]}), record({"depth_rmse": [other.tolist(), 64]}), "depth_rmse"
    )
    drawn = []
    for _ in range(4000):
        at = chance.integers(0, 60, 60)
        drawn.append(math.sqrt(squares[at].sum() / 3840) - math.sqrt(other[at].sum() / 3840))
    assert found.value == pytest.approx(math.sqrt(squares.sum() / 3840) - math.sqrt(other.sum() / 3840))
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.003)


@given(st.integers(0, 2**31))
def test_difference_is_the_same_from_both_sides(seed: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = (record({"mask_iou": [*chance.integers(0, 50, (3, 9)).tolist(), 64]}) for _ in range(2))
    there, back = paired.difference(one, other, "mask_iou"), paired.difference(other, one, "mask_iou")
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.is_tie == back.is_tie
    assert paired.difference(one, one, "mask_iou") == paired.Estimate(0, 0, 0, 1, 9)


def test_pairing_finds_what_single_intervals_hide() -> None:
    chance = np.random.default_rng(0)
    hard = chance.uniform(0.2, 0.9, 200)  # images differ much more than networks
    one, other = (record({"mask_boundary_f": [(hard + by).tolist(), 1]}) for by in (0.01, 0.0))
    alone = [paired.over_seeds(each, "mask_boundary_f") for each in (one, other)]
    assert alone[0].low < alone[1].high
    found = paired.difference(one, other, "mask_boundary_f")
    assert not found.is_tie
    assert found.low == pytest.approx(0.01)
    noisy = record({"mask_boundary_f": [(hard + chance.normal(0, 0.1, 200)).tolist(), 1]})
    assert paired.difference(noisy, other, "mask_boundary_f").is_tie


def test_seeds_widen_the_interval_as_student_says() -> None:
    one = [flat(0.5 + 0.1 * seed, seed=seed) for seed in (1, 2, 3)]
    other = [flat(0.5, seed=seed) for seed in (3, 2, 1)]
    found = paired.difference(one, other, "mask_boundary_f")
    half = 4.303 * 0.1 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert found.seeds == 3
    assert found.is_tie  # three seeds that differ so much prove nothing
    assert not paired.difference(one[0], other[2], "mask_boundary_f").is_tie
    assert paired.over_seeds(one, "mask_boundary_f").value == pytest.approx(0.7)


def test_seeds_are_compared_with_their_like() -> None:
    one = [flat(0.5, seed=0), flat(0.9, seed=1), flat(0.6, seed=0)]  # the later of two with one seed counts
    found = paired.difference(one, [flat(0.5, seed=0), flat(0.1, seed=7)], "mask_boundary_f")
    assert found.value == pytest.approx(0.1)
    assert found.seeds == 1
    with pytest.raises(paired.PairedError, match=r"different seeds \(0; 7\)"):
        paired.difference(flat(0.5), flat(0.5, seed=7), "mask_boundary_f")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (flat(0.5, data="pairbench:clean"), "with data pairbench:hard, and unet with pairbench:clean"),
        (flat(0.5, size=(16, 16)), "with size"),
        (flat(0.5, test_images=7), "test_images 2, and unet with 7"),
        (flat(0.5, rows=5), "sums of 4 images, and unet of 5"),
        (flat(0.5, metric="depth_rmse"), "no sums of mask_boundary_f; it has depth_rmse, mask_mae"),
        (changed(flat(0.5), raw=Raw()), "keeps no sums of its test images"),
    ],
)
def test_what_cannot_be_compared_is_said(other: Record, message: str) -> None:
    with pytest.raises(paired.PairedError, match=message):
        paired.difference(flat(0.5), other, "mask_boundary_f")


def test_undefined_everywhere_is_no_number_and_no_proof() -> None:
    empty = record({"depth_rmse": [0, 0]})
    found = paired.difference(empty, empty, "depth_rmse")
    assert math.isnan(found.value)
    assert found.is_tie


def both(mask: float, depth: float, **options: Any) -> Record:
    """mask: a pooled IoU of that many hundredths."""
    found = round(100 * mask)
    sums = {"mask_iou": [found, 100 - found, 0, [164, 165]], "depth_rmse": [64 * depth**2, 64]}
    return record(sums, **options)


def test_multi_task_gain_by_hand() -> None:
    two, mask, depth = both(0.6, 0.25), both(0.5, 0.9), both(0.1, 0.2)
    assert paired.gain(two, {"mask": mask}).value == pytest.approx(0.2)
    assert paired.gain(two, {"depth": depth}).value == pytest.approx(-0.25)  # a larger error is a loss
    assert paired.gain(two, {"mask": mask, "depth": depth}).value == pytest.approx((0.2 - 0.25) / 2)


def test_gains_are_of_twins_alone() -> None:
    alone = "unet(tasks=({0},), link=(logit,))"
    two, mask = both(0.6, 0.25), both(0.5, 0.9, spec=alone.format("mask"))
    [found] = paired.gains([mask, two])
    assert (found.model, list(found.tasks), found.mean) == ("unet", ["mask"], None)
    assert found.tasks["mask"].value == pytest.approx(0.2)
    assert found.data == "pairbench:hard"
    [found] = paired.gains([two, mask, both(0.1, 0.2, spec=alone.format("depth"))])
    assert found.mean is not None
    assert found.mean.value == pytest.approx(-0.025)
    for other in (
        both(0.5, 0.9, spec="unet(tasks=(mask,), link=(identity,))"),
        both(0.5, 0.9, spec="unet(width=8, tasks=(mask,), link=(logit,))"),
        both(0.5, 0.9, spec=alone.format("mask"), samples=128),
        both(0.5, 0.9, spec=alone.format("mask"), seed=4),
        both(0.5, 0.9, spec="my_net.py:Net"),
        changed(mask, status="failed"),
        changed(mask, measure="cost"),
    ):
        assert paired.gains([two, other]) == []


def results(images: int):
    chance = torch.Generator().manual_seed(3)
    accumulator = Accumulator()
    mask, depth, truth, true_depth = (torch.rand(images, 1, 8, 8, generator=chance) for _ in range(4))
    image, valid = torch.zeros(images, 3, 8, 8), torch.ones(images, 1, 8, 8)
    sample = Sample(image, image, (truth > 0.6).float(), true_depth, valid, ())
    accumulator.update(Prediction(4 * mask - 2, 4 * depth - 2), sample)
    return accumulator.compute()


@pytest.mark.parametrize("images", [1, 7, 500, 1103])
def test_kept_sums_give_back_every_value(images: int) -> None:
    found = results(images)
    sums = json.loads(json.dumps(paired.sums_of(found), allow_nan=False))
    assert (sums["images"], sums["rows"]) == (images, min(images, paired.ROWS))
    told = changed(record({}), raw={"sums": sums})
    for metric in paired.KEPT:
        again = paired.over_seeds(told, metric)
        assert again.value == pytest.approx(found.values[metric], rel=1e-5)
        assert again.low <= again.value <= again.high
    assert len(json.dumps(sums)) < 45_000
