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


class PlateLast(nn.Module):
    def forward(self, fg_bg, bg):
        return fg_bg[:, :1], bg[:, :1]


class Returning(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what


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
    mask, depth = zoo.wrap(Named(), outputs={"mask": "segmentation", "depth": "disparity"})(BG, FG_BG)
    assert (mask.unique(), depth.unique()) == (0.25, 0.75)


def test_a_dict_has_no_order():
    named = Returning({"mask": BG[:, :1], "depth": FG_BG[:, :1]})
    for outputs in ("mask,depth", "depth, mask", ("depth", "mask"), {"depth": "depth", "mask": "mask"}):
        mask, depth = zoo.wrap(named, outputs=outputs)(BG, FG_BG)
        assert (mask.unique(), depth.unique()) == (0.25, 0.75)
    mask, depth = zoo.wrap(Named(), outputs={"depth": "disparity"})(BG, FG_BG)
    assert mask is None
    assert depth.unique() == 0.75


def test_arguments_called_as_the_images_take_them_by_name():
    assert zoo.wrap(PlateLast())(BG, FG_BG).mask.unique() == 0.75
    assert zoo.wrap(PlateLast()).spec.options["order"] == "fg_bg,bg"
    assert zoo.wrap(PlateLast(), order=("bg", "fg_bg"))(BG, FG_BG).mask.unique() == 0.25  # what is said outright counts


@pytest.mark.filterwarnings("ignore:.*is deprecated")
def test_torchscript():
    scripted, traced = torch.jit.script(PlateLast()), torch.jit.trace(Stacked(), torch.cat([BG, FG_BG], 1))
    assert zoo.wrap(scripted)(BG, FG_BG).mask.unique() == 0.75
    assert zoo.wrap(traced)(BG, FG_BG).mask.unique() == 0.25


def test_wrapped_in_inference_mode_takes_statistics_later():
    with torch.inference_mode():
        model = zoo.wrap(Stacked())
    model.normalise.set([0.25] * 3, [0.5] * 3)
    assert model(BG, FG_BG).mask.unique() == 0


def test_one_task_and_one_image():
    model = zoo.wrap(nn.Conv2d(3, 1, 1), order="fg_bg", outputs="depth")
    mask, depth = model(None, FG_BG)
    assert mask is None
    assert depth.shape == (2, 1, 20, 30)


def test_raw_values_become_logits():
    mask, depth = zoo.wrap(Stacked(), link={"depth": "identity"})(BG, FG_BG)
    assert mask.unique() == 0.25
    torch.testing.assert_close(depth.sigmoid(), torch.full_like(depth, 0.75))


def test_other_sizes_are_padded_and_resized_and_trained():
    model = zoo.wrap(HalfSize(), stride=32)
    mask, depth = model(BG, FG_BG)
    assert mask.shape == depth.shape == (2, 1, 20, 30)
    (mask.sum() + depth.sum()).backward()
    assert model.module.conv.weight.grad is not None
    assert str(model.spec).startswith("HalfSize(in_ch=6")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: zoo.wrap(Stacked(), order="fg,bg"), "order takes bg,fg_bg"),
        (lambda: zoo.wrap(Stacked), "pass an instance"),
        (lambda: zoo.wrap(Stacked(), order=3), "order=3 is not accepted; order takes bg,fg_bg"),
        (lambda: zoo.wrap(Stacked(), outputs=("mask", "mask")), "outputs takes mask, depth or both, in the order"),
        (lambda: zoo.wrap(Stacked(), outputs=7), "outputs=7 is not accepted; outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Stacked(), outputs="mask,dept"), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Stacked(), outputs=""), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Stacked(), outputs=[["mask"]]), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Stacked(), outputs={}), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Named(), outputs={"mask": "a", "depth": "a"}), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Named(), outputs={"mask": ["a"]}), "outputs takes mask, depth or both"),
        (lambda: zoo.wrap(Stacked(), outputs={"mask": "a", "depth": "b"})(BG, FG_BG), r"its order, and no keys \(a, b"),
        (lambda: zoo.wrap(Separate(), outputs={"mask": "a", "depth": "b"})(BG, FG_BG), r"and no keys \(a, b\)"),
        (lambda: zoo.wrap(Stacked(), inputs="seperate"), "inputs='seperate' is not accepted; did you mean separate?"),
        (lambda: zoo.wrap(Stacked(), in_ch=0), "in_ch=0 is not accepted"),
        (lambda: zoo.wrap(Stacked(), stride=0), "stride=0 is not accepted; stride takes a whole number from 1 up"),
        (lambda: zoo.wrap(Returning(3))(BG, FG_BG), "returns a int; expected a map for each of mask, depth"),
        (lambda: zoo.wrap(Returning((3, 4)))(BG, FG_BG), "mask is a int; expected a float tensor"),
        (lambda: zoo.wrap(Returning({"mask": [1], "depth": [2]}))(BG, FG_BG), "mask is a list; expected a float"),
        (lambda: zoo.wrap(Returning(torch.ones(2, 2, 20, 30).int()))(BG, FG_BG), "mask is torch.int32; expected a"),
        (lambda: zoo.wrap(Named())(BG, FG_BG), "returns disparity, segmentation, features, and not mask"),
        (lambda: zoo.wrap(nn.Conv2d(6, 3, 1))(BG, FG_BG), r"returns \(2, 3, 20, 30\)"),
        (lambda: zoo.wrap(nn.Flatten())(BG, FG_BG), r"expected \(b, 2, h, w\)"),
        (lambda: zoo.wrap(Separate(), outputs="mask")(BG, FG_BG), "returns 2 things"),
        (lambda: zoo.wrap(Stacked())(BG[:, :1], FG_BG[:, :1]), "1 channels"),
    ],
)
def test_what_does_not_fit_is_said(wrong, message):
    with pytest.raises(zoo.ZooError, match=message):
        wrong()


@pytest.mark.parametrize("call", [zoo.build, zoo.describe])
@pytest.mark.parametrize(
    ("thing", "kind"),
    [(Stacked(), "a Stacked; zoo.wrap gives a network"), (Stacked, "the class Stacked"), (None, "a NoneType")],
)
def test_a_network_is_no_name_and_is_not_printed(call, thing, kind):
    with pytest.raises(zoo.ZooError, match=f"takes a name or a spec, as .*, and not {kind}") as caught:
        call(thing)
    assert len(str(caught.value)) < 150


class Failing(nn.Module):
    def forward(self, x):
        return x.nope


def test_an_error_of_a_wrapped_module_says_where_it_comes_from():
    line = Failing.forward.__code__.co_firstlineno + 1
    given = r"was given \(2, 6, 20, 30\) \(bg, fg_bg\) and raised"
    place = rf"AttributeError \(test_wrapped.py, line {line}\)"
    with pytest.raises(zoo.InputError, match=f"the wrapped Failing {given} {place}: 'Tensor' object has no attribute"):
        zoo.wrap(Failing())(BG, FG_BG)
    with pytest.raises(
        zoo.InputError, match=f"the wrapped Conv2d {given} RuntimeError: .*to have 5 channels, but got 6"
    ):
        zoo.wrap(nn.Conv2d(5, 2, 1))(BG, FG_BG)
