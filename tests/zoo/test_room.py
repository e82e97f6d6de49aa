"""Networks that are too large for the machine."""

import pytest
import torch

import zoo
from registry import OptionError
from zoo import room

SPEC = "unet(width=8)"  # some 400 kB of weights


def test_a_network_larger_than_all_memory_is_refused() -> None:
    with pytest.raises(OptionError, match=r"unet with these options has too many weights .* GB of memory"):
        zoo.build("unet(width=100000)")  # terabytes
    with pytest.raises(OptionError, match=r"unet with these options has too many weights"):
        zoo.build("unet(in_ch=999999998)")


def test_what_is_refused_was_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = torch.nn.init.kaiming_uniform_

    def watched(tensor: torch.Tensor, *args: object, **options: object) -> torch.Tensor:
        drawn.append(tensor.device.type)
        return draw(tensor, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("torch.nn.init.kaiming_uniform_", watched)
    monkeypatch.setattr(room, "LARGE", 0)
    monkeypatch.setattr(room, "memory", lambda: 300_000)
    with pytest.raises(OptionError):
        zoo.build(SPEC)
    assert {*drawn} <= {"meta"}


def test_a_large_network_that_fits_has_the_weights_that_its_seed_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    expected = zoo.build(SPEC).state_dict()
    monkeypatch.setattr(room, "LARGE", 100_000)
    torch.manual_seed(3)
    found = zoo.build(SPEC).state_dict()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_what_cannot_be_counted_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGE", 0)
    monkeypatch.setattr(room, "memory", lambda: 1e9)

    def make() -> torch.nn.Module:
        layer = torch.nn.Linear(2, 2)
        assert layer.weight.sum().item() != 9  # which no meta tensor tells
        return layer

    assert isinstance(room.made("mine", make), torch.nn.Linear)


def test_no_count_outlives_the_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGE", 300_000)
    monkeypatch.setattr(room, "memory", lambda: 300_000)
    with pytest.raises(OptionError):
        zoo.build(SPEC)
    assert torch.nn.Linear(1000, 1000).weight.numel() == 10**6
