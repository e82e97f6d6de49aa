"""What a forward pass keeps, and where its values go."""

import pytest
import torch
import torch.nn.functional as F
from small_networks import Mask, Skips, conv
from torch import Tensor, nn

from zoo.describing.memory import kept_bytes, training_bytes
from zoo.describing.stages import Flow, flow
from zoo.describing.trace import trace
from zoo.factory import build


def test_training_memory_is_what_one_counts() -> None:
    net = nn.Sequential(nn.Conv2d(6, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    model = Mask(net).to("meta")
    # in 8 x 8 floats of 4 bytes (256): the stacked pair 6, the convolution's result 4, the ReLU's 4;
    # and the batch norm's own mean and deviation, 4 each
    assert training_bytes(model, (8, 8)) == 256 * (6 + 4 + 4) + 2 * 4 * 4


def test_training_memory_of_a_global_batch_norm_needs_no_second_value() -> None:
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(6), nn.Conv2d(6, 1, 1), nn.Upsample((8, 8)))
    # an average keeps nothing of the pair; then 6 pooled floats, their means and deviations, the norm's 6
    assert training_bytes(Mask(net).to("meta"), (8, 8)) == 4 * (6 + 2 * 6 + 6)


@pytest.mark.parametrize("name", ["plain_cnn", "unet", "resunet", "u2netp"])
def test_training_memory_without_data_is_that_with_data(name: str) -> None:
    with torch.device("meta"):
        blank = build(name)
    assert kept_bytes(blank, (64, 64), 2) == kept_bytes(build(name), (64, 64), 2)


def test_the_inference_peak_is_what_lives_at_once() -> None:
    model = Mask(conv(1, 6, 1)).to("meta")
    # bg 3, fg_bg 3, the stacked pair 6, the mask 1, of 256 bytes each
    assert trace(model, (8, 8)).peak_bytes == 256 * 13


def test_what_is_no_longer_needed_is_no_longer_counted() -> None:
    class Chain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(5):
                x = x + 1
            return x[:, :1]

    # bg 3, fg_bg 3, the pair 6 (held by the caller), a sum 6 and the next one 6
    assert trace(Mask(Chain()).to("meta"), (8, 8)).peak_bytes == 256 * 24


@pytest.fixture(scope="module")
def skips() -> Flow:
    return flow(trace(Skips().to("meta"), (32, 48)), (32, 48))


def test_lines_follow_the_data_through_views_joins_and_operations_in_place(skips: Flow) -> None:
    found = {stage.name: stage.sources for stage in skips.stages}
    place = {stage.name: f"#{i}" for i, stage in enumerate(skips.stages)}
    assert found == {
        "first": ("bg", "fg_bg"),
        "low": (place["first"],),
        "unused": (place["first"],),
        "join": (place["first"], place["low"]),
        "mask": (place["join"],),
        "depth": (place["low"],),
    }
    assert skips.outputs == {"mask": (place["mask"],), "depth": (place["depth"],)}


def test_stages_know_their_shape_their_scale_and_whom_they_serve(skips: Flow) -> None:
    by_name = {stage.name: stage for stage in skips.stages}
    assert by_name["low"].shape == (8, 16, 24)
    assert [by_name[name].halvings for name in ("first", "low", "join")] == [0, 1, 0]
    serves = {name: stage.serves for name, stage in by_name.items()}
    assert serves["first"] == serves["low"] == ("mask", "depth")
    assert (serves["join"], serves["depth"], serves["unused"]) == (("mask",), ("depth",), ())
    assert by_name["low"].params == 8 * 8 * 9 + 8


def test_norms_between_stages_are_counted_apart() -> None:
    model = Mask(
        nn.Sequential(*(layer for _ in range(7) for layer in (conv(3, 6, 6), nn.BatchNorm2d(6))), conv(1, 6, 1))
    )
    whole = flow(trace(model.to("meta"), (16, 16)), (16, 16))
    assert len(whole.stages) == 8
    assert whole.rest == 7 * 2 * 6


def test_a_network_that_keeps_its_channels_last_is_drawn_at_its_resolution() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mix, self.out = nn.Conv2d(6, 32, 4, 4), Permuted(), conv(1, 32, 1)

        def forward(self, x: Tensor) -> Tensor:
            return F.interpolate(self.out(self.mix(self.conv(x)).permute(0, 3, 1, 2)), scale_factor=4)

    class Permuted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(32, 32)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(x.permute(0, 2, 3, 1))

    stages = flow(trace(Mask(Last(), stride=4).to("meta"), (64, 64)), (64, 64)).stages
    mix = next(stage for stage in stages if stage.name.startswith("net.mix"))
    assert (mix.shape, mix.halvings) == ((32, 16, 16), 2)
