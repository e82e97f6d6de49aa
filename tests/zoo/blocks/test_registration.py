"""A plate that moved is found again, whatever stands in the photo; and where it cannot be, that is said."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from textures import moved, texture

from zoo.blocks import registration
from zoo.blocks.registration import matrices, register_plate, solved, warp
from zoo.blocks.unrolled import eliminated

FRACTION = st.floats(-1, 1)


def with_object(photo, size=0.3):
    """The photo with a bright square over `size` of each side, and where that is."""
    h, w = photo.shape[-2:]
    inside = torch.zeros_like(photo[:, :1])
    inside[..., int(0.3 * h) : int((0.3 + size) * h), int(0.4 * w) : int((0.4 + size) * w)] = 1
    return photo * (1 - inside) + 0.9 * inside, inside


def residual(photo, found, inside):
    """Mean |photo - plate| off the object and off the border that the plate does not have."""
    where = (1 - inside) * found.valid
    return ((photo - found.plate).abs().mean(1, keepdim=True) * where).sum() / where.sum()


@pytest.mark.numeric
@given(x=FRACTION, y=FRACTION, turn=FRACTION, gain=st.floats(0.7, 1.3), offset=st.floats(-0.1, 0.1))
def test_what_people_do_with_a_camera_is_undone(x, y, turn, gain, offset):
    """Up to 8 % of the width and 5 degrees, and another exposure."""
    bg = texture()
    shift = 0.08 * x * bg.shape[-1], 0.08 * y * bg.shape[-1]
    photo = moved(bg, shift, 0.087 * turn) * gain + offset
    photo, inside = with_object(photo)
    found = register_plate(bg, photo)
    still = (photo - bg).abs().mean()
    assert residual(photo, found, inside) < max(0.012, 0.12 * still)
    assert (found.confidence * (1 - inside)).sum() / (1 - inside).sum() > 0.75
    assert (found.confidence * inside).sum() / inside.sum() < 0.4


@pytest.mark.numeric
def test_the_change_of_perspective_is_found_too():
    bg = texture(128, 128)
    motion = matrices(torch.tensor([[0.05, -0.03, 0.02, 0.02, 0.01, -0.01, 0.03, -0.02]]))
    photo, inside = with_object(warp(bg, motion)[0])
    found = register_plate(bg, photo)
    assert residual(photo, found, inside) < 0.012 < residual(photo, registration.Registered(bg, *found[1:]), inside)


@pytest.mark.numeric
@given(FRACTION, FRACTION, FRACTION)
def test_a_motion_and_its_inverse_meet(x, turn, over):
    image = F.avg_pool2d(texture(160, 160), 5, 1, 2)
    motion = matrices(torch.tensor([[0.1 * x, 0.05, 0.1 * turn, 0.03, 0.0, 0.0, 0.03 * over, 0.0]]))
    there, _ = warp(image, motion)
    back, valid = warp(there, torch.linalg.inv(motion))
    inner = F.pad(valid[..., 40:-40, 40:-40], (40, 40, 40, 40))
    assert ((back - image).abs() * inner).max() < 0.03


def test_another_place_is_said_to_be_none():
    bg, photo = texture(seed=1), texture(seed=2)
    assert register_plate(bg, photo).confidence.mean() < 0.5 < register_plate(bg, bg).confidence.min()


def test_a_plate_that_explains_nothing_enters_as_it_is():
    generator = torch.Generator().manual_seed(0)
    bg, photo = (torch.rand(1, 3, 64, 64, generator=generator).round() for _ in range(2))
    found = register_plate(bg, photo)
    torch.testing.assert_close(found.plate, bg, rtol=0, atol=1e-4)
    assert found.valid.min() == 1


@given(h=st.integers(8, 90), w=st.integers(8, 90), b=st.integers(1, 3), c=st.sampled_from([1, 3, 4]))
def test_every_size_and_each_sample_on_its_own(h, w, b, c):
    generator = torch.Generator().manual_seed(h * w)
    bg, photo = torch.rand(2, b, c, h, w, generator=generator)
    together = register_plate(bg, photo)
    assert [tuple(each.shape) for each in together] == [(b, c, h, w), (b, 1, h, w), (b, 1, h, w)]
    assert all(each.isfinite().all() for each in together)
    assert 0 <= together.confidence.min() <= together.confidence.max() <= 1


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_without_texture_stay_as_they_are(value):
    flat = torch.full((2, 3, 8, 8), value)
    torch.testing.assert_close(register_plate(flat, flat).plate, flat)
    assert register_plate(flat, 1 - flat).plate.isfinite().all()


@given(seed=st.integers(0, 10**6), b=st.integers(1, 4), scale=st.floats(-3, 5))
def test_elimination_solves_positive_definite_equations(seed, b, scale):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(b, 5, 8, generator=generator, dtype=torch.float64)
    matrix = (factor @ factor.mT + 0.1 * torch.eye(5)) * 10**scale
    right = torch.randn(b, 5, 1, generator=generator, dtype=torch.float64)
    expected = torch.linalg.solve(matrix, right)[..., 0]
    torch.testing.assert_close(solved(matrix, right), expected, rtol=1e-6, atol=1e-9 / 10**scale)
    again = eliminated(torch.cat([matrix, right], 2))[..., 0]
    torch.testing.assert_close(again, expected, rtol=1e-6, atol=1e-9 / 10**scale)


@given(seed=st.integers(0, 10**6), b=st.integers(1, 3), level=st.sampled_from(registration.LEVELS))
def test_exports_take_the_same_steps(seed, b, level):
    """In fewer operations; in double precision, where only rounding is left."""
    generator = torch.Generator().manual_seed(seed)
    factor, unknowns, steps, scale = level
    bg = texture(64, 64, seed=seed % 7).mean(1, keepdim=True)
    bg, photo = bg.double().expand(b, -1, -1, -1), moved(bg, (1.0, -0.5), 0.02).double()
    photo = photo + 0.01 * torch.randn(bg.shape, generator=generator, dtype=bg.dtype)
    plate, photo = (F.avg_pool2d(image, factor) for image in (bg, photo))
    fields = registration._fields(plate, unknowns)
    motion = torch.eye(3, dtype=bg.dtype) + 0.01 * torch.randn(b, 3, 3, generator=generator, dtype=bg.dtype)
    motion, light = motion / motion[:, 2:, 2:], torch.tensor([[1.1, -0.02]], dtype=bg.dtype).expand(b, -1)
    found = registration._unrolled(plate, photo, motion, light, unknowns, (steps, scale))
    for _ in range(steps):
        motion, light = registration._step(plate, photo, motion, light, fields, scale)
    for one, other in zip(found, (motion, light), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
