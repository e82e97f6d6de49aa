"""Objectives: totals by hand, deep supervision, precision, and what is refused."""

import copy
import math
import pickle

import pytest
import torch

from registry import OptionError, UnknownNameError
from zoo.contract import InputError, Prediction, Sample
from zoo.losses import Criterion, Truth, build, losses, objective

LOG2 = math.log(2)


def sample(b=2, h=8, w=12, *, mask=1.0, depth=0.25, dtype=torch.float32):
    image, one = torch.rand(b, 3, h, w, dtype=dtype), torch.ones(b, 1, h, w, dtype=dtype)
    return Sample(image, image, mask * one, depth * one, one.clone(), tuple({} for _ in range(b)))


def prediction(mask=0.0, depth=0.0, b=2, h=8, w=12, dtype=torch.float32):
    """Constant logits that want a gradient; None for a task that is left out."""
    maps = [None if v is None else torch.full((b, 1, h, w), v, dtype=dtype, requires_grad=True) for v in (mask, depth)]
    return Prediction(*maps)


def test_the_total_by_hand():
    aim = objective("bce + 0.5*l1", "0.1*l2 + l1", weights={"mask": 2})
    losses = aim(prediction(), sample())
    # p = 1/2 everywhere: mask against 1, depth against 1/4
    values = {name: value.item() for name, value in losses.terms.items()}
    assert values == pytest.approx({"mask/bce": LOG2, "mask/l1": 0.5, "depth/l2": 0.0625, "depth/l1": 0.25})
    assert losses.tasks["mask"].item() == pytest.approx(LOG2 + 0.25)
    assert losses.tasks["depth"].item() == pytest.approx(0.25625)
    assert losses.total.item() == pytest.approx(2 * (LOG2 + 0.25) + 0.25625)


def test_the_gradient_by_hand():
    made = prediction()
    objective("bce", "l2", weights={"depth": 3})(made, sample()).total.backward()
    pixels = made.mask.numel()
    torch.testing.assert_close(made.mask.grad, torch.full_like(made.mask, -0.5 / pixels))  # (p - t) / n
    slope = 3 * 2 * (0.5 - 0.25) * 0.25 / pixels  # weight * 2 (p - t) * p (1 - p)
    torch.testing.assert_close(made.depth.grad, torch.full_like(made.depth, slope))


def test_terms_are_detached_and_stay_on_the_device():
    losses = objective()(prediction(), sample())
    assert all(not term.requires_grad and term.shape == () for term in losses.terms.values())
    assert losses.total.requires_grad
    assert all(value.requires_grad for value in losses.tasks.values())


def test_none_leaves_a_task_out():
    aim = objective(depth=None)
    losses = aim(prediction(depth=None), sample())
    assert aim.tasks == ("mask",)
    assert list(losses.terms) == ["mask/bce"]
    assert objective(mask=None).tasks == ("depth",)
    with pytest.raises(OptionError, match="leave nothing to train"):
        objective(None, None)


def test_a_stage_may_train_one_task_alone():
    aim = objective(weights={"mask": 5, "depth": 2})
    losses = aim(prediction(), sample(), tasks=("depth",))
    assert list(losses.tasks) == ["depth"]
    assert losses.total.item() == pytest.approx(0.5)
    assert list(aim(prediction(), sample(), tasks=("depth", "mask")).tasks) == ["mask", "depth"]
    for wrong in ((), ("edges",), 3):
        with pytest.raises(OptionError, match="tasks="):
            aim(prediction(), sample(), tasks=wrong)


def test_deep_supervision_by_hand():
    sides = (prediction(0.0), prediction(10.0), prediction(-10.0))
    each = [LOG2, math.log1p(math.exp(-10)), 10 + math.log1p(math.exp(-10))]  # bce against 1
    expected = {"final": each[0], "sum": sum(each), "mean": sum(each) / 3}
    for deep, value in expected.items():
        aim = objective("2*bce", None, deep=deep)
        losses = aim(sides, sample())
        assert losses.terms["mask/bce"].item() == pytest.approx(value)
        assert losses.total.item() == pytest.approx(2 * value)
        assert aim.wants_sides == (deep != "final")


def test_only_the_final_output_is_trained_unless_asked_for():
    sides = (prediction(), prediction())
    objective("bce", None)(sides, sample()).total.backward()
    assert sides[0].mask.grad is not None
    assert sides[1].mask.grad is None


def test_forgotten_sides_are_noticed():
    with pytest.raises(InputError, match="sides=True"):
        objective(deep="sum")(prediction(), sample())
    objective(deep="sum")((prediction(),), sample())  # a network without sides gives a 1-tuple


def test_invalid_pixels_count_for_nothing():
    data, made = sample(), prediction()
    data.valid[..., 6:] = 0
    data.depth[..., 6:] = 1
    data.mask[..., 6:] = 0
    losses = objective()(made, data)
    losses.total.backward()
    assert losses.terms["depth/l1"].item() == pytest.approx(0.25)
    assert losses.terms["mask/bce"].item() == pytest.approx(LOG2)
    assert not made.depth.grad[..., 6:].any()


@pytest.mark.parametrize("name", losses.names())
def test_whatever_stands_where_nothing_is_known(name):
    task = losses.get(name).card.tasks[0]
    aim = objective(**({"mask": None, "depth": None} | {task: name}))
    found = []
    for unknown in (0.5, float("nan"), -1e30):
        data, made = sample(), prediction()
        data.valid[..., 6:] = 0
        getattr(data, task)[..., 6:] = unknown
        aim(made, data).total.backward()
        found.append(getattr(made, task).grad)
    assert all(torch.equal(grad, found[0]) for grad in found[1:])
    assert found[0].isfinite().all()


def test_the_mean_is_over_images_however_many_pixels_they_have():
    data = sample()
    data.valid[1, :, :, 1:] = 0  # the second image keeps a twelfth of its pixels
    data.depth[1] = 1
    assert objective(None, "l1")(prediction(), data).total.item() == pytest.approx((0.25 + 0.5) / 2)


def test_losses_are_single_precision_under_autocast():
    made = prediction(dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = objective("bce + dice", "l1")(made, sample())
    losses.total.backward()
    assert losses.total.dtype == torch.float32
    assert losses.terms["mask/bce"].item() == pytest.approx(LOG2, abs=1e-6)  # bfloat16 keeps three digits
    assert made.mask.grad.dtype == torch.bfloat16


def test_autocast_is_off_inside_a_loss(monkeypatch):
    seen = []
    aim = objective("bce", None)
    term = aim.expressions["mask"].terms[0]
    original = term.function
    spy = lambda logits, truth: seen.append(torch.is_autocast_enabled("cpu")) or original(logits, truth)  # noqa: E731
    object.__setattr__(term, "function", spy)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        aim(prediction(), sample())
        assert torch.is_autocast_enabled("cpu")
    assert seen == [False]


def test_double_precision_stays_double():
    losses = objective()(prediction(dtype=torch.float64), sample(dtype=torch.float32))
    assert losses.total.dtype == torch.float64
    # a mean of 192 numbers is off by 192 * 2.2e-16 at most, in any order; single precision would be off by 2e-9
    assert losses.terms["mask/bce"].item() == pytest.approx(LOG2, abs=1e-13)


def test_it_equals_the_functions_called_directly():
    torch.manual_seed(0)
    made = Prediction(torch.randn(3, 1, 16, 16), torch.randn(3, 1, 16, 16))
    data = sample(3, 16, 16)._replace(mask=torch.rand(3, 1, 16, 16).round(), depth=torch.rand(3, 1, 16, 16))
    losses = objective("bce + 0.5*dice(squared=true)", "berhu")(made, data)
    mask, depth = (Truth(target, data.valid, data.fg_bg) for target in (data.mask, data.depth))
    by_hand = build("bce")(made.mask, mask).mean() + 0.5 * build("dice(squared=true)")(made.mask, mask).mean()
    torch.testing.assert_close(losses.total, by_hand + build("berhu")(made.depth, depth).mean())


@pytest.mark.parametrize(
    "aim",
    [
        objective(),
        objective("bce + 0.5*dice(squared=true)", "0.1*l1 + l2", weights={"mask": 2, "depth": 0.3}, deep="mean"),
        objective(None, "l1", balance="dwa(temperature=3, every=7)"),
        objective("bce", None, balance="uncertainty(initial=-1)"),
        objective(balance="pcgrad"),
    ],
    ids=lambda aim: str(aim.balance.spec),
)
def test_settings_are_complete_and_read_back(aim):
    settings = aim.to_dict()
    assert set(settings) == {"mask", "depth", "weights", "deep", "balance"}
    assert objective(**settings).to_dict() == settings
    assert eval(str(aim), {"objective": objective}).to_dict() == settings


def test_settings_spell_out_what_was_left_to_defaults():
    settings = objective(balance="dwa(every=7)").to_dict()
    assert settings["weights"] == {"mask": 1.0, "depth": 1.0}
    assert settings["balance"] == "dwa(temperature=2.0, every=7)"


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda aim: pickle.loads(pickle.dumps(aim))])
def test_it_can_be_copied_and_sent(clone):
    aim = objective("bce + dice", "l1", balance="uncertainty(initial=0.5)")
    other = clone(aim)
    assert isinstance(other, Criterion)
    assert other.to_dict() == aim.to_dict()
    made, data = prediction(), sample()
    assert other(made, data).total.item() == aim(made, data).total.item()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": {"mask": 0}}, r"weights\['mask'\]=0 is not accepted"),
        ({"weights": {"mask": -1}}, "above 0"),
        ({"weights": {"mask": math.inf}}, "above 0"),
        ({"weights": {"mask": True}}, "above 0"),
        ({"weights": {"mask": "2"}}, "above 0"),
        ({"weights": {"msk": 2}}, r"'msk', which is not a task of this objective; did you mean mask\?"),
        ({"weights": {"depth": 2}, "depth": None}, "its losses are None"),
        ({"weights": [1, 2]}, "one number per task"),
        ({"deep": "all"}, "deep takes final, sum or mean"),
        ({"balance": "fixed(a=1)"}, "balance fixed has no option 'a'; it takes none"),
        ({"balance": "dwa(every=0)"}, "every takes a whole number from 1 up"),
        ({"balance": "dwa(temperature=0)"}, "temperature takes a number above 0"),
        ({"balance": "uncertainty(initial=nan)"}, "initial takes a number from -10 to 10"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        objective(**options)


def test_an_unknown_balance_names_its_neighbours():
    with pytest.raises(UnknownNameError, match=r"no balance is called 'pcgard'; did you mean pcgrad\?"):
        objective(balance="pcgard")


def test_a_prediction_without_the_task_says_what_to_do():
    with pytest.raises(InputError, match=r"no depth, and the objective trains it \(l1\).*depth=None"):
        objective()(prediction(depth=None), sample())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s._replace(mask=s.mask[..., :4]), r"sample.mask is \(2, 1, 8, 4\)"),
        (lambda s: s._replace(depth=s.depth[:1]), r"sample.depth is \(1, 1, 8, 12\)"),
        (lambda s: s._replace(valid=s.valid[:, 0]), "sample.valid"),
        (lambda s: s._replace(fg_bg=s.fg_bg[..., 1:, :]), "sample.fg_bg"),
        (lambda s: Sample(*(t[0] for t in s[:5]), {}), "needs the batch axis"),
        (lambda s: s._replace(mask=s.mask.bool()), r"sample.mask is torch.bool; expected floats"),
        (lambda s: s._replace(depth=s.depth.to("meta")), "on meta, the prediction on cpu; move the sample"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        objective()(prediction(), change(sample()))


def test_predictions_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"a tuple of Tensor"):
        objective()(tuple(prediction()), sample())
    with pytest.raises(InputError, match=r"got a tuple"):
        objective()((), sample())
    with pytest.raises(InputError, match=r"got a Tensor"):
        objective()(prediction().mask, sample())
    with pytest.raises(InputError, match=r"\(0, 1, 8, 12\); expected \(b, 1, h, w\) with b from 1 up"):
        objective()(prediction(b=0), sample(0))
    with pytest.raises(InputError, match="side 1 of mask"):
        objective(deep="sum")((prediction(), prediction(h=4)), sample())


def test_it_runs_on_the_meta_device():
    made = Prediction(*(torch.zeros(2, 1, 8, 8, device="meta") for _ in range(2)))
    data = Sample(*(tensor.to("meta") for tensor in sample(2, 8, 8)[:5]), ({}, {}))
    assert objective()(made, data).total.is_meta


@pytest.mark.parametrize("balance", ["fixed", "uncertainty", "dwa"])
def test_it_compiles_to_one_graph(balance):
    aim = objective("bce + dice", "l1", deep="sum", balance=balance)
    made, data = (prediction(), prediction(1.0)), sample()
    compiled = torch.compile(copy.deepcopy(aim), backend="eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(compiled(made, data).total, aim(made, data).total)
