"""A user's own module behind the contract: every way it may take images and give maps."""

import pytest
import torch
from torch import nn

import zoo


class Stacked(nn.Module):
    """One stacked input; the output tells which image came first."""

    def forward(self, x):
        return torch.cat([x[:, :1], x[:, 3:4]], 1)


class Separate(nn.Module):
    def forward(self, first, second):
        return first[:, :1], second[:, :1]


class Named(nn.Module):
    def forward(self, x):
        return {"disparity": x[:, 3:4], "segmentation": x[:, :1], "features": x}


class HalfSize(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 2, 3, stride=2, padding=1)

    def forward(self, x):
        assert x.shape[-1] % 32 == 0
        return self.conv(x)


BG, FG_BG = torch.full((2, 3, 20, 30), 0.25), torch.full((2, 3, 20, 30), 0.75)


@pytest.mark.parametrize("module", [Stacked(), Separate()])
@pytest.mark.parametrize(("order", "first"), [("bg,fg_bg", 0.25), ("fg_bg, bg", 0.75)])
def test_order_of_the_images(module, order, first):
    mask, depth = zoo.wrap(module, order=order)(BG, FG_BG)
    assert mask.shape == depth.shape == (2, 1, 20, 30)
    assert mask.unique() == first
    assert depth.unique() == 1 - first


def test_order_of_the_outputs():
    mask, depth = zoo.wrap(Stacked(), outputs="depth,mask")(BG, FG_BG)
    assert (mask.unique(), depth.unique()) == (0.75, 0.25)


def test_a_dict_by_its_keys():
    mask, depth = zoo.wrap(Named(), outputs="segmentation,disparity")(BG, FG_BG)
    assert (mask.unique(), depth.unique()) == (0.25, 0.75)


def test_one_task_and_one_image():
    model = zoo.wrap(nn.Conv2d(3, 1, 1), order="fg_bg", in_ch=3, tasks="depth")
    mask, depth = model(None, FG_BG)
    assert mask is None
    assert depth.shape == (2, 1, 20, 30)


def test_raw_values_become_logits():
    mask, depth = zoo.wrap(Stacked(), link={"depth": "identity"})(BG, FG_BG)
    assert mask.unique() == 0.25
    torch.testing.assert_close(depth.sigmoid(), torch.full_like(depth, 0.75))


def test_other_sizes_are_padded_and_resized_and_trained():
    model = zoo.wrap(HalfSize(), stride=32, name="mine")
    mask, depth = model(BG, FG_BG)
    assert mask.shape == depth.shape == (2, 1, 20, 30)
    (mask.sum() + depth.sum()).backward()
    assert model.module.conv.weight.grad is not None
    assert str(model.spec).startswith("mine(in_ch=6")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: zoo.wrap(Stacked(), order="fg,bg"), "order takes bg,fg_bg"),
        (lambda: zoo.wrap(Stacked), "pass an instance"),
        (lambda: zoo.wrap(Stacked(), outputs="mask"), "names 1 maps"),
        (lambda: zoo.wrap(Named())(BG, FG_BG), "returns disparity, segmentation, features, and not mask"),
        (lambda: zoo.wrap(nn.Conv2d(6, 3, 1))(BG, FG_BG), r"returns \(2, 3, 20, 30\)"),
        (lambda: zoo.wrap(nn.Flatten())(BG, FG_BG), r"expected \(b, 2, h, w\)"),
        (lambda: zoo.wrap(Separate(), tasks="mask")(BG, FG_BG), "returns 2 things"),
        (lambda: zoo.wrap(Stacked())(BG[:, :1], FG_BG[:, :1]), "1 channels"),
    ],
)
def test_what_does_not_fit_is_said(wrong, message):
    with pytest.raises(zoo.ZooError, match=message):
        wrong()
