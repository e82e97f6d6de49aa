"""Images that do not fit are refused in one line that says what arrived, what is accepted and what to do."""

import re

import pytest
import torch

import zoo
from registry import ZooError
from zoo import InputError, Interface, PairModel


class Probe(PairModel):
    """The mask is the first channel of fg_bg."""

    def logits(self, bg, fg_bg):
        return dict.fromkeys(self.face.tasks, fg_bg[:, :1])


GOOD = torch.rand(2, 3, 16, 16)
WRONG = {
    "list": (GOOD, [1, 2], "fg_bg is a list; pass a float tensor (b, c, h, w) with values in [0, 1]"),
    "numpy": (GOOD.numpy(), GOOD, "bg is a ndarray; pass a float tensor"),
    "none": (GOOD, None, "fg_bg is missing; this network is called as model(bg, fg_bg)"),
    "no plate": (None, GOOD, "bg is None, and this network was built to see the plate (in_ch=6); pass bg, or build"),
    "3-D": (GOOD, GOOD[0], "fg_bg is 3 x 16 x 16; expected four axes (b, c, h, w); add the batch axis: fg_bg[None]"),
    "3-D plate": (GOOD[0], GOOD, "bg is 3 x 16 x 16; expected four axes (b, c, h, w); add the batch axis: bg[None]"),
    "2-D": (GOOD, GOOD[0, 0], "fg_bg is 16 x 16; expected four axes (b, c, h, w)"),
    "5-D": (GOOD, GOOD[None], "fg_bg is 1 x 2 x 3 x 16 x 16; expected four axes"),
    "0-D": (GOOD, torch.tensor(1.0), "fg_bg is a single number; expected four axes"),
    "uint8": (
        GOOD,
        GOOD.byte(),
        "fg_bg is torch.uint8; expected floats in [0, 1], for 8-bit images fg_bg.float() / 255",
    ),
    "uint8 plate": (
        GOOD.byte(),
        GOOD,
        "bg is torch.uint8; expected floats in [0, 1], for 8-bit images bg.float() / 255",
    ),
    "long": (GOOD, GOOD.long(), "fg_bg is torch.int64; expected floats"),
    "bool": (GOOD, GOOD > 0, "fg_bg is torch.bool; expected floats"),
    "complex": (GOOD, GOOD + 0j, "fg_bg is torch.complex64; expected floats"),
    "RGBA": (GOOD, torch.rand(2, 4, 16, 16), "fg_bg is 2 x 4 x 16 x 16 with 4 channels; this network was built for 3"),
    "grey plate": (GOOD[:, :1], GOOD, "bg is 2 x 1 x 16 x 16 with 1 channels; this network was built for 3 per image"),
    "stacked": (
        GOOD,
        torch.cat([GOOD, GOOD], 1),
        "fg_bg is 2 x 6 x 16 x 16 with 6 channels; this network was built fo",
    ),
    "channels last": (GOOD, GOOD.permute(0, 2, 3, 1), "fg_bg is 2 x 16 x 16 x 3 with 16 channels; this network was"),
    "low": (GOOD, torch.rand(2, 3, 7, 16), "fg_bg is 2 x 3 x 7 x 16; height and width must be 8 pixels or more"),
    "narrow": (GOOD, torch.rand(2, 3, 16, 7), "fg_bg is 2 x 3 x 16 x 7; height and width must be 8 pixels or more"),
    "height": (GOOD, torch.rand(2, 3, 17, 16), "bg is 2 x 3 x 16 x 16 and fg_bg is 2 x 3 x 17 x 16; both must have th"),
    "width": (torch.rand(2, 3, 16, 17), GOOD, "bg is 2 x 3 x 16 x 17 and fg_bg is 2 x 3 x 16 x 16; both must have th"),
    "dtypes": (GOOD.half(), GOOD, "bg is torch.float16 and fg_bg is torch.float32; both must have the same dtype"),
    "batch": (GOOD[:1], GOOD, "bg is 1 x 3 x 16 x 16 and fg_bg is 2 x 3 x 16 x 16; both must have the same b, c, h a"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("sides", [False, True])
def test_wrong_images(case, sides):
    bg, fg_bg, message = WRONG[case]
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        Probe(Interface())(bg, fg_bg, sides=sides)
    assert isinstance(caught.value, ZooError)
    assert "\n" not in str(caught.value)


def test_wrong_channels_without_a_plate():
    with pytest.raises(InputError, match=re.escape("built for 3 per image (in_ch=3, fg_bg alone)")):
        Probe(Interface(in_ch=3))(None, torch.rand(1, 6, 16, 16))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_float_is_taken_and_kept(dtype):
    mask, _ = Probe(Interface(), stride=8)(*torch.rand(2, 1, 3, 9, 9, dtype=dtype))
    assert mask.dtype == dtype


@pytest.mark.parametrize(
    ("in_ch", "call"),
    [(6, "model(bg, fg_bg)"), (3, "model(None, fg_bg)")],
)
def test_one_image_alone_is_told_how_to_call(in_ch, call):
    with pytest.raises(InputError, match=re.escape(f"fg_bg is missing; this network is called as {call}")):
        Probe(Interface(in_ch=in_ch))(GOOD)


@pytest.mark.parametrize("sides", [GOOD, 1, None])
def test_sides_are_yes_or_no(sides):
    with pytest.raises(InputError, match=f"sides is a {type(sides).__name__}; it takes True or False"):
        Probe(Interface())(GOOD, GOOD, sides)


def test_values_are_the_callers():
    fg_bg = torch.full((1, 3, 8, 8), torch.nan)
    assert Probe(Interface())(fg_bg, fg_bg).mask.isnan().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_images_have_the_dtype_of_the_weights(dtype):
    model = zoo.build("unet(width=2)").eval()
    with pytest.raises(
        InputError, match=f"the images are {dtype} and this network's weights are torch.float32; convert"
    ):
        model(GOOD.to(dtype), GOOD.to(dtype))
    with torch.no_grad():
        assert model.to(dtype)(GOOD.to(dtype), GOOD.to(dtype)).mask.dtype == dtype


def test_autocast_takes_narrow_images_and_no_double_ones():
    model = zoo.build("unet(width=2)").eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(GOOD.bfloat16(), GOOD.bfloat16()).mask.dtype == torch.bfloat16
        with pytest.raises(InputError, match=r"the images are torch.float64"):
            model(GOOD.double(), GOOD.double())
