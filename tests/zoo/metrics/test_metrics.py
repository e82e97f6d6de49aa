"""The catalog of metrics: every entry's card holds, whatever comes in."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import zoo.metrics
from registry import OptionError, UnknownNameError
from zoo.contract import TASKS, Prediction, Sample
from zoo.metrics import Accumulator, MetricCard, build, metrics

SAMPLE_SIDES = st.sampled_from([(8, 8), (9, 17), (13, 12)])
KINDS = ("random", "zeros", "ones", "half")


def maps(kind, shape, generator):
    if kind == "random":
        return torch.rand(shape, generator=generator)
    return torch.full(shape, {"zeros": 0.0, "ones": 1.0, "half": 0.5}[kind])


def case(mask="random", depth="random", logits=1.0, valid="ones", size=(16, 12), images=3, seed=0, metas=None):
    generator = torch.Generator().manual_seed(seed)
    shape = (images, 1, *size)
    image = torch.rand(images, 3, *size, generator=generator)
    valid = maps(valid, shape, generator).round()
    sample = Sample(
        image,
        image,
        maps(mask, shape, generator),
        maps(depth, shape, generator),
        valid,
        ({"near": 0.5, "far": 20.0},) * images if metas is None else metas,
    )
    return Prediction(*(logits * torch.randn(2, *shape, generator=generator))), sample


def measure(prediction, sample, metrics=None):
    accumulator = Accumulator(metrics=metrics)
    accumulator.update(prediction, sample)
    return accumulator.compute()


def test_the_metrics_that_are_promised_are_there():
    assert zoo.metrics.names("mask_*") == [
        "mask_best_iou",
        "mask_best_threshold",
        "mask_boundary_f",
        "mask_brier",
        "mask_dice",
        "mask_false_area",
        "mask_iou",
        "mask_iou_image",
        "mask_mae",
        "mask_precision",
        "mask_recall",
    ]
    assert zoo.metrics.names("depth_*") == [
        "depth_absrel",
        "depth_delta1",
        "depth_delta2",
        "depth_delta3",
        "depth_log10",
        "depth_mae",
        "depth_rmse",
        "depth_rmse_aligned",
        "depth_rmse_edge",
        "depth_rmse_object",
        "depth_rmse_rest",
        "depth_silog",
        "depth_ssim",
    ]


@pytest.mark.parametrize("entry", metrics, ids=lambda entry: entry.name)
def test_every_card_says_what_is_needed_to_read_a_value(entry):
    card = entry.card
    assert isinstance(card, MetricCard)
    assert entry.name.startswith(f"{card.task}_")
    assert card.task in TASKS
    assert card.better in ("higher", "lower", "neither")
    assert card.summary
    assert card.formula
    assert card.pooled
    assert card.empty
    assert card.range[0] < card.range[1]
    metric = build(entry.name)
    assert (metric.name, metric.card) == (entry.name, card)


@given(
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
    st.sampled_from([0.0, 1.0, 60.0, -1000.0]),
    st.sampled_from(["ones", "zeros", "random"]),
    SAMPLE_SIDES,
    st.integers(0, 99),
)
def test_values_are_in_the_card_s_range_or_undefined(mask, depth, logits, valid, size, seed):
    result = measure(*case(mask, depth, logits, valid, size, seed=seed))
    for name, metric in result.metrics.items():
        low, high = metric.card.range
        for value in (result.values[name], *result.per_image[name]):
            assert math.isnan(value) or low - 1e-9 <= value <= high + 1e-9, name
            assert not math.isinf(value), name
    assert result.broken == 0


@pytest.mark.parametrize("entry", metrics, ids=lambda entry: entry.name)
def test_the_truth_itself_is_the_best_there_is(entry):
    if entry.card.better == "neither":
        return
    _, sample = case(size=(24, 24))
    sample.mask.zero_()
    if entry.name != "mask_false_area":
        sample.mask[..., 8:16, 8:16] = 1
    truth = Prediction(*(torch.logit(value.double(), eps=1e-9) for value in (sample.mask, sample.depth)))
    low, high = entry.card.range
    best = measure(truth, sample, [entry.name]).values[entry.name]
    assert best == pytest.approx(high if entry.card.better == "higher" else low, abs=1e-6)
    noise = Prediction(*(value + torch.randn_like(value) * 30 for value in truth))
    worse = measure(noise, sample, [entry.name]).values[entry.name]
    assert worse < best - 1e-3 if entry.card.better == "higher" else worse > best + 1e-3


@pytest.mark.parametrize("name", metrics.names())
def test_pixels_that_are_not_valid_count_for_nothing(name):
    prediction, sample = case(valid="random", size=(24, 24))
    holes = sample.valid == 0
    sample.valid[:, :, 4:18, 4:18] = 1  # so that SSIM has whole windows
    holes &= sample.valid == 0
    other = Prediction(*(value.masked_fill(holes, 17.0) for value in prediction))
    spoilt = sample._replace(mask=sample.mask.masked_fill(holes, torch.nan), depth=sample.depth.masked_fill(holes, 9.0))
    first, second = (measure(*each, [name]) for each in ((prediction, sample), (other, spoilt)))
    assert first.per_image[name] == pytest.approx(second.per_image[name], rel=1e-12, nan_ok=True)
    assert not all(map(math.isnan, first.per_image[name])) or name == "mask_false_area"


@pytest.mark.parametrize("name", metrics.names())
def test_an_image_without_valid_pixels_is_undefined_and_changes_nothing(name):
    prediction, sample = case(mask="zeros" if name == "mask_false_area" else "random", images=3)
    alone = measure(Prediction(*(v[:2] for v in prediction)), Sample(*(v[:2] for v in sample)), [name])
    sample.valid[2] = 0
    both = measure(prediction, sample, [name])
    assert both.values[name] == pytest.approx(alone.values[name], nan_ok=False)
    assert math.isnan(both.per_image[name][2])


EMPTY = {  # nothing there and nothing found; nothing there but something found; something there and nothing found
    "mask_iou": (1, 0, 0),
    "mask_iou_image": (1, 0, 0),
    "mask_dice": (1, 0, 0),
    "mask_precision": (1, 0, 0),
    "mask_recall": (1, 0, 0),
    "mask_boundary_f": (1, 0, 0),
    "mask_false_area": (0, 4 / 192, math.nan),
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_empty_masks_give(name):
    _, sample = case(mask="zeros", images=1)
    blob = torch.zeros_like(sample.mask)
    blob[..., 4:6, 4:6] = 1
    pairs = [(blob * 0, blob * 0), (blob, blob * 0), (blob * 0, blob)]
    values = []
    for found, there in pairs:
        logits = found * 12 - 6
        values.append(measure(Prediction(logits, logits), sample._replace(mask=there), [name]).values[name])
    assert values == pytest.approx(EMPTY[name], nan_ok=True)


def test_metric_depth_only_where_near_and_far_are_known():
    named = [name for name in metrics.names() if metrics.get(name).card.needs]
    assert named == [f"depth_{name}" for name in ("absrel", "delta1", "delta2", "delta3", "log10", "silog")]
    prediction, sample = case(metas=({"near": 1.0, "far": 9.0}, {}, {"near": None, "far": 9.0}))
    result = measure(prediction, sample, named)
    for name in named:
        assert result.values[name] == pytest.approx(result.per_image[name][0])
        assert [math.isnan(value) for value in result.per_image[name]] == [False, True, True]
    unknown = measure(prediction, sample._replace(meta=()), [*named, "depth_rmse"]).values
    assert [name for name, value in unknown.items() if not math.isnan(value)] == ["depth_rmse"]


def test_a_far_of_infinity_gives_finite_errors():
    prediction, sample = case(depth="half", logits=1000.0, metas=({"near": 1.0, "far": math.inf},) * 3)
    assert all(map(math.isfinite, measure(prediction, sample, metrics.names("depth_delta?")).values.values()))
    assert math.isfinite(measure(prediction, sample).values["depth_absrel"])


def test_alignment_forgives_scale_and_shift_and_nothing_else():
    _, sample = case(size=(24, 24))
    shifted = Prediction(None, torch.logit(0.2 + 0.5 * sample.depth.double()))
    accumulator = Accumulator(("depth",))
    accumulator.update(shifted, sample)
    values = accumulator.compute().values
    assert values["depth_rmse_aligned"] < 1e-7
    assert values["depth_rmse"] > 0.1
    constant = measure(Prediction(None, torch.zeros_like(sample.depth)), sample, ["depth_rmse_aligned"])
    spread = [float(depth.std(correction=0)) for depth in sample.depth]
    assert constant.per_image["depth_rmse_aligned"] == pytest.approx(spread)


def test_a_prediction_that_is_no_number_is_not_taken_for_background():
    prediction, sample = case()
    prediction.mask[1, 0, 2, 2] = torch.nan
    result = measure(prediction, sample)
    assert result.broken == 1
    assert math.isnan(result.values["mask_iou"])
    assert math.isnan(result.per_image["mask_iou"][1])
    assert not math.isnan(result.per_image["mask_iou"][0])
    assert not math.isnan(result.values["depth_rmse"])


def test_half_precision_is_measured_in_full():
    prediction, sample = case()
    half = Prediction(*(value.bfloat16() for value in prediction))
    exact = Prediction(*(value.double() for value in half))
    assert measure(half, sample).values == pytest.approx(measure(exact, sample).values, rel=1e-12, nan_ok=True)


def test_errors_say_what_is_accepted():
    with pytest.raises(UnknownNameError, match="no metric is called 'mask_iuo'; did you mean mask_iou"):
        build("mask_iuo")
    with pytest.raises(OptionError, match="metric mask_iou has no option 'px'; it takes none"):
        build("mask_iou(px=2)")
