"""One step: what it changes, what it leaves alone, and that it waits for nothing."""

import contextlib
import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training_runs import SEEN, equal

import zoo
from zoo.data import Sample
from zoo.training import Objective, Recipe, Stage, TrainingError
from zoo.training.rehearsal import rehearse
from zoo.training.step import Meter, Sums
from zoo.training.trainer import Trainer
from zoo.training.world import World

SIZE = 16


def trainer(stage: dict[str, Any] | None = None, **fields: Any) -> Trainer:
    settings: Any = {"size": SIZE, "samples": 400, "batch": 4, "lr": 0.05, **(stage or {})}
    made = Trainer(Recipe(stages=(Stage(**settings),), **{**SEEN, **fields}), World(), workers=0)
    rehearse(made)
    made.begin(made.phases[0])
    return made


def batches(made: Trainer, count: int) -> list[Sample]:
    return [batch for batch, _ in zip(made.feed(), range(count), strict=False)]


def snapshot(made: Trainer) -> dict[str, Any]:
    kept = {name: copy.deepcopy(made.state_dict()[name]) for name in ("model", "optimizer", "objective")}
    counts = [name for name in kept["model"] if "num_batches_tracked" in name]  # of no use where momentum is given
    for name in counts:
        del kept["model"][name]
    return kept


SPOILT = {
    "nan image": lambda b: b._replace(fg_bg=b.fg_bg * torch.nan),
    "inf truth": lambda b: b._replace(depth=torch.full_like(b.depth, torch.inf)),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd(momentum=0.9, weight_decay=0.01)", "adamw"])
@pytest.mark.parametrize("balance", ["fixed", "uncertainty", "dwa(every=2)", "pcgrad"])
@pytest.mark.parametrize("how", SPOILT)
def test_a_step_that_is_not_finite_changes_nothing(how: str, balance: str, optimizer: str, first: bool) -> None:
    made = trainer(optimizer=optimizer, objective=Objective(balance=balance), clip_norm=1.0)
    good, bad, last = batches(made, 3)
    twin = trainer(optimizer=optimizer, objective=Objective(balance=balance), clip_norm=1.0)
    if not first:
        made.train(good)
        twin.train(good)
    before = snapshot(made)
    made.train(SPOILT[how](bad))
    after = snapshot(made)
    for value in (before, after):
        for entry in value["optimizer"]["state"].values():  # adamw makes its state at the first step, finite or not
            entry.pop("step", None) if first else None
    if not (first and optimizer == "adamw"):
        assert equal(before, after)
    made.train(last)
    twin.train(last)
    assert equal(snapshot(made)["model"], snapshot(twin)["model"])  # as if the bad one had never been
    taken = made.step.meter.take()
    assert (taken.good, taken.bad, taken.streak) == ((1, 1, 0) if first else (2, 1, 0))
    assert all(torch.tensor(value).isfinite() for value in taken.sums.values())


def test_an_infinite_loss_with_finite_gradients_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(optimizer="sgd")
    before = snapshot(made)
    forward = type(made.objective).forward

    def infinite(self: Any, *args: Any, **kwargs: Any) -> Any:
        losses = forward(self, *args, **kwargs)
        return losses._replace(total=losses.total + torch.inf)

    monkeypatch.setattr(type(made.objective), "forward", infinite)
    made.train(batches(made, 1)[0])
    assert equal(before, snapshot(made))
    assert made.step.meter.take().bad == 1


def test_the_average_stays_finite_through_a_bad_step() -> None:
    made = trainer(ema=0.9)
    good, bad = batches(made, 2)
    made.train(good)
    made.train(SPOILT["nan image"](bad))
    assert made.average is not None
    assert all(value.isfinite().all() for value in made.average.model.state_dict().values())


def test_frozen_parts_stay_bit_for_bit() -> None:
    made = trainer({"freeze": ("*", "!decoders.mask*"), "tasks": "mask"}, optimizer="sgd(weight_decay=0.1)")
    before = copy.deepcopy(made.model.state_dict())
    for batch in batches(made, 3):
        made.train(batch)
    after = made.model.state_dict()
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("decoders.mask") for name in moved)
    assert any("running_mean" in name for name in moved)
    assert any("running_mean" in name for name in before if not name.startswith("decoders.mask"))


def test_frozen_norms_keep_their_statistics_while_weights_learn() -> None:
    made = trainer({"norms": "frozen"})
    before = copy.deepcopy(made.model.state_dict())
    made.train(batches(made, 1)[0])
    moved = {name for name, value in made.model.state_dict().items() if not torch.equal(before[name], value)}
    assert moved
    assert not any("running" in name or "tracked" in name for name in moved)


def test_what_the_balance_learns_does_not_decay() -> None:
    made = trainer(
        optimizer="sgd(momentum=0.0, weight_decay=1.0)", objective=Objective(balance="uncertainty(initial=2.0)")
    )
    own = list(made.objective.parameters())
    groups = [group for group in made.optimizer.param_groups if any(p is own[0] for p in group["params"])]
    assert [group["weight_decay"] for group in groups] == [0.0]
    made.train(batches(made, 1)[0])
    for parameter in own:  # the gradient of exp(-s) L + s is 1 - exp(-s) L, at most 1: no more than the rate
        assert 0 < 2.0 - float(parameter.detach()) <= 0.05


@pytest.mark.parametrize("balance", ["fixed", "uncertainty", "dwa(every=2)", "pcgrad"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_no_step_waits_for_the_device(balance: str, optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(
        optimizer=optimizer,
        objective=Objective(mask="bce + dice", balance=balance),
        ema=0.9,
        clip_norm=1.0,
        clip_value=0.1,
    )
    given = batches(made, 3)
    looks: list[str] = []
    for name in ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__"):
        original = getattr(Tensor, name)

        def noted(self: Tensor, *args: Any, name: str = name, original: Any = original, **kwargs: Any) -> Any:
            looks.append(name)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Tensor, name, noted)
    for batch in given:
        made.train(batch)
    assert looks == []
    made.step.meter.take()
    assert looks  # the watch works


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_learn(precision: Any) -> None:
    made = trainer(precision=precision)
    batch = batches(made, 1)[0]
    for _ in range(30):
        made.train(batch)
    taken = made.step.meter.take()
    assert taken.good >= 25  # fp16 may need a few steps to find its scale
    first = trainer(precision=precision)
    first.train(batch)
    assert taken.sums["loss"] / taken.good < first.step.meter.take().sums["loss"]


def test_a_scale_that_overflows_is_halved_and_the_weights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.step.FP16_SCALE", 2.0**127)
    made = trainer(precision="fp16", optimizer="sgd")
    before = snapshot(made)
    made.train(batches(made, 1)[0])
    assert equal(before["model"], snapshot(made)["model"])
    assert made.step.meter.take().bad == 1
    assert made.step.scaler.get_scale() == 2.0**126


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "--batch 2"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"),
            "--batch 2",
        ),
        (MemoryError(), "--batch 2"),
    ],
)
def test_memory_that_runs_out_names_the_stage_and_a_batch(error: Exception, message: str) -> None:
    made = trainer({"name": "large"})

    def full(*_: Any) -> None:
        raise error

    made.step = full  # type: ignore[assignment]
    with pytest.raises(TrainingError, match=f"stage large: 4 samples of 16 x 16 pixels.*{message}, or precision bf16"):
        made.train(None)  # type: ignore[arg-type]


def test_other_errors_pass_as_they_are() -> None:
    made = trainer()
    with pytest.raises(RuntimeError, match="something else"), made.memory(made.phase):
        raise RuntimeError("something else")
    single = pytest.raises(
        TrainingError, match=r"1 sample of 16 x 16 pixels in a step\. Give a smaller size or network"
    )
    with single, made.memory(made.phase, batch=1):
        raise MemoryError


def test_a_meter_leaves_bad_steps_out() -> None:
    meter = Meter(torch.device("cpu"))
    losses = zoo.losses.Losses(torch.tensor(2.0), {}, {"mask/bce": torch.tensor(1.5)})
    meter.add(losses, torch.tensor(1.0))
    meter.add(losses._replace(total=torch.tensor(torch.nan)), torch.tensor(torch.nan))
    meter.add(losses, torch.tensor(torch.inf))
    first = meter.take()
    assert first == Sums({"loss": 2.0, "mask/bce": 1.5}, good=1, bad=2, streak=2)
    meter.add(losses, torch.tensor(torch.nan))
    second = meter.take()
    assert second == Sums({"loss": 0.0, "mask/bce": 0.0}, good=0, bad=1, streak=3)
    first.add(second)
    assert first.means() == {"loss": 2.0, "mask/bce": 1.5}
    assert first.streak == 3


@pytest.mark.slow
def test_a_compiled_network_learns_the_same() -> None:
    """By plain descent, whose steps are as small as the gradient; AdamW's are whole where that is rounding alone."""
    plain, compiled = (trainer(optimizer="sgd(momentum=0.9)", compile=compile) for compile in (False, True))
    before = [value.detach().clone() for value in plain.model.parameters()]
    for batch in batches(plain, 3):
        plain.train(batch)
        compiled.train(batch)
    learned = 0
    for old, value, other in zip(before, plain.model.parameters(), compiled.model.parameters(), strict=True):
        moved, apart = (value - old).norm().item(), (other - value).norm().item()
        assert apart <= 0.01 * moved + 1e-6  # of that 2e-5; a bias before a norm moves by rounding, by 1e-8
        learned += moved > 1e-4
    assert learned > len(before) / 2


def test_rehearsing_changes_nothing() -> None:
    torch.manual_seed(5)
    fields: Any = {"objective": Objective(balance="dwa(every=1)"), "augment": "flip, noise"}
    made = Trainer(Recipe(stages=(Stage(size=SIZE, samples=40, lr=0.1),), **SEEN, **fields), World(), workers=0)
    before, drawn = copy.deepcopy(made.model.state_dict()), torch.get_rng_state()
    remembered = copy.deepcopy(made.objective.state_dict())
    rehearse(made)
    assert equal(before, made.model.state_dict())
    assert equal(remembered, made.objective.state_dict())
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in made.model.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "stages": (
                    Stage(size=16, samples=8, batch=4),
                    Stage(size=16, samples=8, tasks="mask", freeze=("*", "!decoders.depth*")),
                )
            },
            "stage 2.*takes part in mask",
        ),
        ({"model": "unet(width=4, in_ch=2)"}, "channels"),
    ],
)
def test_errors_of_later_stages_come_first(changes: Any, message: str) -> None:
    recipe = Recipe(**{**SEEN, "stages": (Stage(size=16, samples=8, batch=4),), **changes})
    with pytest.raises(zoo.ZooError, match=message):
        rehearse(Trainer(recipe, World(), workers=0))


def test_a_network_without_buffers_learns_too() -> None:
    model = zoo.wrap(nn.Conv2d(6, 2, 1))
    recipe = Recipe(stages=(Stage(size=16, samples=40, batch=4, lr=0.1),), **SEEN)
    made = Trainer(recipe, World(), model=model, workers=0)
    made.begin(made.phases[0])
    before = copy.deepcopy(model.state_dict())
    made.train(batches(made, 1)[0])
    assert not equal(before, model.state_dict())


@pytest.mark.parametrize(("task", "freeze"), [("depth", ("decoders.mask*",)), ("mask", ("*", "!decoders.mask*"))])
def test_a_stage_computes_what_it_trains_and_ends_where_it_did(
    task: str, freeze: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = {"tasks": (task,), "freeze": freeze}
    own, whole = trainer(stage), trainer(stage)
    calls = []
    own.model.decoders["depth" if task == "mask" else "mask"].register_forward_hook(lambda *_: calls.append(1))
    for batch in batches(own, 3):
        own.train(batch)
        with monkeypatch.context() as patch:
            patch.setattr("zoo.training.step.computing", lambda *_: contextlib.nullcontext())
            whole.train(batch)
    assert equal(snapshot(own), snapshot(whole)), "bit for bit"
    assert calls == []
