"""The measured receptive field, against what one counts."""

import pytest
import torch
import torch.nn.functional as F
from small_networks import Mask, conv
from torch import Tensor, nn

from zoo.describing import describe, receptive
from zoo.describing.receptive import Extent, receptive_field


def field_of(net: nn.Module, size: tuple[int, int] = (64, 64), stride: int = 1) -> tuple[str, str]:
    down, across = receptive_field(Mask(net, stride=stride), size)["mask"]
    return str(down), str(across)


@pytest.mark.parametrize(
    ("layers", "pixels"),
    [
        ([conv(1, 6, 1)], 1),
        ([conv(3, 6, 8), nn.ReLU(), conv(5, 8, 1)], 7),
        ([conv(3, 6, 8, dilation=4), conv(3, 8, 1, dilation=2)], 13),
        ([conv(3, 6, 6, groups=6), nn.BatchNorm2d(6), conv(3, 6, 1)], 5),
        ([nn.ReplicationPad2d(2), nn.Conv2d(6, 1, 5)], 5),
    ],
)
def test_the_receptive_field_of_small_networks_is_what_one_counts(layers: list[nn.Module], pixels: int) -> None:
    assert field_of(nn.Sequential(*layers)) == (f"{pixels} px", f"{pixels} px")


def test_pooling_and_upsampling_count_in_pixels_of_the_image() -> None:
    # The centre, 32, lies in the pair 32..33; a 3 x 3 convolution on pairs reaches 30..35; pixels before that +-1.
    net = nn.Sequential(conv(3, 6, 4), nn.MaxPool2d(2), conv(3, 4, 1), nn.Upsample(scale_factor=2))
    assert field_of(net, stride=2) == ("8 px", "8 px")


def test_strided_and_transposed_convolutions() -> None:
    # Pixel 32 comes from feature 16, which sees 31..33.
    net = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 1, 2, stride=2))
    assert field_of(net, stride=2) == ("3 px", "3 px")


def test_down_and_across_are_measured_apart() -> None:
    net = nn.Conv2d(6, 1, (1, 7), padding=(0, 3))
    assert field_of(net, (64, 96)) == ("1 px", "7 px")


class Gate(nn.Module):
    """Squeeze and excite: every pixel has a say."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1] * torch.sigmoid(x.mean((2, 3), keepdim=True)[:, :1])


@pytest.mark.parametrize(
    "net",
    [
        Gate(),
        nn.Sequential(conv(1, 6, 8), nn.GroupNorm(2, 8), nn.ReLU(), conv(1, 8, 1)),
        nn.Sequential(*(layer for _ in range(6) for layer in (nn.InstanceNorm2d(6), nn.ReLU())), conv(1, 6, 1)),
        nn.Sequential(*(layer for _ in range(6) for layer in (nn.GroupNorm(6, 6), nn.ReLU())), conv(1, 6, 1)),
    ],
    ids=["gate", "norm", "instance norms", "group norms"],
)
def test_what_looks_at_the_whole_image_sees_all_of_it(net: nn.Module) -> None:
    assert field_of(net, (48, 64)) == ("all of 48", "all of 64")


def test_a_field_that_meets_one_border_is_a_lower_bound() -> None:
    # 47 px around pixel 24 of 48: 1..47, which touches the lower border only.
    assert field_of(conv(47, 6, 1), (48, 64)) == ("at least 47 px", "47 px")


def test_a_long_side_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.MaxPool2d(4), conv(3, 6, 6), conv(1, 6, 1), nn.Upsample(scale_factor=4))
    sizes = (400, 403)
    whole = receptive_field(Mask(net, stride=4), sizes)
    gate = receptive_field(Mask(Gate()), sizes)["mask"][0]
    monkeypatch.setattr(receptive, "LONGEST", 64)
    assert receptive_field(Mask(net, stride=4), sizes) == whole
    assert str(gate) == "all of 400"
    assert str(receptive_field(Mask(Gate()), sizes)["mask"][0]) == "at least 64 px"
    assert receptive_field(Mask(Gate()), (64, 60))["mask"] == (Extent(64, 64, 2), Extent(60, 60, 2))


@pytest.mark.parametrize("activation", [nn.ReLU6(), nn.Hardsigmoid(), nn.Hardswish(), nn.Tanh(), nn.GELU()])
def test_activations_neither_saturate_nor_die(activation: nn.Module) -> None:
    blocks = [layer for _ in range(20) for layer in (conv(3, 6, 6), activation)]
    assert field_of(nn.Sequential(*blocks, conv(1, 6, 1))) == ("41 px", "41 px")


def test_a_hundred_convolutions_do_not_underflow() -> None:
    net = nn.Sequential(*(conv(3, 6, 6) for _ in range(100)), conv(1, 6, 1))
    assert field_of(net, (224, 224)) == ("201 px", "201 px")


def test_founding_networks_of_full_resolution_see_what_one_counts() -> None:
    # plain_cnn: stems 3, 3; trunk 1, 3, 3; mask 1, 3, 3: six 3 x 3 = 13. Depth has one more between: 15.
    plain = describe("plain_cnn", 64).receptive_field
    assert {task: str(down) for task, (down, _) in plain.items()} == {"mask": "13 px", "depth": "15 px"}
    # two_stream, the longer way: stem, two residuals of three, head of three: ten 3 x 3 = 21.
    assert [str(down) for down, _ in describe("two_stream", 64).receptive_field.values()] == ["21 px", "21 px"]


def test_the_unet_sees_what_its_rows_of_matrices_say() -> None:
    """Its longest way, one dimension, as matrices of who reads whom; rows of the product are receptive fields."""

    def convolution(n: int) -> Tensor:
        return (torch.arange(n)[:, None] - torch.arange(n)).abs() <= 1

    def pool(n: int) -> Tensor:
        return torch.arange(n // 2)[:, None] == torch.arange(n) // 2

    def up(n: int) -> Tensor:
        eye = torch.eye(n, dtype=torch.float64)[None]  # (1, n, n): column j is pixel j alone
        return F.interpolate(eye, size=2 * n, mode="linear", align_corners=True)[0].T != 0

    reach = torch.eye(224, dtype=torch.float64)
    for step in (2, pool, 2, pool, 2, pool, 2, up, 2, up, 2, up, 2):
        for matrix in [convolution] * step if isinstance(step, int) else [step]:
            reach = (matrix(reach.shape[0]).double() @ reach != 0).double()
    expected = int(reach[112].sum())
    assert describe("unet", 224).receptive_field["mask"][0].pixels == expected


def test_baselines_see_a_pixel_the_whole_image_or_nothing() -> None:
    frame = describe("frame_difference", 48)
    assert [str(down) for down, _ in frame.receptive_field.values()] == ["1 px", "none"]
    aligned = describe("aligned_difference", (48, 64)).receptive_field["mask"]
    assert [str(extent) for extent in aligned] == ["all of 48", "all of 64"]  # the registration reads every pixel
