"""The recipes there are: each can be followed, and the founding five hold what their authors published."""

import pytest
import torch

import zoo
from zoo import recipes
from zoo.data.augment import augment
from zoo.recipes.files import card as read_card
from zoo.training import Objective, Recipe, RecipeError, schedules
from zoo.training.plan import freeze, plan

FOUNDING = ["resnet18-unet", "resunet-dice", "two-stream", "u2net-multi-bce", "unet-two-stage"]


def frozen(model):
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_the_five_founding_recipes_are_there():
    assert [entry.name for entry in recipes.recipes if entry.card.group == "founding"] == FOUNDING


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_can_be_followed(name):
    recipe = recipes.build(name)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    with torch.device("meta"):
        model = zoo.build(recipe.model)
    wanted = recipe.objective.build()
    assert set(wanted.tasks) <= set(model.face.tasks)
    for stage in recipe.stages:
        assert freeze(model, stage)
        assert set(stage.tasks) & set(wanted.tasks)
    if recipe.augment:
        augment(recipe.augment)
    assert plan(recipe, 1000)


@pytest.mark.parametrize("name", FOUNDING)
def test_founding_recipes_tell_where_they_come_from_and_depart(name):
    card = recipes.recipes.get(name).card
    assert card.origin
    assert card.summary
    assert card.notes


def rates(stage):
    """The rates over a stage's epochs."""
    schedule, epochs = schedules.build(stage.schedule), int(stage.epochs)
    return [round(stage.lr * schedule.factor((epoch + at) / epochs), 9) for epoch in range(epochs) for at in (0, 0.99)]


def twice(*values):
    return [value for value in values for _ in range(2)]


def test_unet_two_stage_is_as_published():
    recipe = recipes.build("unet-two-stage")
    assert (recipe.model, recipe.optimizer) == ("unet", "sgd(momentum=0.9)")
    assert (recipe.normalise, recipe.augment) == ("data", "")
    assert recipe.objective == Objective(mask="bce", depth="l1")
    assert [stage.size for stage in recipe.stages] == [112, 224, 112, 224]
    assert [stage.tasks for stage in recipe.stages] == [("depth",), ("depth",), ("mask",), ("mask",)]
    assert [rates(stage) for stage in recipe.stages] == [
        twice(0.01, 0.001, 0.001),
        twice(0.01, 0.001, 0.0001),
        twice(0.01, 0.001),
        twice(0.01, 0.0001),
    ]
    model = zoo.build("unet(width=4)")
    for stage in recipe.stages[2:]:
        freeze(model, stage)
        assert {name.split(".")[0] + "." + name.split(".")[1] for name in frozen(model)} >= {"decoders.depth"}
        learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert learning == {name for name, _ in model.named_parameters() if name.startswith("decoders.mask.")}
    for stage in recipe.stages[:2]:
        freeze(model, stage)
        assert all(name.startswith("decoders.mask.") for name in frozen(model))


def test_resnet18_unet_is_as_published():
    recipe = recipes.build("resnet18-unet")
    assert (recipe.model, recipe.optimizer, recipe.augment) == ("resnet18_unet", "sgd(momentum=0.0)", "flip")
    assert recipe.objective == Objective(mask="bce + ssim(window=3)", depth="0.1*l1 + ssim(window=3) + gradient")
    assert [(stage.size, stage.lr, stage.schedule) for stage in recipe.stages] == [
        (80, 0.01, "constant"),
        (160, 0.01, "constant"),
    ]


def test_two_stream_is_as_published():
    recipe = recipes.build("two-stream")
    assert recipe.model == "two_stream"
    assert recipe.objective == Objective(
        mask="bce", depth="ssim + gradient + 0.1*l1", mask_weight=0.3, depth_weight=0.7
    )
    assert [(stage.size, stage.epochs) for stage in recipe.stages] == [(64, 28)]


def test_resunet_dice_is_as_published():
    recipe = recipes.build("resunet-dice")
    assert (recipe.model, recipe.clip_value) == ("resunet", 0.1)
    assert recipe.optimizer.startswith("sgd(")
    assert "weight_decay=0.001" in recipe.optimizer
    assert recipe.objective == Objective(mask="dice(squared=True)", depth="dice(squared=True)", mask_weight=2.0)
    assert [(stage.size, stage.batch, stage.schedule) for stage in recipe.stages] == [
        (64, 16, "plateau(drop=0.1, patience=2)"),
        (224, 16, "plateau(drop=0.1, patience=2)"),
    ]
    named = {entry.name: options for entry, options in augment(recipe.augment).steps}
    assert set(named) == {"rgb_shift", "hsv", "noise", "rotate"}
    assert named["rotate"]["degrees"] == 10
    assert any('depth = "dice(squared=True) + l1"' in note for note in recipes.recipes.get("resunet-dice").card.notes)


def test_u2net_multi_bce_is_as_published():
    recipe = recipes.build("u2net-multi-bce")
    assert (recipe.model, recipe.optimizer, recipe.epoch) == ("u2netp", "sgd(momentum=0.9)", 280_000)
    assert recipe.objective == Objective(mask="bce", depth="bce", deep="sum")
    assert [(stage.size, stage.epochs, stage.batch, stage.lr) for stage in recipe.stages] == [
        (64, 10, 128, 0.001),
        (96, 2, 128, 0.001),
        (112, 2, 128, 0.001),
        (224, 1, 32, 0.001),
    ]


def test_recipes_without_a_card_are_named(tmp_path):
    path = tmp_path / "bare.toml"
    for text in ("[[stages]]", "card = 3", "[card]\nsumary = 'x'", "= ="):
        path.write_text(text)
        with pytest.raises(RecipeError, match=r"bare\.toml has no \[card\]"):
            read_card(path)
