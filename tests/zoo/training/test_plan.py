"""From a recipe to steps: amounts, budgets, shares of a batch; and what of a network learns."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import zoo
from registry import OptionError
from zoo import recipes
from zoo.training import Recipe, RecipeError, Stage, budgeted
from zoo.training.plan import freeze, is_frozen, per_process, plan, set_modes


def test_epochs_become_steps():
    recipe = Recipe(model="unet", stages=(Stage(epochs=2, batch=10), Stage(samples=95, batch=20)))
    first, second = plan(recipe, length=50)
    assert (first.steps, first.first_step, first.first_sample, first.samples) == (10, 0, 0, 100)
    assert (second.steps, second.first_step, second.first_sample) == (5, 10, 100)  # 95 / 20 = 4.75


def test_an_epoch_may_be_a_number_of_samples():
    recipe = Recipe(model="unet", epoch=280, stages=(Stage(epochs=2, batch=10),))
    assert plan(recipe, length=50)[0].steps == 56


@pytest.mark.parametrize("budget", [50_000, 5_000])
@pytest.mark.parametrize("name", recipes.names())
def test_epochs_scale_to_a_budget(name, budget):
    recipe = recipes.build(name)
    scaled = budgeted(recipe, budget)
    found = plan(scaled, 10**6)
    batches = sum(stage.batch for stage in recipe.stages)
    assert abs(sum(phase.samples for phase in found) - budget) <= batches / 2
    before = [stage.samples or stage.epochs * (recipe.epoch or 10**6) for stage in recipe.stages]
    for phase, amount in zip(found, before, strict=True):
        assert abs(phase.samples - budget * amount / sum(before)) <= phase.stage.batch / 2
    assert budgeted(scaled, None) == scaled == budgeted(scaled, budget)
    assert [phase.samples for phase in found] == [stage.samples for stage in scaled.stages]


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(1, 5000)), min_size=1, max_size=4), st.integers(1, 10**6))
def test_scaling_twice_is_scaling_once(parts, budget):
    recipe = Recipe(model="unet", stages=[Stage(batch=batch, samples=samples) for batch, samples in parts])
    once = budgeted(recipe, budget)
    if sum(stage.samples for stage in once.stages) <= budget + sum(stage.batch for stage in once.stages) / 2:
        assert budgeted(once, budget) == once  # so that a run may be resumed under the same budget


def test_every_stage_has_a_step_however_small_the_budget():
    phases = plan(recipes.build("u2net-multi-bce"), 10**6, samples=1)
    assert [phase.steps for phase in phases] == [1, 1, 1, 1]


def test_no_data_is_an_error_and_not_a_division():
    with pytest.raises(RecipeError, match="has no samples to train on"):
        plan(recipes.build("unet-two-stage"), 0, samples=10)


def test_titles_tell_stages_apart():
    recipe = Recipe(model="unet", stages=(Stage(size=16, samples=1), Stage(size=(8, 9), samples=1, name="last")))
    assert [phase.title for phase in plan(recipe, 1)] == ["1, 16 px", "last"]
    assert plan(recipe.changed(name=""), 1)[1].title == "2, 8 x 9 px"


def test_a_batch_is_shared_equally():
    assert per_process(Stage(samples=1, batch=12), 3) == 4
    with pytest.raises(OptionError, match="stage a: batch=10 cannot be shared equally by 4 processes"):
        per_process(Stage(samples=1, batch=10, name="a"), 4)


# ---- freezing


def frozen(model):
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_the_last_pattern_that_fits_wins():
    assert is_frozen("a.b", ("a*",))
    assert not is_frozen("a.b", ("a*", "!a.b"))
    assert is_frozen("a.b", ("!a.b", "a*"))
    assert not is_frozen("c", ("a*",))


def test_freezing_holds_weights_and_batch_norms_and_lets_go_again():
    model = zoo.build("unet(width=4)")
    names = {name for name, _ in model.named_parameters()}
    kept = {name for name in names if name.startswith("decoders.mask")}
    chosen = freeze(model, Stage(samples=1, freeze=("*", "!decoders.mask*")))
    assert frozen(model) == names - kept
    assert len(chosen) == len(kept)
    stage = Stage(samples=1, freeze=("*", "!decoders.mask*"))
    set_modes(model, stage)
    norms = {name: m.training for name, m in model.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms == {name: name.startswith("decoders.mask") for name in norms}
    assert True in norms.values()
    freeze(model, Stage(samples=1))
    set_modes(model, Stage(samples=1))
    assert frozen(model) == set()
    assert all(module.training for module in model.modules())
    set_modes(model, Stage(samples=1, norms="frozen"))
    assert not any(m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_batch_norms_without_weights_are_frozen_with_their_surroundings():
    model = torch.nn.ModuleDict({"a": torch.nn.BatchNorm2d(2, affine=False), "b": torch.nn.Conv2d(1, 1, 1)})
    set_modes(model, Stage(samples=1, freeze=("a*",)))
    assert not model["a"].training
    set_modes(model, Stage(samples=1, freeze=("b*",)))
    assert model["a"].training


def test_patterns_that_fit_nothing_are_told():
    model = zoo.build("unet(width=4)")
    with pytest.raises(RecipeError, match=r"^freeze='decoder.mask' matches no parameter.*did you mean decoders.mask"):
        freeze(model, Stage(samples=1, name="x", freeze=("decoder.mask",)))
    with pytest.raises(RecipeError, match=r"^freeze=\* leaves nothing to train"):
        freeze(model, Stage(samples=1, freeze=("*",)))
    with pytest.raises(RecipeError, match=r"^this network has no parameters, so there is nothing to train"):
        freeze(torch.nn.Identity(), Stage(samples=1))


def test_a_step_that_takes_more_samples_than_were_asked_for_is_told() -> None:
    recipe = Recipe(model="unet", stages=(Stage(samples=640, batch=32),))
    with pytest.warns(UserWarning, match="^samples=1 is less than one step of each stage takes, so 32 are seen"):
        assert budgeted(recipe, 1).stages[0].samples == 32
    with warnings.catch_warnings(action="error"):
        assert budgeted(recipe.changed(batch=1), 1).stages[0].samples == 1
        assert budgeted(recipe, 100).stages[0].samples == 96
