"""What goes in and what comes out: the options that every architecture has."""

import re
from dataclasses import FrozenInstanceError

import pytest

from registry import OptionError, options_of
from zoo import Interface

DEFAULT = {"in_ch": 6, "tasks": ("mask", "depth"), "plate": True, "link": ("logit", "logit")}


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ({}, {}),
        ({"in_ch": 3}, {"in_ch": 3, "plate": False}),
        ({"in_ch": 1}, {"in_ch": 1, "plate": False}),
        ({"in_ch": 2}, {"in_ch": 2}),
        ({"in_ch": 8}, {"in_ch": 8}),
        ({"in_ch": 6, "plate": False}, {"plate": False}),
        ({"in_ch": 6, "plate": True}, {}),
        ({"plate": None}, {}),
        ({"tasks": "depth"}, {"tasks": ("depth",), "link": ("logit",)}),
        ({"tasks": ("mask",)}, {"tasks": ("mask",), "link": ("logit",)}),
        ({"tasks": "mask, depth"}, {}),
        ({"tasks": ["depth", "mask"]}, {}),  # the order is always mask, depth
        ({"link": "identity"}, {"link": ("identity", "identity")}),
        ({"link": ("identity",)}, {"link": ("identity", "identity")}),
        ({"link": ("logit", "identity")}, {"link": ("logit", "identity")}),
        ({"link": ["logit", "identity"]}, {"link": ("logit", "identity")}),
        ({"link": {"depth": "identity"}}, {"link": ("logit", "identity")}),
        ({"link": {"depth": "identity", "mask": "identity"}}, {"link": ("identity", "identity")}),
        ({"link": {}}, {}),
        # a tuple of links follows the tasks as they were given
        ({"tasks": ("depth", "mask"), "link": ("identity", "logit")}, {"link": ("logit", "identity")}),
        ({"tasks": "depth", "link": "identity"}, {"tasks": ("depth",), "link": ("identity",)}),
        ({"tasks": "depth", "link": {"depth": "identity"}}, {"tasks": ("depth",), "link": ("identity",)}),
    ],
    ids=str,
)
def test_accepted(given, resolved):
    face = Interface(**given)
    assert face.options() == DEFAULT | resolved
    assert Interface(**face.options()) == face  # what is written into files reads back as itself


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"in_ch": 0}, "in_ch=0 is not accepted; in_ch takes a whole number from 1 up"),
        ({"in_ch": -6}, "in_ch=-6 is not accepted"),
        ({"in_ch": 6.0}, "in_ch=6.0 is not accepted"),
        ({"in_ch": "6"}, "in_ch='6' is not accepted"),
        ({"in_ch": None}, "in_ch=None is not accepted"),
        ({"tasks": ()}, "tasks=() is not accepted; tasks takes mask, depth, or both, once each"),
        ({"tasks": ""}, "tasks='' is not accepted"),
        ({"tasks": ("mask", "mask")}, "tasks=('mask', 'mask') is not accepted; tasks takes mask, depth, or both, once"),
        ({"tasks": "masks"}, "tasks='masks' is not accepted; did you mean mask?"),
        ({"tasks": ("mask", "dpeth")}, "tasks=('mask', 'dpeth') is not accepted; did you mean depth?"),
        ({"tasks": ("mask", 3)}, "tasks=('mask', 3) is not accepted; known: depth, mask"),
        ({"plate": "yes"}, "plate='yes' is not accepted; plate takes True, False or None"),
        ({"plate": 1}, "plate=1 is not accepted"),
        ({"in_ch": 3, "plate": True}, "in_ch=3 cannot be split over two images; in_ch counts bg and fg_bg together"),
        ({"link": "sigmoid"}, "is not accepted; link takes logit or identity, for mask and depth"),
        ({"link": ("logit", "identiy")}, "link takes logit or identity, for mask and depth; did you mean identity?"),
        ({"link": 3}, "link=3 is not accepted; link takes logit or identity, for mask and depth"),
        ({"tasks": 3}, "tasks=3 is not accepted; tasks takes mask, depth, or both"),
        ({"link": ("logit", "no")}, "link=('logit', 'no') is not accepted; link takes logit or identity"),
        ({"link": ("logit",) * 3}, "link=('logit', 'logit', 'logit') is not accepted; link takes one word, or one for"),
        ({"link": ()}, "link=() is not accepted; link takes one word, or one for each of mask, depth"),
        ({"link": {"masks": "identity"}}, "is not accepted; link takes logit or identity, for mask and depth"),
        ({"tasks": "mask", "link": {"depth": "identity"}}, "is not accepted; link takes logit or identity, for mask"),
    ],
    ids=str,
)
def test_refused(given, message):
    with pytest.raises(OptionError, match=re.escape(message)) as caught:
        Interface(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "images", "image_ch"),
    [
        ({}, 2, 3),
        ({"in_ch": 8}, 2, 4),
        ({"in_ch": 3}, 1, 3),
        ({"in_ch": 6, "plate": False}, 1, 6),
        ({"in_ch": 1}, 1, 1),
    ],
)
def test_channels_are_shared_out_over_the_images(given, images, image_ch):
    face = Interface(**given)
    assert (face.images, face.image_ch) == (images, image_ch)


def test_require_plate_says_who_needs_it():
    Interface().require_plate("fusion=siamese")
    with pytest.raises(OptionError, match=r"^fusion=siamese compares fg_bg with its plate, so it needs bg; in_ch=3"):
        Interface(in_ch=3).require_plate("fusion=siamese")


def test_it_stays_as_it_was_checked():
    with pytest.raises(FrozenInstanceError):
        Interface().in_ch = 3
    with pytest.raises(TypeError):
        Interface(3)  # keyword only: `Interface(3)` does not say three of what


def test_every_option_says_what_it_is_for():
    options = options_of(Interface)
    assert list(options) == ["in_ch", "tasks", "plate", "link"]
    assert all(option.help for option in options.values())
