"""Recipes: written and read, by hand too; what is refused; and fields replaced."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import OptionError, ZooError
from zoo import recipes
from zoo.contract import TASKS
from zoo.training import Objective, Recipe, RecipeError, Stage

MODEL = 'model = "unet(width=4)"'
STAGES = "[[stages]]\nsize = 16\nsamples = 32"

text = st.text(max_size=20)
number = st.floats(min_value=1e-12, max_value=1e12)
count = st.integers(1, 10**9)


def maybe(strategy):
    return st.none() | strategy


OBJECTIVE = {
    "mask": st.sampled_from(("bce", "bce + 0.5*dice(squared=True)", "2*lovasz")),
    "depth": st.sampled_from(("", "l1", "ssim(window=3) + 0.1*l1")),
    "mask_weight": number,
    "depth_weight": number,
    "deep": st.sampled_from(("final", "sum", "mean")),
    "balance": st.sampled_from(("fixed", "dwa(every=5)", "uncertainty")),
}
STAGE = {
    "name": text,
    "size": st.integers(8, 4096) | st.tuples(st.integers(8, 512), st.integers(8, 512)),
    "batch": count,
    "lr": number,
    "schedule": st.sampled_from(("constant", "step(factors=(1.0, 0.5))", "plateau(patience=3)")),
    "tasks": st.sampled_from((("mask",), ("depth",), ("mask", "depth"))),
    "freeze": st.lists(text.filter(bool), max_size=3).map(tuple),
    "norms": st.sampled_from(("live", "frozen")),
}
amounts = st.fixed_dictionaries({"samples": count}) | st.fixed_dictionaries({"epochs": number})
stages = st.builds(lambda amount, rest: Stage(**amount, **rest), amounts, st.fixed_dictionaries(STAGE))
RECIPE = {
    "model": st.sampled_from(("unet", "u2net(fusion=difference)", 'of_my_own(x="a b")')),
    "data": text,
    "start": maybe(text),
    "stages": st.lists(stages, min_size=1, max_size=3).map(tuple),
    "objective": st.builds(Objective, **OBJECTIVE),
    "optimizer": st.sampled_from(("adamw", "sgd(momentum=0.5)")),
    "augment": st.sampled_from(("", "flip", "founding, jpeg(p=0.1)")),
    "epoch": maybe(count),
    "normalise": st.sampled_from(("model", "data")),
    "clip_norm": maybe(number),
    "clip_value": maybe(number),
    "ema": st.floats(0, 1, exclude_max=True),
    "precision": st.sampled_from(("fp32", "tf32", "bf16", "fp16")),
    "layout": st.sampled_from(("contiguous", "channels_last")),
    "compile": st.booleans(),
    "sync_norms": st.booleans(),
    "validate_every": maybe(count),
    "metrics": maybe(st.just("mask_mae, depth_rmse")),
    "validate_samples": count,
    "seed": st.integers(0, 2**63 - 1),
    "rates": maybe(st.lists(number, min_size=2, max_size=4, unique=True).map(tuple)),
    "choose_after": maybe(st.floats(0, 1, exclude_min=True, exclude_max=True)),
}
whole_recipes = st.fixed_dictionaries(RECIPE).map(
    lambda drawn: Recipe(**drawn | ({} if drawn["rates"] else {"choose_after": None}))
)


@settings(max_examples=100)
@given(whole_recipes)
def test_every_recipe_reads_back_as_it_was_written(recipe):
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_every_field_is_drawn_above():
    assert set(STAGE) | {"samples", "epochs"} == {field.name for field in fields(Stage)}
    assert set(OBJECTIVE) == {field.name for field in fields(Objective)}
    assert set(RECIPE) == {field.name for field in fields(Recipe)}


def test_field_names_are_told_apart():
    names = [field.name for kind in (Recipe, Stage, Objective) for field in fields(kind)]
    assert len(names) == len(set(names))  # changed() finds a field by its name alone


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        """# by hand
model = "unet"
optimizer = "sgd(momentum=0.5)"
clip_value = 1  # whole numbers are numbers
[objective]
mask = "dice"
depth = ""
mask_weight = 2
[[stages]]
size = [32, 48]
epochs = 0.5
tasks = "mask"
[[stages]]
size = 64
samples = 1_000
freeze = ["encoder*", "!encoder.stages.0*"]
""",
        encoding="utf-8",
    )
    recipe = Recipe.read(path)
    assert recipe == recipes.build(str(path))
    assert recipe.stages[0] == Stage(size=(32, 48), epochs=0.5, tasks=("mask",))
    assert recipe.stages[1].freeze == ("encoder*", "!encoder.stages.0*")
    assert recipe.objective == Objective(mask="dice", depth="", mask_weight=2)
    assert recipe.clip_value == 1
    assert recipe.data == "pairbench:hard"
    assert (recipe.clip_norm, recipe.ema, recipe.seed) == (None, 0, 0)


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("modle = 'x'", "recipe has no field 'modle'; did you mean model?"),
        ("[objective]\nmsak = 'bce'", "objective has no field 'msak'; did you mean mask"),
        ("[[stages]]\nsize = 16\nsample = 3", "stage 2 has no field 'sample'; did you mean samples"),
        ("[[stages]]\nsize = 16", "stage 2: a stage needs either samples or epochs"),
        ("[[stages]]\nsamples = 1\nepochs = 1.0", "samples or epochs, not samples=1 and epochs=1"),
        ("[[stages]]\nsamples = 1\nsize = 7", "stage 2: size=7 is not accepted; size takes pixels from 8 up"),
        ("[[stages]]\nsamples = 1\nsize = [16, 4]", "size=(16, 4) is not accepted"),
        ("[[stages]]\nsamples = 1\nlr = 0.0", "lr=0.0 is not accepted; lr takes a number above 0"),
        ("[[stages]]\nsamples = 1\nlr = nan", "lr=nan is not accepted"),
        ("[[stages]]\nsamples = 0", "samples=0 is not accepted"),
        ("[[stages]]\nsamples = 1.5", "samples=1.5 is not accepted; samples takes a whole number from 1 up or None"),
        ("[[stages]]\nsamples = 1\nbatch = true", "batch=True is not accepted; batch takes a whole number"),
        ("[[stages]]\nsamples = 1\ntasks = []", "tasks=() is not accepted"),
        ("[[stages]]\nsamples = 1\ntasks = ['mask', 'mask']", "once each"),
        ("[[stages]]\nsamples = 1\ntasks = ['masks']", "tasks=('masks',) is not accepted"),
        ("[[stages]]\nsamples = 1\nschedule = 'cosin'", "stage 2: no schedule is called 'cosin'; did you mean cosine"),
        ("[[stages]]\nsamples = 1\nschedule = 'cosine(warm_up=2)'", "stage 2: warm_up=2 is not accepted"),
        ("optimizer = 'sdg'", "no optimizer is called 'sdg'; did you mean sgd"),
        ("optimizer = 'sgd(lr=1)'", "optimizer sgd has no option 'lr'"),
        ("augment = 'flip, turn'", "no augmentation is called 'turn'"),
        ("model = 'unet('", "unet(\n     ^ expected an option"),
        ("ema = 1.0", "ema=1.0 is not accepted; ema takes a share from 0 up to, not including, 1"),
        ("clip_norm = 0", "clip_norm=0 is not accepted; clip_norm takes a number above 0"),
        ("seed = -1", "seed=-1 is not accepted"),
        (
            "seed = 99999999999999999999",
            "seed=99999999999999999999 is not accepted; seed takes a whole number from 0 to",
        ),
        ("precision = 'half'", "precision takes fp32, tf32, bf16 or fp16"),
        ("validate_samples = 0", "validate_samples=0 is not accepted"),
        ("schema = 2", "this recipe has schema 2, and this version reads 1"),
        ("[objective]\nmask = ''\ndepth = ''", "mask=None and depth=None leave nothing to train"),
        ("[objective]\nmask = 'bce + dise'", "objective: no loss is called 'dise'; did you mean dice"),
        ("[objective]\nmask = 'bce dice'", "objective:\nbce dice\n    ^ expected + or the end"),
        ("[objective]\ndepth = 'focal'", "focal is a loss for mask; for depth there are"),
        ("[objective]\nmask_weight = 0.0", "a weight is a number above 0"),
        ("[objective]\nbalance = 'pcgard'", "no balance is called 'pcgard'; did you mean pcgrad"),
        ("objective = 3", "objective is a table"),
    ],
)
def test_what_is_wrong_is_told(addition, says):
    model = "" if addition.startswith("model") else MODEL
    parts = (model, STAGES, addition) if addition.startswith("[") else (addition, model, STAGES)
    with pytest.raises(ZooError) as caught:
        Recipe.from_toml("\n".join(parts))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "recipe needs model"),
        ("model = 'unet'", "recipe needs stages"),
        ("model = 'unet'\nstages = []", "stages takes one Stage or more"),
        ("model = 'unet'\nstages = 3", "stages is a list of tables"),
        ("model = ", "this is no TOML"),
    ],
)
def test_what_is_missing_is_told(text, says):
    with pytest.raises(RecipeError, match=says):
        Recipe.from_toml(text)


def test_a_file_is_named_where_it_is_wrong(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(f"model = 3\n{STAGES}")
    with pytest.raises(RecipeError, match=r"bad\.toml: .*model=3 is not accepted; model takes text"):
        Recipe.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="is not a text file; a recipe"):
        Recipe.read(path)


def test_names_that_utf8_cannot_hold_are_refused_before_a_file_is_begun():
    with pytest.raises(OptionError, match="UTF-8"):
        Recipe(model="unet", data="photos-\udcff", stages=(Stage(samples=1),))


def test_lists_and_one_stage_alone_are_taken():
    recipe = Recipe(model="unet", stages=[Stage(samples=1, tasks=["mask"], size=[16, 24])])
    assert recipe == Recipe(model="unet", stages=Stage(samples=1, tasks=("mask",), size=(16, 24)))
    assert hash(recipe.stages[0])


def test_changed_replaces_fields_wherever_they_are():
    recipe = recipes.build("unet-two-stage")
    new = recipe.changed(model="unet(width=4)", lr=0.5, batch=8, mask="dice", clip_norm=1.0)
    assert (new.model, new.clip_norm, new.objective.mask, new.objective.depth) == ("unet(width=4)", 1.0, "dice", "l1")
    assert [(stage.lr, stage.batch) for stage in new.stages] == [(0.5, 8)] * 4
    assert [stage.freeze for stage in new.stages] == [stage.freeze for stage in recipe.stages]
    assert new.changed(clip_norm=None).clip_norm is None
    assert recipe.changed() == recipe


def test_changed_gives_the_amount_in_one_word():
    recipe = recipes.build("zoo-quick")
    epochs = recipe.changed(epochs=2)
    assert (epochs.stages[0].epochs, epochs.stages[0].samples) == (2, None)
    assert epochs.changed(samples=5).stages[0] == recipe.changed(samples=5).stages[0]
    with pytest.raises(OptionError, match="samples or epochs, not samples=5 and epochs=1"):
        recipe.changed(samples=5, epochs=1)
    with pytest.raises(OptionError, match=r"a stage needs either samples or epochs$"):
        recipe.changed(samples=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'lr = 0.1\nmodel = "unet"\n{STAGES}', r"recipe has no field 'lr'; it belongs under \[\[stages\]\]"),
        (f'deep = "sum"\nmodel = "unet"\n{STAGES}', r"recipe has no field 'deep'; it belongs under \[objective\]"),
        (f'model = "unet"\n{STAGES}\naugment = "flip"', "stage 1 has no field 'augment'; it belongs above all tables"),
        (f'model = "unet"\n[objective]\nema = 0.9\n{STAGES}', "objective has no field 'ema'; it belongs above all"),
    ],
)
def test_a_field_in_the_wrong_table_is_sent_to_its_own(text, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.from_toml(text)


def test_changed_takes_stages_and_an_objective_as_toml_has_them():
    recipe = recipes.build("zoo-quick").changed(stages=[{"size": 16, "samples": 8}], lr=0.2, objective={"mask": "l1"})
    assert recipe.stages == (Stage(size=16, samples=8, lr=0.2),)
    assert recipe.objective == Objective(mask="l1")


def test_changed_refuses_what_does_not_exist():
    with pytest.raises(RecipeError, match="a recipe has no field 'learning_rate'"):
        recipes.build("zoo-quick").changed(learning_rate=1)
    with pytest.raises(RecipeError, match="no field 'bacth'; did you mean batch"):
        recipes.build("zoo-quick").changed(bacth=1)


def test_resolved_holds_every_option_and_trains_the_same():
    recipe = recipes.build("zoo-quick").changed(augment="flip, noise", schedule="cosine")
    full = recipe.resolved()
    assert full.model.startswith("unet(in_ch=6, tasks=(mask, depth)")
    assert "width=16" in full.model
    assert "tier=hard" in full.data
    assert full.stages[0].schedule == "cosine(warm_up=0.0, floor=0.0)"
    assert full.optimizer == "adamw(weight_decay=0.001, betas=(0.9, 0.999), eps=1e-08)"
    assert full.augment == "flip(p=0.5), noise(std=0.02, p=1.0)"
    assert "dice(squared=False" in full.objective.mask
    assert full.resolved() == full == Recipe.from_toml(full.to_toml())
    own = Recipe(model="of_my_own(a=1)", stages=(Stage(samples=1),))
    assert own.resolved().model == "of_my_own(a=1)"


def test_tasks_of_a_stage_are_those_of_the_contract():
    assert Stage(samples=1).tasks == TASKS
