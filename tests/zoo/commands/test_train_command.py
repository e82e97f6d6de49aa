"""`zoo train`, as a shell sees it: what is written and printed, exit codes, and what is refused."""

import csv
import json
import re
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo import recipes
from zoo.__main__ import main
from zoo.commands import train
from zoo.data.augment import Augment
from zoo.training import Recipe, Setup, loop
from zoo.training.profile import profile

Shown = pytest.CaptureFixture[str]
TINY = """
model = "unet(width=4)"
data = "pairbench:hard"
validate_samples = 4

[objective]
mask = "bce + 0.5*dice"

[[stages]]
size = 16
samples = 48
batch = 4
lr = 0.003
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


def command(*words: object) -> int:
    return main(["train", "--workers", "0", "--device", "cpu", *map(str, words)])


def printed(capsys: Shown, *words: object) -> Recipe:
    assert command("--print", *words) == 0
    return Recipe.from_toml(capsys.readouterr().out)


def refused(capsys: Shown, *words: object) -> str:
    assert command(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error:")
    assert len(err.splitlines()) <= 3
    return err


def test_a_run_leaves_everything_in_its_folder(tiny: str, tmp_path: Path, capsys: Shown) -> None:
    out = tmp_path / "run"
    assert command("--recipe", tiny, "--out", out) == 0
    shown, progress = capsys.readouterr()
    assert f"written: {out / 'model.safetensors'}" in shown
    assert "mask_iou" in shown
    assert "depth_rmse" in shown
    assert "train" in progress
    assert Recipe.read(out / "recipe.toml") == Recipe.from_toml(TINY).resolved()
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} == {"train", "validation"}
    last = [line for line in lines if line["kind"] == "train"][-1]
    assert (last["step"], last["samples"]) == (12, 48)
    assert {"loss", "mask/bce", "mask/dice", "depth/l1", "samples_per_s", "waiting"} <= set(last)
    with open(out / "log.csv", newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == [
            str(line["step"]) for line in lines if line["kind"] == "train"
        ]
    assert json.loads((out / "environment.json").read_text())
    assert list((out / "pictures").glob("*.png"))
    assert list((out / "checkpoints").glob("*.pt"))
    model = zoo.load(out / "model.safetensors")
    assert str(model.spec).startswith("unet(")

    assert command("--recipe", tiny, "--out", tmp_path / "later", "--from", out, "--samples", 4) == 0
    assert "started from model.safetensors (pairzoo):" in capsys.readouterr().out
    assert f"{out}@" in str(Recipe.read(tmp_path / "later" / "recipe.toml").start)

    # a finished run has nothing left to do, and may be resumed by the same words
    assert command("--out", out, "--resume") == 0
    assert command("--recipe", tiny, "--out", out, "--resume") == 0
    capsys.readouterr()
    assert "holds a run already; --resume continues it" in refused(capsys, "--recipe", tiny, "--out", out)
    other = refused(capsys, "--recipe", tiny, "--out", out, "--resume", "--set", "lr=0.5")
    assert "begun with another recipe" in other
    assert "lr was 0.003, not 0.5" in other
    assert "leave out lr" in refused(capsys, "--out", out, "--resume", "--set", "lr=0.5")


def test_a_budget_scales_and_may_be_given_again(tiny: str, tmp_path: Path, capsys: Shown) -> None:
    out = tmp_path / "run"
    assert command("--recipe", tiny, "--out", out, "--samples", 8) == 0
    assert Recipe.read(out / "recipe.toml").stages[0].samples == 8
    assert command("--out", out, "--resume", "--samples", 8) == 0
    capsys.readouterr()
    assert "begun with another recipe" in refused(capsys, "--out", out, "--resume", "--samples", 16)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--recipe", "zoo-quik", "--out", "RUN"], "no recipe is called 'zoo-quik'; did you mean zoo-quick"),
        (["--recipe", "missing.toml", "--out", "RUN"], "missing.toml: No such file or directory"),
        (["--out", "RUN"], "no recipe; give --recipe NAME or FILE.toml"),
        (["--recipe", "zoo-quick"], "no folder to write to; give --out RUN"),
        (["--out", "RUN", "--resume"], "holds no run to resume"),
        (["--resume"], "no folder to write to; give --out RUN"),
        (["--out", "RUN", "--seed", "3"], "no recipe to change seed in"),
        (["--print"], "no recipe; give"),
        (["--recipe", "TINY", "--out", "RUN", "--from", "gone.safetensors"], "gone.safetensors does not exist"),
        (["--recipe", "TINY", "--out", "RUN", "--set", "lr"], "'lr' is not FIELD=VALUE"),
        (["--recipe", "TINY", "--out", "RUN", "--set", "learning_rate=1"], "a recipe has no field 'learning_rate'"),
        (["--recipe", "TINY", "--out", "RUN", "--set", "mask=bce+dise"], "no loss is called 'dise'"),
        (["--recipe", "TINY", "--out", "RUN", "--model", "unt"], "no architecture is called 'unt'"),
        (["--recipe", "TINY", "--out", "RUN", "--model", "unet(tasks=mask)"], "depth"),
        (["--recipe", "TINY", "--out", "RUN", "--data", "pairbench:soft"], "tier='soft' is not accepted"),
        (["--recipe", "TINY", "--out", "RUN", "--set", "optimizer=sgd(momentum=2)"], "momentum=2 is not accepted"),
        (["--recipe", "TINY", "--out", "RUN", "--set", "freeze=decoder.x"], "matches no parameter of this network"),
        (["--recipe", "TINY", "--out", "RUN", "--batch", "0"], "'0' is not accepted; give a whole number from 1 up"),
        (["--recipe", "TINY", "--out", "RUN", "--samples", "many"], "'many' is not accepted"),
        (
            ["--recipe", "TINY", "--out", "RUN", "--workers", "-1"],
            "give a whole number from 0 up",
        ),
        (["--recipe", "TINY", "--out", "RUN", "--save-every", "nan"], "not a number of seconds"),
        (["--recipe", "TINY", "--out", "RUN", "--precision", "half"], "invalid choice: 'half'"),
        (["--recipe", "TINY", "--out", "RUN", "--device", "cuba"], "cuba"),
    ],
)
def test_what_is_wrong_is_told_and_no_run_is_begun(
    words: list[str], says: str, tiny: str, tmp_path: Path, capsys: Shown
) -> None:
    out = tmp_path / "run"
    filled = [{"TINY": tiny, "RUN": str(out)}.get(word, word) for word in words]
    assert says in refused(capsys, *filled)
    assert not (out / "recipe.toml").exists()  # the next try under this name is not refused


def test_print_shows_the_recipe_as_it_would_be_run(tiny: str, tmp_path: Path, capsys: Shown) -> None:
    assert printed(capsys, "--recipe", tiny) == Recipe.from_toml(TINY)
    assert list(tmp_path.iterdir()) == [Path(tiny)]
    recipe = printed(capsys, "--recipe", "u2net-multi-bce", "--samples", "50,000", "--seed", 7, "--batch", 10)
    assert sum(stage.samples for stage in recipe.stages) == pytest.approx(50_000, abs=20)
    assert recipe.seed == 7
    assert {stage.batch for stage in recipe.stages} == {10}


@pytest.mark.parametrize("name", recipes.names())
def test_print_tells_what_the_card_says(name: str, capsys: Shown) -> None:
    assert command("--print", "--recipe", name) == 0
    out = capsys.readouterr().out
    card = recipes.recipes.get(name).card
    assert out.startswith(f"# {name}: {card.summary}")
    assert card.origin in out
    assert all(f"# - {note}\n" in out for note in card.notes)
    assert ("departs from the original" in out) == bool(card.origin and card.notes)
    assert Recipe.from_toml(out) == recipes.build(name)


def test_options_change_the_recipe(tiny: str, capsys: Shown) -> None:
    recipe = printed(
        capsys, "--recipe", tiny, "--data", "pairbench:clean", "--model", "unet(width=2)", "--precision", "bf16",
        "--set", "lr=.25", "--set", "size=[16, 24]", "--set", "clip_norm=1", "--set", "depth=", "--set", "compile=True",
        "--set", "mask=2*bce + dice", "--set", "schedule=cosine(warm_up=0.1)", "--set", "epochs=0.5",
        "--set", "freeze=*, !decoders.mask*", "--set", "tasks=mask",
    )  # fmt: skip
    stage = recipe.stages[0]
    assert (recipe.data, recipe.model, recipe.precision) == ("pairbench:clean", "unet(width=2)", "bf16")
    assert (stage.lr, stage.size, stage.schedule) == (0.25, (16, 24), "cosine(warm_up=0.1)")
    assert (stage.samples, stage.epochs) == (None, 0.5)
    assert (stage.freeze, stage.tasks) == (("*", "!decoders.mask*"), ("mask",))
    assert (recipe.objective.mask, recipe.objective.depth) == ("2*bce + dice", "")
    assert (recipe.clip_norm, recipe.compile) == (1, True)
    assert printed(capsys, "--recipe", "zoo-quick").clip_norm == 1
    assert printed(capsys, "--recipe", "zoo-quick", "--set", "clip_norm=none").clip_norm is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("lr=0.003", ("lr", 0.003)),
        ("lr = 1e-3", ("lr", 0.001)),
        ("lr=.5", ("lr", 0.5)),
        ("samples=1_000", ("samples", 1000)),
        ("compile=true", ("compile", True)),
        ("compile=False", ("compile", False)),
        ("epoch=None", ("epoch", None)),
        ("size=(16, 24)", ("size", (16, 24))),
        ('tasks=["mask"]', ("tasks", ["mask"])),
        ("mask=bce + 0.5*dice", ("mask", "bce + 0.5*dice")),
        ("data=folders(path=a=b)", ("data", "folders(path=a=b)")),
        ("model=a, b=c", ("model", "a, b=c")),
        ("mask=", ("mask", "")),
        ('name="1"', ("name", "1")),
    ],
)
def test_fields_are_read_as_toml_or_a_spec_or_text(text: str, field: tuple[str, object]) -> None:
    assert train._field(text) == field


@pytest.mark.parametrize("text", ["", "lr", "=3", " =3"])
def test_a_field_needs_a_name_and_a_value(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not FIELD=VALUE"):
        train._field(text)


def test_every_option_has_a_help() -> None:
    parser = ArgumentParser()
    train.arguments(parser)
    assert [action.dest for action in parser._actions if not action.help] == []


def test_one_of_several_processes_speaks(
    tiny: str, tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert command("--recipe", tiny, "--out", tmp_path / "run", "--samples", 8) == 0
    assert capsys.readouterr().out == ""


def test_the_profile_is_printed(tiny: str, tmp_path: Path, capsys: Shown) -> None:
    out = tmp_path / "profile"
    assert command("--recipe", tiny, "--out", out, "--profile", "--samples", 200) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("data", "forward", "loss", "backward", "optimizer", "logging"))


def slow(self: Augment, batch: zoo.data.Sample, step: int = 0) -> zoo.data.Sample:
    """Works for 20 ms."""
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    return batch


@pytest.mark.parametrize("workers", [0, 1])
def test_augmentation_is_named_where_it_takes_much_of_the_time(
    workers: int, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    recipe = Recipe.read(tiny).changed(augment="flip", samples=40)
    setup = Setup(device="cpu", workers=workers)
    options: dict[str, Any] = {"setup": setup, "tick": lambda label, *_: said.append(label)}
    with monkeypatch.context() as slowed:
        slowed.setattr(Augment, "__call__", slow)
        slowed.setattr(loop, "WORTH_A_WORD", 1e-6)  # where the machine is busy a step takes far longer than the sleep
        line = zoo.fit(recipe, tmp_path / "slow", **options).log[0]
    assert line["augmentation"] * line["seconds"] >= 0.02 * line["step"]
    assert re.search(r", augmentation \d+%" + " in workers" * workers, said[-1])
    said.clear()
    assert zoo.fit(recipe.changed(augment=""), tmp_path / "none", **options).log[0]["augmentation"] == 0
    assert "augmentation" not in said[-1]


def test_augmentation_has_a_row_of_its_own_in_a_profile(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe.read(tiny).changed(augment="flip", samples=200)

    monkeypatch.setattr(Augment, "__call__", slow)
    here = profile(recipe, steps=4, device="cpu", workers=0)
    assert here.seconds["augmentation"] >= 0.02
    assert here.beside is None
    apart = profile(recipe, steps=4, device="cpu", workers=1)
    assert apart.seconds["augmentation"] == 0
    assert apart.beside is not None
    assert apart.beside >= 0.02
    assert "in workers" in apart.table()


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in recipes.recipes if entry.card.group == "founding"])
def test_the_founding_recipes_run_end_to_end(name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stages = recipes.build(name).stages
    words = ("--recipe", name, "--out", out, "--samples", 48, "--batch", 4, "--set", "validate_samples=2")
    assert command(*words) == 0
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    looks = [line for line in lines if line["kind"] == "validation"]
    assert len({line["stage"] for line in looks}) == len(stages)
    assert all(line["loss"] is not None for line in lines)
    assert lines[-1]["samples"] == sum(stage.samples for stage in Recipe.read(out / "recipe.toml").stages)
    assert [line["skipped"] for line in lines if line["kind"] == "train"][-1] == 0
    with torch.inference_mode():
        mask, depth = zoo.load(out / "model.safetensors").eval()(*torch.rand(2, 1, 3, 64, 64))
    assert mask.isfinite().all()
    assert depth.isfinite().all()
