"""Optimizers: two steps by hand, what decays, and steps that are not finite."""

import math

import pytest
import torch
from torch import nn

import zoo
from registry import OptionError, UnknownNameError
from zoo.training.optimizers import build, optimizers


def weight(*values):
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def step(optimizer, parameter, *gradient):
    parameter.grad = torch.tensor(gradient, dtype=torch.float64).view_as(parameter)
    optimizer.step()
    return parameter.detach().flatten().tolist()


def test_sgd_by_hand():
    w = weight(1.0, -2.0)
    optimizer = build("sgd(momentum=0.9)", [w], 0.1)
    assert step(optimizer, w, 0.5, 1.0) == pytest.approx([0.95, -2.1])
    # velocity 0.9 * (0.5, 1) + (1, 0) = (1.45, 0.9)
    assert step(optimizer, w, 1.0, 0.0) == pytest.approx([0.95 - 0.145, -2.1 - 0.09])


def test_sgd_adds_its_decay_to_the_gradient():
    w = weight(1.0, -2.0)
    assert step(build("sgd(momentum=0.0, weight_decay=0.5)", [w], 0.1), w, 0.5, 1.0) == pytest.approx([0.9, -2.0])


def test_nesterov_looks_ahead():
    w = weight(1.0)
    assert step(build("sgd(momentum=0.9, nesterov=true)", [w], 0.1), w, 1.0) == pytest.approx([1 - 0.1 * 1.9])


def test_adamw_by_hand():
    w = nn.Parameter(torch.tensor([[1.0, -2.0]], dtype=torch.float64))
    optimizer = build("adamw(weight_decay=0.1)", [w], 0.01)
    # decoupled: w * (1 - 0.01 * 0.1), then the first step's rate in the gradient's direction
    assert step(optimizer, w, 0.5, -3.0) == pytest.approx([0.999 - 0.01, -2 * 0.999 + 0.01], rel=1e-7)
    before = w.detach().flatten().tolist()
    m = [(0.9 * 0.1 * g + 0.1 * h) / (1 - 0.9**2) for g, h in ((0.5, 1.0), (-3.0, 1.0))]
    v = [(0.999 * 0.001 * g * g + 0.001 * h * h) / (1 - 0.999**2) for g, h in ((0.5, 1.0), (-3.0, 1.0))]
    wanted = [0.999 * b - 0.01 * mi / (math.sqrt(vi) + 1e-8) for b, mi, vi in zip(before, m, v, strict=True)]
    assert step(optimizer, w, 1.0, 1.0) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        ("sgd(momentum=0.9, weight_decay=0.01)", lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.01)),
        ("adamw(weight_decay=0.0, betas=(0.8, 0.9))", lambda p: torch.optim.AdamW(p, 0.05, (0.8, 0.9), weight_decay=0)),
    ],
)
def test_fused_is_what_torch_computes_otherwise(spec, plain):
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 3), torch.randn(5, 4, 3)
    found = []
    for make in (lambda p: build(spec, p, 0.05), plain):
        w = nn.Parameter(start.clone())
        optimizer = make([w])
        for gradient in gradients:
            w.grad = gradient.clone()
            optimizer.step()
        found.append(w.detach())
    torch.testing.assert_close(*found)


def test_norms_and_biases_do_not_decay_in_adamw():
    model = zoo.build("unet(width=4)")
    kinds = {id(p): type(m) for m in model.modules() for p in m.parameters(recurse=False)}
    decayed, rest = build("adamw(weight_decay=0.1)", model.parameters(), 0.1).param_groups
    assert (decayed["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert {kinds[id(p)] for p in decayed["params"]} == {nn.Conv2d}
    assert all(p.ndim == 4 for p in decayed["params"])
    assert sum(kinds[id(p)] is nn.BatchNorm2d for p in rest["params"]) == sum(
        2 for m in model.modules() if isinstance(m, nn.BatchNorm2d)
    )
    assert len(decayed["params"]) + len(rest["params"]) == len(list(model.parameters()))
    with torch.no_grad():
        biases = [p.clone() for p in rest["params"]]
        kernels = [p.clone() for p in decayed["params"]]
    optimizer = build("adamw(weight_decay=0.1)", model.parameters(), 0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # no gradient: what moves, decays
    assert all(torch.equal(a, b) for a, b in zip(biases, rest["params"], strict=True))
    for before, after in zip(kernels, decayed["params"], strict=True):
        torch.testing.assert_close(after.detach(), before * 0.99)


def test_parameters_of_one_kind_make_one_group():
    assert len(build("adamw", [weight(1.0)], 0.1).param_groups) == 1
    assert len(build("adamw", [nn.Parameter(torch.ones(1, 1))], 0.1).param_groups) == 1


@pytest.mark.parametrize("name", optimizers.names())
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_step_that_is_not_finite_leaves_weights_and_state(name, bad):
    w, other = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))
    optimizer, scaler = build(name, [w, other], 0.1), torch.amp.GradScaler("cpu", init_scale=1.0)

    def take(value):
        for parameter in (w, other):
            parameter.grad = torch.ones_like(parameter)
        other.grad[1] = value
        scaler.scale(torch.zeros(()))  # a scaler wants to have scaled something
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update(1.0)
        state = [v.clone() for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
        return [w.detach().clone(), other.detach().clone(), *state]

    assert all(group["fused"] for group in optimizer.param_groups)  # any other kind makes the scaler wait and look
    good = take(1.0)
    assert not torch.equal(good[0], torch.ones(2, 2))
    skipped = take(bad)
    assert all(torch.equal(a, b) for a, b in zip(good, skipped, strict=True))
    later = take(1.0)
    assert not torch.equal(later[0], good[0])
    assert all(value.isfinite().all() for value in later)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("sgd(momentum=1.0)", "momentum takes a share from 0 up to, not including, 1"),
        ("sgd(weight_decay=-1)", "weight_decay takes a number from 0 up"),
        ("sgd(momentum=0.0, nesterov=true)", "nesterov takes True only with momentum"),
        ("adamw(betas=(0.9, 1.0))", "betas takes two shares"),
        ("adamw(betas=(0.9,))", "betas takes two shares"),
        ("adamw(eps=0.0)", "eps takes a number above 0"),
        ("adamw(weight_decay=-0.1)", "weight_decay takes a number from 0 up"),
        ("sgd(lr=0.1)", "optimizer sgd has no option 'lr'"),
    ],
)
def test_wrong_options_are_told(spec, says):
    with pytest.raises(OptionError) as caught:
        build(spec, [weight(1.0)], 0.1)
    assert says in str(caught.value)


def test_an_unknown_optimizer_names_its_neighbours():
    with pytest.raises(UnknownNameError, match="no optimizer is called 'adam'; did you mean adamw"):
        build("adam", [weight(1.0)], 0.1)
