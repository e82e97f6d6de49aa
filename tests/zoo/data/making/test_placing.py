"""Where a cut-out stands, and the picture with it, against numbers worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.making.placing import Placement, box, cover, paste, place, premultiply, resize

sides = st.integers(1, 90)
pictures = st.tuples(st.integers(8, 90), st.integers(8, 90))


@given(
    key=st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)),
    cutout=st.tuples(sides, sides),
    picture=pictures,
    share=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted).map(tuple),
    ground=st.floats(0, 0.92),
)
def test_an_object_is_in_the_picture_on_the_ground_and_of_the_size_asked_for(key, cutout, picture, share, ground):
    where = place(key, cutout, picture, share=share, ground=ground, flip=False)
    assert where == place(key, cutout, picture, share=share, ground=ground, flip=False)
    assert 0 <= where.x <= where.x + where.w <= picture[1]
    assert 0 <= where.y <= where.y + where.h <= picture[0]
    assert where.h >= 1
    assert where.w >= 1
    assert where.y + where.h >= math.floor(ground * picture[0])
    assert where.h <= max(1, math.ceil(share[1] * picture[0]))
    if where.w < picture[1]:  # not made smaller to fit
        assert where.h >= math.floor(share[0] * picture[0])


def test_placements_are_these():
    found = [place((7, n), (20, 10), (224, 224), share=(0.2, 0.7), ground=0.4, flip=n == 1) for n in range(3)]
    assert found == [
        Placement(150, 85, 57, 115, False),
        Placement(17, 17, 66, 131, True),
        Placement(83, 140, 38, 76, False),
    ]  # another generator would make other data sets from old seeds


def test_all_of_the_range_is_used():
    found = [place((0, n), (10, 10), (40, 40), share=(0.25, 0.5), ground=0, flip=False) for n in range(4000)]
    assert {where.h for where in found} == set(range(10, 21))
    small = [where for where in found if where.h == 12]
    assert {where.x for where in small} == set(range(29)) == {where.y for where in small}


def test_half_transparent_red_on_blue_is_half_of_each():
    bg = torch.zeros(3, 4, 4)
    bg[2] = 1
    cutout = torch.zeros(4, 2, 2, dtype=torch.uint8)
    cutout[0], cutout[3] = 255, 51  # a fifth
    fg_bg, alpha = paste(bg, premultiply(cutout), Placement(1, 2, 2, 2, False))
    assert alpha[0].tolist() == [[0] * 4, [0] * 4, [0, *[pytest.approx(0.2)] * 2, 0], [0, *[pytest.approx(0.2)] * 2, 0]]
    assert fg_bg[:, 3, 1].tolist() == pytest.approx([0.2, 0, 0.8])
    assert torch.equal(fg_bg[:, :2], bg[:, :2])


def test_colours_that_are_not_seen_do_not_bleed():
    cutout = torch.zeros(4, 8, 8, dtype=torch.uint8)
    cutout[1] = 255  # green everywhere, also where nothing is seen
    cutout[:, 2:6, 2:6] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)[:, None, None]
    fg_bg, alpha = paste(torch.zeros(3, 3, 3), premultiply(cutout), Placement(0, 0, 3, 3, False))
    assert 0 < alpha[0, 0, 0] < 1
    assert fg_bg[1].max() == 0
    assert torch.allclose(fg_bg[0], alpha[0])


def test_a_mirrored_object_stands_in_the_same_box():
    cutout = torch.zeros(4, 2, 3, dtype=torch.uint8)
    cutout[3, 0, 0] = 255
    where = [Placement(1, 0, 3, 2, flip) for flip in (False, True)]
    masks = [paste(torch.zeros(3, 2, 5), premultiply(cutout), one)[1][0, 0].tolist() for one in where]
    assert masks == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]


def test_the_box_of_what_is_seen():
    image = torch.zeros(4, 9, 9, dtype=torch.uint8)
    assert box(image) is None
    image[3, 2:4, 5:8] = 200
    image[3, 8, 8] = 7  # a speck of lossy compression
    assert box(image) == (2, 5, 4, 8)
    assert box(image.clamp(max=127)) is None


def test_the_middle_of_a_wide_photo_is_kept():
    image = torch.arange(12).expand(1, 4, 12).float()
    assert torch.equal(cover(image, (4, 4))[0, 0], torch.tensor([4.0, 5, 6, 7]))
    assert cover(image, (2, 2))[0, 0].tolist() == pytest.approx(resize(image[:, :, 4:8], (2, 2))[0, 0].tolist())
    assert cover(image, (8, 3)).shape == (1, 8, 3)
