"""float32 is float32 wherever a network computes, TF32 only where it is asked for, and all is put back."""

import contextlib
from typing import Any, ClassVar

import pytest
import torch
from training_runs import SMALL

import zoo
from zoo.metrics.evaluate import evaluate
from zoo.metrics.inference import Inference
from zoo.precision import float32, half
from zoo.training import profile as profiles
from zoo.training.world import share


class Seen(zoo.PairModel):
    """Notes what convolutions may do while it computes."""

    notes: ClassVar[list[bool]] = []

    def __init__(self) -> None:
        super().__init__(zoo.Interface())
        self.scale = torch.nn.Parameter(torch.ones(1))

    def logits(self, bg: Any, fg_bg: torch.Tensor) -> dict[str, torch.Tensor]:
        Seen.notes.append(torch.backends.cudnn.allow_tf32)
        return {"mask": fg_bg[:, :1] * self.scale, "depth": fg_bg[:, :1] * self.scale}


@pytest.fixture(autouse=True)
def loose() -> Any:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True  # torch's default
    Seen.notes = []
    yield
    assert torch.backends.cudnn.allow_tf32, "it is put back"
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("tf32", [False, True])
def test_it_is_what_was_asked_for_and_put_back(tf32: bool) -> None:
    with contextlib.suppress(ValueError), float32(tf32=tf32):
        assert torch.backends.cudnn.allow_tf32 == tf32
        assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
        raise ValueError("on the way")


def test_every_setting_is_as_it_was_afterwards() -> None:
    def told() -> list[str]:
        settings: list[Any] = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul, torch.backends.cudnn.conv]
        return [each.fp32_precision for each in settings]

    before = told()
    with float32():
        pass
    assert told() == before


def test_evaluation_and_prediction_compute_in_float32() -> None:
    scenes = zoo.data.load("pairbench:clean", split="test", size=16)
    evaluate(Seen(), scenes, samples=1)
    zoo.predict(Seen(), *(torch.rand(2, 3, 16, 16)))
    assert Seen.notes == [False, False]
    evaluate(Seen(), scenes, samples=1, inference=Inference(precision="tf32"))
    assert Seen.notes[-1] is True


def test_a_profile_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.trainer.build", lambda _: Seen())
    profiles.profile(SMALL.changed(samples=4 * 60), steps=4, device="cpu", workers=0)
    assert set(Seen.notes) == {False}


def test_half_is_autocast_for_halves_alone() -> None:
    x = torch.ones(1, 4)
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32), ("tf32", torch.float32)):
        with half(torch.device("cpu"), precision):
            assert (x @ x.T).dtype == dtype


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.world.cores", lambda: 16)
    found = []
    for processes in ("1", "4", "16"):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        found.append(share())
    assert found == [15, 3, 1]
