"""What every loss must do: driven by the catalog, so a new one is tested as soon as it is registered."""

from functools import partial
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

import loss_checks as checks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.gradcheck import GradcheckError

from registry import Spec
from zoo.contract import TASKS
from zoo.losses.catalog import losses, mean

SIDE = st.integers(8, 40)


def variants(entry):
    """The default, and one more for every other value of each switch and choice among its options."""
    yield {}
    for option in entry.options.values():
        for value in choices(option.annotation):
            if value != option.default:
                yield {option.name: value}


def choices(annotation):
    if annotation is bool:
        return (True, False)
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
        return (None,)
    return ()


CASES = {str(Spec(entry.name, options)): (entry, options) for entry in losses for options in variants(entry)}
every_loss = pytest.mark.parametrize("case", CASES)


def loss_and_card(case):
    entry, options = CASES[case]
    return partial(entry.factory, **options), entry.card


def having(condition):
    return pytest.mark.parametrize("case", [case for case, (entry, _) in CASES.items() if condition(entry.card)])


@every_loss
def test_card_is_complete(case):
    entry, _ = CASES[case]
    card = entry.card
    assert card.summary
    assert "\n" not in card.summary
    assert card.formula
    assert card.tasks
    assert set(card.tasks) <= set(TASKS)
    assert card.range[0] < card.range[1]
    assert card.floor is None or card.range[0] <= card.floor <= card.range[1]
    assert set(card.invariant_to) <= {"shift", "scale", "scale_and_shift"}
    for option in entry.options.values():
        assert option.help, f"{option.name} has no text"
        assert option.check(option.default) == option.default


@every_loss
@settings(max_examples=5)
@given(b=st.integers(1, 3), h=SIDE, w=SIDE, kind=st.sampled_from(checks.TARGETS), seed=st.integers(0, 99))
def test_one_value_per_image_whatever_the_shape(case, b, h, w, kind, seed):
    loss, card = loss_and_card(case)
    truth = checks.scene(kind, b, h, w, seed)
    generator = torch.Generator().manual_seed(seed)
    truth.valid.copy_((torch.rand(truth.valid.shape, generator=generator) > 0.05).double())
    truth.valid[b - 1] *= seed % 3 > 0  # now and then an image without a valid pixel among others
    logits = checks.random_logits(truth, seed)
    checks.check_values(loss, card, truth, logits)
    checks.check_alone(loss, truth, logits)


@having(lambda card: card.differentiable)
@pytest.mark.parametrize("kind", ["blob", "soft"])
def test_gradient_is_the_derivative(case, kind):
    loss, _ = loss_and_card(case)
    truth = checks.scene(kind, b=2, h=9, w=8, seed=3)
    truth.valid[1, :, :2] = 0
    checks.check_derivative(loss, truth)


@every_loss
@pytest.mark.parametrize("kind", ["blob", "soft"])
def test_a_step_downhill_lowers_it(case, kind):
    checks.check_downhill(loss_and_card(case)[0], checks.scene(kind, h=16, w=16))


@having(lambda card: card.least_at_target)
@settings(max_examples=5)
@given(h=SIDE, w=SIDE, seed=st.integers(0, 99))
def test_least_at_the_target(case, h, w, seed):
    loss, card = loss_and_card(case)
    for kind in checks.exact_targets(card):
        checks.check_least_at_target(loss, card, checks.scene(kind, 1, h, w, seed), seed)


@having(lambda card: card.invariant_to)
def test_invariances(case):
    loss, card = loss_and_card(case)
    for change in card.invariant_to:
        checks.check_invariance(loss, change, checks.scene("soft"))


@every_loss
@pytest.mark.parametrize("kind", ["blob", "soft"])
def test_invalid_pixels_change_nothing(case, kind):
    truth = checks.scene(kind, h=32, w=32)
    checks.check_invalid_ignored(loss_and_card(case)[0], truth, checks.random_logits(truth))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_finite_where_there_is_nothing_to_compare(case, dtype):
    checks.check_degenerate(*loss_and_card(case), dtype)


@every_loss
def test_logits_of_bf16_as_the_objective_casts_them(case):
    loss, card = loss_and_card(case)
    truth = checks.scene("blob", dtype=torch.float32)
    logits = checks.random_logits(truth)
    rounded = logits.bfloat16().requires_grad_()
    values = loss(rounded.float(), truth)
    checks.check_values(loss, card, truth, rounded.detach().float())
    torch.testing.assert_close(values, loss(logits, truth), rtol=0.05, atol=0.01)
    (slope,) = torch.autograd.grad(values.sum(), rounded)
    assert slope.dtype == torch.bfloat16
    assert slope.isfinite().all()


# The checks themselves: known faults of published losses, each caught by the check made for it.


def pooled_dice(logits, truth):
    p, t = logits.sigmoid(), truth.target
    return (1 - 2 * (p * t).sum() / (p.sum() + t.sum() + 1)).expand(len(p))


def self_comparison(logits, truth):
    p = logits.sigmoid()
    return mean((p - p).abs(), truth.valid)


def tversky_of_its_weights_alone(logits, truth, alpha=0.3, beta=0.7):
    tp = (logits.sigmoid() * truth.target).flatten(1).sum(1)
    return 1 - tp / (tp + alpha + beta)


def blind_to_validity(logits, truth):
    return (logits.sigmoid() - truth.target).abs().flatten(1).mean(1)


def bare_rmse(logits, truth):
    return mean((logits.sigmoid() - truth.target).square(), truth.valid).sqrt()


def bare_bce(logits, truth):
    p, t = logits.sigmoid(), truth.target
    return mean(-t * p.log() - (1 - t) * (1 - p).log(), truth.valid)


def detached(logits, truth):
    return mean((logits.sigmoid() - truth.target.detach()).abs() * logits.detach().sigmoid(), truth.valid)


def uphill(logits, truth):
    return mean((2 * logits.detach() - logits).sigmoid() * (1 - truth.target), truth.valid)


SOFT, BINARY = checks.scene("soft"), checks.scene("blob")
L1 = losses.get("l1").card
DICE = losses.get("dice").card


@pytest.mark.parametrize(
    ("check", "faulty"),
    [
        (lambda loss: checks.check_alone(loss, SOFT, checks.random_logits(SOFT)), pooled_dice),
        (lambda loss: checks.check_downhill(loss, SOFT), self_comparison),
        (lambda loss: checks.check_least_at_target(loss, L1, SOFT, 0), self_comparison),
        (lambda loss: checks.check_least_at_target(loss, L1, SOFT, 0), losses.get("dice").factory),
        (lambda loss: checks.check_least_at_target(loss, DICE, BINARY, 0), tversky_of_its_weights_alone),
        (lambda loss: checks.check_invalid_ignored(loss, SOFT, checks.random_logits(SOFT)), blind_to_validity),
        (lambda loss: checks.check_degenerate(loss, L1, torch.float64), bare_rmse),
        (lambda loss: checks.check_degenerate(loss, L1, torch.float32), bare_bce),
        (lambda loss: checks.check_derivative(loss, checks.scene("soft", h=8, w=8)), detached),
        (lambda loss: checks.check_downhill(loss, SOFT), uphill),
        (lambda loss: checks.check_invariance(loss, "scale", SOFT), losses.get("l1").factory),
        (lambda loss: checks.check_values(loss, L1, SOFT, checks.random_logits(SOFT)), losses.get("bce").factory),
    ],
)
def test_each_check_catches_its_fault(check, faulty):
    with pytest.raises((AssertionError, GradcheckError)):
        check(faulty)


def test_mean_counts_valid_pixels_of_each_image():
    values = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 5.0]]], [[[7.0, 9.0]]]])
    valid = torch.tensor([[[[1.0, 0.0]]], [[[1.0, 1.0]]], [[[0.0, 0.0]]]])
    assert mean(values, valid).tolist() == [1.0, 4.0, 0.0]
