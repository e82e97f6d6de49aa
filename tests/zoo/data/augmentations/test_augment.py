"""Augmentations: maps move together, cameras err apart, ranges hold, and the seed alone decides."""

import io
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from registry import Card, OptionError, SpecError, UnknownNameError
from zoo.contract import InputError, Sample
from zoo.data.augment import SETS, BatchDraw, augment, augmentations
from zoo.data.warp import move_all

MAPS = Sample._fields[:5]
GEOMETRY = ("flip(p=1.0)", "rotate(degrees=10)", "crop", "rotate, crop, flip")
ALONE = [name for name in augmentations.names() if name.startswith("plate_") or name == "wrong_plate"]


def noisy(b: int = 3, h: int = 24, w: int = 33, *, dtype: torch.dtype = torch.float32) -> Sample:
    generator = torch.Generator().manual_seed(b * h * w)
    bg, fg_bg = (torch.rand(b, 3, h, w, generator=generator).to(dtype) for _ in range(2))
    mask, depth = (torch.rand(b, 1, h, w, generator=generator).to(dtype) for _ in range(2))
    valid = torch.ones(b, 1, h, w, dtype=dtype)
    return Sample(bg, fg_bg, (mask > 0.5).to(dtype), depth, valid, tuple({"index": i} for i in range(b)))


def marked(h: int = 64, w: int = 96, top: int = 20, left: int = 30) -> Sample:
    """A block of 9 x 9 pixels at the same place in every map, but for valid."""
    block = torch.zeros(4, 1, h, w)
    block[:, :, top : top + 9, left : left + 9] = 1
    rgb = block.expand(-1, 3, -1, -1).clone()
    return Sample(rgb, rgb.clone(), block.clone(), block.clone(), torch.ones_like(block), ({},) * 4)


def centre(image: torch.Tensor) -> torch.Tensor:
    """(b, 2): the mean row and column of what is bright."""
    bright = image.mean(1)
    rows, columns = torch.meshgrid(*map(torch.arange, bright.shape[1:]), indexing="ij")
    total = bright.sum((1, 2))
    return torch.stack([(bright * rows).sum((1, 2)) / total, (bright * columns).sum((1, 2)) / total], 1)


@pytest.mark.parametrize("expression", GEOMETRY)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_marker_is_found_at_the_same_place_in_all_maps(expression: str, step: int) -> None:
    batch = marked()
    changed = augment(expression, seed=5)(batch, step)
    where = [centre(tensor) for tensor in changed[:4]]
    assert (where[0] - centre(batch.bg)).abs().max() > 1  # it moved
    assert torch.equal(changed.bg, changed.fg_bg)
    assert torch.equal(changed.mask, changed.depth)
    assert (where[2] - where[0]).abs().max() < 0.7  # the nearest pixel is half of one away, and a crop enlarges
    soft = augment(expression, seed=5)(batch._replace(mask=batch.mask * 0.5), step)
    assert (centre(soft.mask) - where[0]).abs().max() < 1e-2


def test_rotation_takes_the_marker_where_the_angle_says() -> None:
    batch = marked(65, 65, top=28, left=48)  # 20 pixels right of the centre (32, 32)
    changed = augment("rotate(degrees=90)", seed=1)(batch)
    arm = centre(changed.mask * changed.valid) - 32  # beyond the picture it is mirrored
    assert torch.allclose(arm.norm(dim=1), torch.tensor(20.0), atol=0.3)
    angles = torch.rad2deg(torch.atan2(arm[:, 0], arm[:, 1])).abs()
    assert angles.max() <= 90.5
    assert angles.max() - angles.min() > 5  # each sample its own


def test_the_crop_is_linear_and_reaches_the_edges() -> None:
    h, w = 40, 60
    rows = ((torch.arange(h) + 0.5) / h).view(1, 1, h, 1).expand(8, 3, h, w).contiguous()
    batch = Sample(rows, rows.clone(), rows[:, :1], rows[:, :1], torch.ones(8, 1, h, w), ({},) * 8)
    changed = augment("crop(share=0.5, stretch=0.3)", seed=2)(batch)
    inner = changed.bg[:, 0, 3:-3, 5]
    steps = inner.diff(dim=1)
    assert (steps.std(1) < 1e-5).all()
    assert ((steps.mean(1) * h >= 0.4) & (steps.mean(1) * h <= 1.0001)).all()
    assert changed.valid[:, :, 1:-1, 1:-1].all()


def test_flip_is_exact_and_undoes_itself() -> None:
    batch, flip = noisy(), augment("flip(p=1)")
    once = flip(batch)
    for name, old, new in zip(MAPS, batch, once, strict=False):
        assert torch.equal(new, old.flip(-1)), name
    assert all(torch.equal(a, b) for a, b in zip(flip(once)[:5], batch[:5], strict=True))


@pytest.mark.parametrize(
    "expression", ["rgb_shift", "plate_gain, plate_gamma(p=1), plate_white_balance", "hsv", "jpeg"]
)
def test_flips_commute_with_what_does_not_move(expression: str) -> None:
    """In float64: in float32 a coefficient of jpeg's may be rounded to another step, by the sums of this very CPU."""
    batch = noisy(h=32, w=48, dtype=torch.float64)
    flip, change = augment("flip(p=1)"), augment(expression, seed=4)
    one, other = change(flip(batch)), flip(change(batch))
    for name, a, b in zip(MAPS, one, other, strict=False):
        assert torch.allclose(a, b, atol=1e-12), name


@pytest.mark.parametrize("expression", ["rotate(degrees=10)", "crop", "rotate, crop"])
def test_no_depth_and_no_binary_mask_value_is_invented(expression: str) -> None:
    batch = noisy()
    changed = augment(expression)(batch)
    assert set(changed.mask.unique().tolist()) <= {0.0, 1.0}
    for old, new in zip(batch.depth, changed.depth, strict=True):
        assert torch.isin(new, old).all()


def test_a_soft_mask_stays_soft() -> None:
    batch = marked()
    soft = batch._replace(mask=batch.mask * 0.5)
    assert (augment("rotate")(soft).mask.unique()).numel() > 3


def test_valid_is_zero_where_geometry_left_no_true_pixels() -> None:
    batch = noisy(4, 65, 65)
    ones = torch.ones_like(batch.bg)
    changed = augment("rotate(degrees=45)", seed=3)(batch._replace(bg=ones, fg_bg=ones, depth=ones[:, :1]))
    assert (changed.valid[:, :, 32, 32] == 1).all()
    assert set(changed.valid.unique().tolist()) == {0.0, 1.0}
    lost = 1 - changed.valid.mean((1, 2, 3))
    assert (lost > 0.005).all()
    assert (lost < 0.2).all()
    assert changed.bg.min() > 0.999  # mirrored, not black
    assert changed.depth.min() == 1


def test_what_was_not_valid_stays_so_and_moves_along() -> None:
    batch = marked()
    changed = augment("rotate, flip", seed=6)(batch._replace(valid=1 - batch.mask))
    inside = changed.mask == 1
    assert inside.any()
    assert (changed.valid[inside] == 0).all()


@pytest.mark.parametrize("name", ["rgb_shift", "hsv"])
def test_light_changes_both_pictures_alike(name: str) -> None:
    batch = noisy()
    changed = augment(name)(batch._replace(fg_bg=batch.bg))
    assert torch.equal(changed.bg, changed.fg_bg)
    assert not torch.equal(changed.bg, batch.bg)
    assert changed.mask is not None
    assert torch.equal(changed.depth, batch.depth)


@pytest.mark.parametrize("expression", ["noise", "blur(p=1)", "motion(p=1)", "jpeg(p=1)"])
def test_faults_of_the_camera_differ_between_the_pictures(expression: str) -> None:
    batch = noisy()
    changed = augment(expression)(batch._replace(fg_bg=batch.bg))
    assert not torch.equal(changed.bg, changed.fg_bg)
    assert not torch.equal(changed.bg, batch.bg)


@pytest.mark.parametrize("name", ALONE)
def test_the_plate_alone_changes(name: str) -> None:
    batch = noisy()
    changed = augment(f"{name}(p=1.0)", seed=1)(batch)
    assert not torch.equal(changed.bg, batch.bg)
    assert all(torch.equal(new, old) for new, old in zip(changed[1:5], batch[1:5], strict=True))


def test_the_plate_moves_at_most_as_far_as_said() -> None:
    batch = marked(200, 200, 90, 90)
    moved = [centre(augment("plate_shift(p=1)", seed=s)(batch).bg) - centre(batch.bg) for s in range(4)]
    most = torch.cat(moved).abs().max().item()
    assert 1.0 < most <= 2.01  # 1 % of 200 pixels


def test_a_wrong_plate_is_another_samples() -> None:
    batch = noisy(8)
    changed = augment("wrong_plate(p=1)")(batch)
    whose = [[torch.equal(new, old) for old in batch.bg].index(True) for new in changed.bg]
    assert sorted(whose) == list(range(8))
    assert "wrong_plate" not in " ".join(SETS.values())


def test_noise_has_the_strength_it_says() -> None:
    grey = torch.full((64, 3, 32, 32), 0.5)
    one = torch.ones(64, 1, 32, 32)
    added = augment("noise(std=0.1)")(Sample(grey, grey, one, one, one, ({},) * 64)).bg - 0.5
    assert added.mean().abs() < 2e-3
    assert added.flatten(1).std(1).max() < 0.105
    assert abs(added.flatten(1).std(1).mean() - 0.05) < 0.012  # evenly between 0 and 0.1


@given(st.integers(1, 3), st.integers(8, 40), st.integers(8, 40), st.integers(0, 5))
@settings(max_examples=15)
def test_shapes_and_ranges_at_any_size(b: int, h: int, w: int, step: int) -> None:
    batch = noisy(b, h, w)
    changed = augment("founding, plate, wrong_plate(p=0.5)", seed=1)(batch, step)
    for name, old, new in zip(MAPS, batch, changed, strict=False):
        assert new.shape == old.shape
        assert torch.isfinite(new).all(), name
        assert new.min() >= 0, name
        assert new.max() <= 1, name
    assert changed.meta == batch.meta


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_dtype_stays(dtype: torch.dtype) -> None:
    changed = augment("founding, plate")(noisy(dtype=dtype))
    assert {tensor.dtype for tensor in changed[:5]} == {dtype}


def test_seed_and_step_decide_and_the_global_state_does_not() -> None:
    batch, change = noisy(), augment("founding, plate, wrong_plate", seed=9)
    first = change(batch, 3)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    again = change(batch, 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first[:5], again[:5], strict=True))
    assert not torch.equal(change(batch, 4).bg, first.bg)
    assert not torch.equal(augment("founding, plate, wrong_plate", seed=8)(batch, 3).bg, first.bg)


def test_the_same_name_twice_draws_twice() -> None:
    batch = noisy()
    twice = augment("rgb_shift, rgb_shift")(batch).bg - batch.bg
    once = augment("rgb_shift")(batch).bg - batch.bg
    inside = (batch.bg > 0.2) & (batch.bg < 0.8)
    assert not torch.allclose(twice[inside], 2 * once[inside], atol=1e-4)


def test_p_is_the_share_of_samples() -> None:
    batch = noisy(200, 8, 8)
    changed = augment("plate_gain(p=0.3)")(batch)
    share = (changed.bg != batch.bg).flatten(1).any(1).float().mean().item()
    assert 0.2 < share < 0.4
    for name in augmentations.names():
        same = augment(f"{name}(p=0)")(batch)
        assert all(torch.equal(a, b) for a, b in zip(same[:5], batch[:5], strict=True)), name


@pytest.mark.parametrize("name", ["plate_shift", "plate_turn", "zoom", "plate_parallax", "blur", "motion", "jpeg"])
def test_those_that_are_chosen_alone_become_what_they_would_among_all(name: str) -> None:
    batch = noisy(12)
    some, whole = (augment(f"{name}(p={p})", seed=2)(batch) for p in (0.5, 1.0))
    for old, new, full in zip(batch[:2], some[:2], whole[:2], strict=True):
        kept = [torch.equal(a, b) for a, b in zip(old, new, strict=True)]
        assert all(still or torch.equal(a, b) for still, a, b in zip(kept, new, full, strict=True))
        assert new is old or 0 < sum(kept) < 12


def test_jpeg_is_what_an_encoder_makes() -> None:
    batch = noisy(1, 32, 48)
    smooth = F.avg_pool2d(batch.fg_bg, 9, 1, 4)
    ours = augment("jpeg(quality=(60, 60), p=1)")(batch._replace(fg_bg=smooth)).fg_bg
    file = io.BytesIO()
    Image.fromarray((smooth[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(file, "JPEG", quality=60)
    theirs = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    assert (ours[0] - theirs).abs().mean() < 0.5 * (smooth[0] - theirs).abs().mean()


def test_the_expression_keeps_every_option_and_reads_back() -> None:
    change = augment("flip, rotate(degrees=5)")
    assert str(change) == "flip(p=0.5), rotate(degrees=5, p=1.0)"
    assert str(augment(str(change))) == str(change)
    assert str(augment("founding")).count("(") == 6


@pytest.mark.parametrize(
    ("expression", "error", "says"),
    [
        ("rotat", UnknownNameError, "did you mean rotate"),
        ("foundin", UnknownNameError, "did you mean founding"),
        ("rotate(degree=5)", OptionError, "no option 'degree'; did you mean degrees"),
        ("rotate(degrees=much)", OptionError, "degrees takes a number"),
        ("rotate(degrees=-5)", OptionError, "degrees takes 0 to 180"),
        ("flip(p=1.5)", OptionError, "p takes 0 to 1"),
        ("flip(p=nan)", OptionError, "p takes 0 to 1"),
        ("jpeg(quality=(0, 200))", OptionError, "quality takes 1 to 100"),
        ("founding(p=1)", OptionError, "takes no options"),
        ("", SpecError, "empty"),
        ("flip rotate", SpecError, "comma"),
    ],
)
def test_wrong_expressions(expression: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        augment(expression)


def test_wrong_batches() -> None:
    change, batch = augment("flip"), noisy()
    with pytest.raises(InputError, match="take a batch"):
        change(Sample(*(tensor[0] for tensor in batch[:5]), {}))
    with pytest.raises(InputError, match=r"bg is torch\.uint8"):
        change(batch._replace(bg=(batch.bg * 255).to(torch.uint8)))
    with pytest.raises(InputError, match="b, h, w must agree"):
        change(batch._replace(depth=batch.depth[..., 1:]))
    grey = batch._replace(bg=batch.bg[:, :1], fg_bg=batch.fg_bg[:, :1])
    assert augment("flip, rotate, crop, rgb_shift, noise, plate_shift")(grey).bg.shape[1] == 1
    with pytest.raises(InputError, match="hsv works on red, green and blue"):
        augment("hsv")(grey)


def test_a_new_one_is_one_function() -> None:
    @augmentations.register("dim_for_test", Card(summary="darker"))
    def dim(batch: Sample, draw: BatchDraw, *, by: float = 0.5) -> Sample:
        return batch._replace(fg_bg=batch.fg_bg * by)

    try:
        batch = noisy()
        assert torch.equal(augment("dim_for_test(by=0.25)")(batch).fg_bg, batch.fg_bg * 0.25)
    finally:
        del augmentations._entries["dim_for_test"]


def test_movements_in_a_row_are_one() -> None:
    draws = [BatchDraw(seed, torch.zeros(4)) for seed in (1, 2)]
    batch = marked()._replace(mask=marked().mask * 0.5)
    apart = batch
    for draw, name in zip(draws, ("rotate", "crop"), strict=True):
        apart = move_all(apart, augmentations.get(name).factory(apart, draw))
    drawn = iter([BatchDraw(seed, torch.zeros(4)) for seed in (1, 2)])
    change = augment("rotate, crop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.data.augment.BatchDraw", lambda seed, like: next(drawn))
        changed = change(batch)
    assert (centre(changed.bg) - centre(apart.bg)).abs().max() < 0.2
    assert changed.bg.std() > apart.bg.std()  # mixed once, not twice
    assert (changed.valid != apart.valid).float().mean() < 0.02


def test_the_crop_is_a_part_that_reaches_the_edges() -> None:
    h, w, batch = 20, 30, noisy(500, 20, 30)
    matrix = augmentations.get("crop").factory(batch, BatchDraw(1, batch.bg), share=0.5)
    corners = torch.tensor([[-0.5, -0.5, 1.0], [w - 0.5, h - 0.5, 1.0]]).T  # of the new picture: pixels' outer edges
    part = torch.linalg.inv(matrix.double()) @ corners.double()
    low, high = part[:, :2, 0] + 0.5, part[:, :2, 1] + 0.5
    sides = torch.tensor([w, h])
    assert low.min() > -1e-4
    assert (high - sides).max() < 1e-4
    assert low.min() < 0.2
    assert (sides - high).min() < 0.2
    assert ((high - low) / sides).min() >= 0.5 / 1.1**0.5 - 1e-4


@pytest.mark.parametrize(
    ("name", "field"), [("zoom", "bg"), ("plate_parallax", "bg"), ("photo_shadow", "fg_bg"), ("relight", "fg_bg")]
)
def test_one_of_the_pictures_changes_and_no_other_map(name: str, field: str) -> None:
    batch = noisy(6)
    changed = augment(f"{name}(p=1.0)", seed=2)(batch)
    for other in MAPS:
        same = torch.equal(getattr(changed, other), getattr(batch, other))
        assert same == (other != field), other


def test_a_shadow_takes_light_and_gives_none() -> None:
    batch = noisy(20)
    ratio = augment("photo_shadow(p=1.0, limit=0.8)", seed=3)(batch).fg_bg / batch.fg_bg.clamp(min=1e-6)
    assert ratio.max() <= 1 + 1e-5
    assert 0.2 - 1e-5 <= ratio[batch.fg_bg > 0.01].min() < 0.6


def test_a_zoom_keeps_the_middle_and_a_field_is_smooth() -> None:
    batch = marked(65, 97, top=28, left=44)  # about the centre (32, 48)
    zoomed = augment("zoom(p=1.0, limit=0.2, least=0.19)", seed=1)(batch).bg
    assert (centre(zoomed) - torch.tensor([32.0, 48.0])).abs().max() < 0.05
    assert ((zoomed.sum((1, 2, 3)) / batch.bg.sum((1, 2, 3))).log().abs() - 2 * math.log(1.2)).abs().max() < 0.15
    ramp = (torch.arange(97) / 97).expand(4, 3, 65, 97).contiguous()
    moved = augment("plate_parallax(p=1.0, limit=0.02, least=0.019)", seed=1)(batch._replace(bg=ramp)).bg
    away = (moved - ramp)[:, 0, 4:-4, 4:-4]  # shares of the width, away from the border
    assert 0.002 < away.abs().max() <= 0.02 + 1e-4
    assert away.diff(dim=1).abs().max() < 0.02 * 6 / 64


@given(least=st.floats(0.001, 0.01), most=st.floats(0.05, 1))
def test_strengths_are_log_uniform_from_the_least(least: float, most: float) -> None:
    drawn = BatchDraw(5, torch.zeros(2000)).strength(least, most)
    assert least * 0.999 <= drawn.min() <= drawn.max() <= most * 1.001
    middle = math.exp((math.log(least) + math.log(most)) / 2)
    assert (drawn < middle).float().mean() == pytest.approx(0.5, abs=0.05)
    assert (BatchDraw(5, torch.zeros(2000)).strength(0, most) < most / 2).float().mean() == pytest.approx(0.5, abs=0.05)


def test_plates_off_by_little_are_not_rare_where_a_least_is_given() -> None:
    many, change = torch.arange(200) % 4, augment("plate_shift(limit=0.08, least=0.002, p=1.0)", seed=4)
    batch = marked(64, 64, top=28, left=28)
    batch = Sample(*(tensor[many] for tensor in batch[:5]), ({},) * 200)
    off = (centre(change(batch).bg) - centre(batch.bg)).norm(dim=1) / 64
    assert (off < 0.0127).float().mean() == pytest.approx(0.5, abs=0.12)
    assert off.max() < 0.081
