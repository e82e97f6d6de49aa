"""Sums over batches, accumulators and processes: the same values however the images were split."""

import math
from itertools import pairwise

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from registry import OptionError
from zoo.contract import InputError, Prediction, Sample
from zoo.metrics import Accumulator, intervals, register
from zoo.metrics.catalog import Metric, MetricCard, metrics

IMAGES = 11
COUNTS = (8, 3)  # images of each process


def batch(chosen):
    """Images of a small data set: some empty, one without valid pixels, one that knows no far."""
    generator = torch.Generator().manual_seed(5)
    shape = (IMAGES, 1, 14, 13)
    mask, depth, image = torch.rand(3, *shape, generator=generator)
    mask[::4] = 0
    valid = torch.ones(shape)
    valid[3] = 0
    logits = torch.randn(2, *shape, generator=generator)
    metas = tuple({"near": 1.0, "far": 9.0 + i} if i != 2 else {"near": 1.0} for i in range(IMAGES))
    image = image.expand(-1, 3, -1, -1)
    sample = Sample(*(value[chosen] for value in (image, image, mask, depth, valid)), tuple(metas[i] for i in chosen))
    return Prediction(*(value[chosen] for value in logits)), sample


def accumulated(*parts, ids=True):
    accumulator = Accumulator()
    for part in parts:
        accumulator.update(*batch(list(part)), ids=list(part) if ids else None)
    return accumulator


def same(found, expected):
    assert found.ids == expected.ids
    assert found.values == pytest.approx(expected.values, rel=1e-12, nan_ok=True)
    for name, values in expected.per_image.items():
        assert found.per_image[name] == pytest.approx(values, rel=1e-12, nan_ok=True), name


WHOLE = accumulated(range(IMAGES)).compute()


def test_the_set_has_what_it_is_meant_to_have():
    assert sum(not math.isnan(value) for value in WHOLE.per_image["mask_false_area"]) == 3
    assert sum(math.isnan(value) for value in WHOLE.per_image["mask_iou"]) == 1
    assert sum(math.isnan(value) for value in WHOLE.per_image["depth_absrel"]) == 2
    assert not any(map(math.isnan, WHOLE.values.values()))


@given(st.permutations(range(IMAGES)), st.lists(st.integers(0, IMAGES), max_size=4))
def test_any_split_and_order_gives_the_same(order, cuts):
    edges = [0, *sorted(cuts), IMAGES]
    parts = [order[a:b] for a, b in pairwise(edges) if b > a]
    same(accumulated(*parts).compute(), WHOLE)


def test_a_large_picture_is_looked_at_in_parts(monkeypatch):
    monkeypatch.setattr("zoo.metrics.accumulate.AT_ONCE", 3 * 14 * 13)
    same(accumulated(range(IMAGES)).compute(), WHOLE)


def test_without_ids_images_are_numbered_as_they_came():
    found = accumulated([4, 1], [7], ids=False).compute()
    assert found.ids == [0, 1, 2]
    assert found.per_image["mask_mae"] == pytest.approx([WHOLE.per_image["mask_mae"][i] for i in (4, 1, 7)])


def test_nothing_at_all_is_undefined():
    empty = Accumulator().compute()
    assert empty.images == 0
    assert all(map(math.isnan, empty.values.values()))
    assert all(math.isnan(low) for low, _ in intervals(empty).values())


def test_batches_from_inference_mode_can_be_counted_later():
    with torch.inference_mode():
        accumulator = accumulated(range(IMAGES))
    same(accumulator.compute(), WHOLE)


def _process(rank, file, out):
    torch.set_num_threads(1)  # the other threads have not come along through the fork, and would be waited for
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=len(COUNTS))
    first = sum(COUNTS[:rank])
    part = list(range(first, first + COUNTS[rank]))
    halves = [half for half in (part[:2], part[2:]) if half]
    torch.save(accumulated(*halves).reduce().reduce().compute(), f"{out}/{rank}.pt")
    idle = Accumulator(("mask",), ["mask_iou"])  # all of the images are on the first process
    if rank == 0:
        idle.update(*batch([0, 1]), ids=[0, 1])
    idle.reduce()
    assert idle.compute().ids == [0, 1]
    with pytest.raises(OptionError, match="was reduced already"):
        idle.update(*batch([2]), ids=[2])
    dist.destroy_process_group()


def test_processes_with_different_numbers_of_images_agree_with_one(tmp_path):
    arguments = tmp_path / "meeting", tmp_path
    torch.multiprocessing.start_processes(_process, arguments, nprocs=len(COUNTS), start_method="fork")
    for rank in range(len(COUNTS)):
        same(torch.load(tmp_path / f"{rank}.pt", weights_only=False), WHOLE)


def test_alone_reduce_changes_nothing():
    same(accumulated(range(IMAGES)).reduce().compute(), WHOLE)


def test_intervals_are_those_of_drawing_images_again():
    found = intervals(WHOLE, resamples=400, seed=3)
    assert found == intervals(WHOLE, resamples=400, seed=3) != intervals(WHOLE, resamples=400, seed=4)
    for name, (low, high) in found.items():
        assert low <= WHOLE.values[name] <= high or name in ("mask_best_iou", "mask_best_threshold"), name
    drawn = torch.randint(0, IMAGES, (400, IMAGES), generator=torch.Generator().manual_seed(0)).tolist()
    right, wrong, missed, _ = WHOLE.sums["mask_iou"].T
    values = [sum(right[i] for i in draw) / sum(right[i] + wrong[i] + missed[i] for i in draw) for draw in drawn]
    low, high = torch.tensor(values).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    assert found["mask_iou"] == pytest.approx((low, high), abs=0.02)


def test_intervals_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    whole = intervals(WHOLE, resamples=50)["mask_iou"]
    monkeypatch.setattr("zoo.metrics.bootstrap.AT_ONCE", 7 * IMAGES)
    assert intervals(WHOLE, resamples=50)["mask_iou"] == whole


def test_intervals_narrow_with_the_images_and_one_image_has_none():
    one = accumulated([4]).compute()
    assert intervals(one)["depth_rmse"] == (one.values["depth_rmse"],) * 2
    many = Accumulator(("depth",), ["depth_rmse"])
    few = Accumulator(("depth",), ["depth_rmse"])
    for _ in range(16):
        many.update(*batch(list(range(IMAGES))))
    few.update(*batch(list(range(IMAGES))))
    (a, b), (c, d) = (intervals(each.compute())["depth_rmse"] for each in (many, few))
    assert (b - a) < (d - c) / 3


def test_a_metric_of_one_s_own_is_a_class():
    @register("mask_area", MetricCard(summary="share that was found", formula="mean (p >= 0.5)"))
    class Area(Metric):
        def sums(self, maps):
            return maps.over(maps.found.double())

    try:
        accumulator = Accumulator(metrics=["mask_area"])
        accumulator.update(*batch([1, 2]))
        found = (batch([1, 2])[0].mask >= 0).double().mean()
        assert accumulator.compute().values["mask_area"] == pytest.approx(float(found))
    finally:
        del metrics._entries["mask_area"]


def test_what_does_not_fit_is_refused():
    prediction, sample = batch([0, 1])
    accumulator = Accumulator()
    with pytest.raises(InputError, match="the prediction has no depth"):
        accumulator.update(Prediction(prediction.mask, None), sample)
    with pytest.raises(InputError, match=r"\(2, 1, 7, 13\) and its truth \(2, 1, 14, 13\)"):
        accumulator.update(Prediction(prediction.mask[:, :, :7], prediction.depth), sample)
    with pytest.raises(InputError, match="tuple of 2 dictionaries"):
        accumulator.update(prediction, sample._replace(meta=({},)))
    with pytest.raises(OptionError, match="got 1 ids for 2 images"):
        accumulator.update(prediction, sample, ids=[1])
    with pytest.raises(OptionError, match="depth_rmse measures depth, and here there is only mask"):
        Accumulator(("mask",), ["depth_rmse"])
    with pytest.raises(OptionError, match="each once"):
        Accumulator(metrics=["mask_iou", "mask_iou"])
    with pytest.raises(OptionError, match="did you mean mask"):
        Accumulator(("masks",))
    accumulator.update(prediction, sample, ids=[0, 1])
    accumulator.update(prediction, sample)
    with pytest.raises(OptionError, match="some batches have ids"):
        accumulator.compute()
