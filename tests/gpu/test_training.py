"""Training on a device: every precision learns, a run that was killed goes on, several processes share gradients."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from training_runs import BATCH, RECIPES, SMALL, dropping, log

import zoo
from zoo.metrics import Inference
from zoo.precision import float32
from zoo.training import Recipe, Setup, fit
from zoo.training.checkpoint import random_states, seed_all, set_random_states
from zoo.training.rehearsal import rehearse
from zoo.training.trainer import Trainer
from zoo.training.world import World


class KilledError(RuntimeError):
    pass


def trained(recipe: Recipe | None, out: Path, device: torch.device, **options: Any) -> Any:
    setup = Setup(device=device, workers=0, save_every=options.pop("save_every", 120.0))
    return fit(recipe, out, setup=setup, **options).model


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().float().cpu() for name, value in model.state_dict().items()}


def assert_close(one: torch.nn.Module, other: torch.nn.Module, device: torch.device) -> None:
    """To the bit on the CPU; on a GPU sums may be taken in another order from one time to the next."""
    exact = device.type == "cpu"
    for (name, value), true in zip(state(one).items(), state(other).values(), strict=True):
        torch.testing.assert_close(
            value,
            true,
            rtol=0 if exact else 1e-2,
            atol=0 if exact else 1e-2,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_every_precision_learns(precision: str, layout: str, device: torch.device, tmp_path: Path) -> None:
    if device.type == "cpu" and (precision, layout) not in (("bf16", "channels_last"), ("fp32", "contiguous")):
        pytest.skip("it is about CUDA; two are enough to see that the test runs")
    recipe = SMALL.changed(precision=precision, layout=layout, samples=60 * BATCH)
    model = trained(recipe, tmp_path / "run", device)
    lines = [line for line in log(tmp_path / "run") if line["kind"] == "train"]
    assert lines[-1]["loss"] < 0.9 * lines[0]["loss"]
    assert lines[-1]["skipped"] <= (10 if precision == "fp16" else 0), "half precision looks for its scale at first"
    assert all(value.isfinite().all() for value in state(model).values())


@pytest.mark.parametrize("name", ["plateau", "stages"])
def test_a_run_that_was_killed_goes_on(
    name: str, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"plateau": dropping}.get(name, lambda: None)
    whole = trained(RECIPES[name], tmp_path / "whole", device, model=own(), save_every=0)
    train = Trainer.train

    def fatal(self: Trainer, batch: Any) -> None:
        if self.step_number == 17:
            raise KilledError
        train(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", fatal)
        with pytest.raises(KilledError):
            trained(RECIPES[name], tmp_path / "run", device, model=own(), save_every=0)
    resumed = trained(None, tmp_path / "run", device, model=own(), resume=True)
    assert_close(resumed, whole, device)


def test_random_numbers_go_on_where_they_were(device: torch.device) -> None:
    seed_all(5)
    torch.rand(7, device=device)
    states = random_states()
    first = torch.rand(9, device=device)
    torch.rand(3, device=device)
    set_random_states(states)
    assert torch.equal(torch.rand(9, device=device), first)


def test_what_was_trained_there_is_measured_alike_here(device: torch.device, tmp_path: Path) -> None:
    model = trained(SMALL.changed(data="pairbench:clean"), tmp_path / "run", device)
    data = zoo.data.load("pairbench:clean", split="val", size=32)
    there = zoo.evaluate(model, data, samples=20, inference=Inference(device=device)).values
    here = zoo.evaluate(zoo.load(tmp_path / "run" / "model.safetensors"), data, samples=20).values
    for name in ("mask_iou", "depth_rmse", "mask_mae"):
        assert there[name] == pytest.approx(here[name], abs=5e-3)
    photo = data[0]
    found = [zoo.predict(model, photo.bg, photo.fg_bg, device=place) for place in (device, "cpu")]
    torch.testing.assert_close(*(one.mask.cpu() for one in found), atol=1e-3, rtol=0)


def test_a_step_waits_for_nothing(cuda: torch.device) -> None:
    trainer = Trainer(RECIPES["fixed"].changed(precision="bf16"), World(device=cuda))
    rehearse(trainer)
    trainer.begin(trainer.phases[0])
    batches = list(trainer.feed())
    for batch in batches[:4]:
        trainer.train(batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches[4:]:
            trainer.train(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer.step.meter.take().bad == 0


@pytest.fixture(scope="module")
def alone(device: torch.device) -> Iterator[torch.device]:
    """A group of one process, as nccl (or gloo) has it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
    yield device
    dist.destroy_process_group()


@pytest.mark.parametrize("changes", [{}, {"sync_norms": True}, {"precision": "bf16"}])
@pytest.mark.parametrize("name", ["fixed", "pcgrad", "mask"])
def test_gradients_that_are_shared_train_as_ones_own(name: str, changes: dict[str, Any], alone: torch.device) -> None:
    if alone.type == "cpu" and changes:
        pytest.skip("it is about CUDA")
    recipe, models = RECIPES[name].changed(**changes), []
    for shares in (False, True):
        trainer = Trainer(recipe, World(device=alone))
        rehearse(trainer)
        if shares:  # as one of several processes has it; the group itself knows that there is no other
            trainer.world = World(0, 2, alone)
        trainer.begin(trainer.phases[0])
        trainer.world = World(device=alone)
        assert isinstance(trainer.step.forward, DistributedDataParallel) == shares
        with float32():
            for batch in trainer.feed():
                trainer.train(batch)
        assert trainer.step.meter.take().bad == 0
        models.append(trainer.model)
    for (key, value), true in zip(state(models[1]).items(), state(models[0]).values(), strict=True):
        torch.testing.assert_close(value, true, rtol=1e-2, atol=1e-2, msg=lambda text, key=key: f"{key}: {text}")


def test_processes_agree_through_the_device(alone: torch.device) -> None:
    world = World(0, 2, alone)
    assert (world.any(True), world.any(False)) == (True, False)
    world.barrier()
    assert world.mean(torch.full((3,), 4.0, device=alone)).tolist() == [2.0] * 3, "of one process, halved by two"
