"""The structural losses: kornia's values where kornia is right, hand-computed ones, and what must not matter."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_examples import example, holes, truth_of
from torch import Tensor
from torch.nn import functional as F

from registry import OptionError, Spec
from zoo.losses.catalog import Loss, Truth
from zoo.losses.expression import build
from zoo.losses.terms.alignment import scale_and_shift
from zoo.losses.terms.edges import gradient, gradient_matching, normals, smoothness, sobel
from zoo.losses.terms.similarity import ms_ssim, ssim

STRUCTURAL: dict[str, tuple[Loss, dict[str, object]]] = {
    "ssim": (ssim, {}),
    "ssim(window=3)": (ssim, {"window": 3}),
    "ms_ssim": (ms_ssim, {}),
    "gradient": (gradient, {}),
    "gradient_matching": (gradient_matching, {}),
    "gradient_matching(align=true)": (gradient_matching, {"align": True}),
    "normals": (normals, {}),
    "smoothness": (smoothness, {}),
    "scale_and_shift": (scale_and_shift, {}),
    "scale_and_shift(align=median)": (scale_and_shift, {"align": "median"}),
}
every = pytest.mark.parametrize("name", STRUCTURAL)
compared = pytest.mark.parametrize("name", [name for name in STRUCTURAL if name != "smoothness"])  # with a target


def value(name: str, logits: Tensor, truth: Truth) -> Tensor:
    loss, options = STRUCTURAL[name]
    return loss(logits, truth, **options)


# ---- slopes


def test_gradient_is_the_l1_of_kornias_slopes():
    from kornia.filters import spatial_gradient

    logits, truth = example()
    theirs = (spatial_gradient(logits.sigmoid()) - spatial_gradient(truth.target)).abs().flatten(1).mean(1)
    torch.testing.assert_close(gradient(logits, truth), theirs, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(torch.stack(sobel(logits), 2), spatial_gradient(logits), rtol=1e-10, atol=1e-12)


def test_gradient_of_a_ramp_by_hand():
    ramp = (0.1 * torch.arange(8, dtype=torch.float64)).expand(1, 1, 8, 8)
    found = gradient(torch.zeros_like(ramp), truth_of(ramp))
    assert found.item() == pytest.approx(0.1 * (6 + 2 * 0.5) / 8 / 2)  # half a slope at both ends, none down


def test_gradient_sees_edges_and_nothing_else():
    """The term that one port of a published depth loss computes and then leaves out."""
    step = torch.full((1, 1, 8, 8), 0.25, dtype=torch.float64)
    step[..., 4:] = 0.75
    assert gradient((step + 0.1).logit(), truth_of(step)).item() == pytest.approx(0, abs=1e-12)
    logits = torch.zeros_like(step, requires_grad=True)  # the same mean, and no edge
    lost = gradient(logits, truth_of(step))
    assert lost.item() == pytest.approx(0.25 * 2 / 8 / 2)  # two columns of slope 0.25
    lost.sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() > 0


def test_gradient_matching_by_hand():
    error = torch.tensor([[0.0, 0.1], [0.3, 0.3]], dtype=torch.float64).repeat_interleave(4, 0)
    error = error.repeat_interleave(4, 1)[None, None]  # 8 x 8, four blocks
    target = torch.full_like(error, 0.4)
    found = gradient_matching((target + error).logit(), truth_of(target))
    # the differences between blocks are 0.1 and 0 across, 0.3 and 0.2 down; n rows of them at each scale
    expected = sum((n * 0.1 + n * 0.3 + n * 0.2) / (2 * n) ** 2 for n in (4, 2, 1))  # at scale 8 one pixel is left
    assert found.item() == pytest.approx(expected)
    more = gradient_matching((target + error).logit(), truth_of(target), scales=99)  # nothing is left to add
    assert more.item() == found.item()


@pytest.mark.parametrize("align", [False, True])
def test_gradient_matching_is_midas(align):
    logits, truth = example(h=13)
    truth = holes(truth)
    found = gradient_matching(logits, truth, align=align)
    for i in range(2):
        p, t, v = (x[i, 0].numpy() for x in (logits.sigmoid(), truth.target, truth.valid))
        if align:
            p = np.polyval(np.polyfit(p[v > 0], t[v > 0], 1), p)
        expected = 0.0
        for step in (1, 2, 4, 8):
            r, m = (p - t)[::step, ::step], v[::step, ::step]
            across = (np.abs(np.diff(r, axis=1)) * m[:, 1:] * m[:, :-1]).sum()
            down = (np.abs(np.diff(r, axis=0)) * m[1:] * m[:-1]).sum()
            expected += (across + down) / m.sum()
        assert found[i].item() == pytest.approx(expected, rel=1e-9)


def test_normals_of_a_tilted_plane_by_hand():
    ramp = (torch.arange(16, dtype=torch.float64) / 16).expand(1, 1, 16, 16)  # 45 degrees: 1 over the picture's side
    found = normals(torch.zeros_like(ramp), truth_of(ramp))
    border = 1 - 1 / 1.25**0.5  # half the slope
    assert found.item() == pytest.approx((14 * (1 - 0.5**0.5) + 2 * border) / 16)


def test_normals_are_one_minus_the_cosine():
    logits, truth = example(12, 20)
    units = []
    for z in (logits.sigmoid(), truth.target):
        dx, dy = sobel(z * 20 * 0.5)
        units.append(F.normalize(torch.cat([-dx, -dy, torch.ones_like(z)], 1), dim=1))
    cosine = (units[0] * units[1]).sum(1)
    torch.testing.assert_close(normals(logits, truth, steepness=0.5), (1 - cosine).flatten(1).mean(1))


def test_smoothness_is_kornias():
    from kornia.losses import inverse_depth_smoothness_loss

    logits, truth = example()
    theirs = [inverse_depth_smoothness_loss(logits[i : i + 1].sigmoid(), truth.image[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(smoothness(logits, truth), torch.stack(theirs), rtol=1e-10, atol=1e-12)


def test_smoothness_excuses_an_edge_where_the_picture_has_one():
    step = torch.full((1, 1, 8, 8), -1.0, dtype=torch.float64)
    step[..., 4:] = 1
    picture = (step > 0).double().expand(-1, 3, -1, -1)
    rise = (torch.tensor(1.0).sigmoid() - torch.tensor(-1.0).sigmoid()).item() / 7
    plain, excused = (smoothness(step, truth_of(step, image=image)) for image in (0 * picture, picture))
    assert plain.item() == pytest.approx(rise)
    assert excused.item() == pytest.approx(rise * np.exp(-1))
    assert smoothness(step, truth_of(step, image=picture), edges=0).item() == pytest.approx(rise)


# ---- scale and shift


def test_least_squares_leaves_what_a_straight_line_leaves():
    logits, truth = example()
    truth = holes(truth)
    for i, found in enumerate(scale_and_shift(logits, truth)):
        p, t = (x[i][truth.valid[i] > 0].numpy() for x in (logits.sigmoid(), truth.target))
        left = np.polyval(np.polyfit(p, t, 1), p) - t
        assert found.item() == pytest.approx((left**2).mean() / 2, rel=1e-9)


@pytest.mark.parametrize("trim", [0.0, 0.2])
def test_the_median_alignment_is_midas_trimmed_error(trim):
    logits, truth = example()
    truth = holes(truth)
    for i, found in enumerate(scale_and_shift(logits, truth, align="median", trim=trim)):
        p, t = (x[i][truth.valid[i] > 0] for x in (logits.sigmoid(), truth.target))
        p, t = ((x - x.median()) / (x - x.median()).abs().mean() for x in (p, t))
        error = np.sort((p - t).abs().numpy())
        kept = error[: int(np.floor(len(error) * (1 - trim)))]
        assert found.item() == pytest.approx(kept.sum() / len(error) / 2, rel=1e-9)


@pytest.mark.parametrize("name", ["scale_and_shift", "scale_and_shift(align=median)", "gradient_matching(align=true)"])
@given(scale=st.floats(0.1, 1.0), shift=st.floats(0.0, 1.0))
def test_scale_and_shift_of_the_prediction_do_not_matter(name, scale, shift):
    logits, truth = example()
    p = 0.05 + 0.9 * logits.sigmoid()
    other = scale * p + shift * (1 - scale)
    torch.testing.assert_close(
        value(name, other.clamp(1e-9, 1 - 1e-9).logit(), truth), value(name, p.logit(), truth), rtol=1e-7, atol=1e-9
    )


def test_only_the_median_alignment_knows_which_way_depth_runs():
    _, truth = example()
    turned = (1 - truth.target).logit()
    assert scale_and_shift(turned, truth).max() < 1e-9
    assert scale_and_shift(turned, truth, align="median").min() > 0.1


def test_a_flat_prediction_counts_as_the_targets_mean():
    logits, truth = example()
    found = scale_and_shift(torch.zeros_like(logits), truth)
    torch.testing.assert_close(found, truth.target.flatten(1).var(1, correction=0) / 2)


# ---- all of them


@compared
def test_prediction_and_target_are_what_is_compared(name):
    """One published SSIM loss compared the prediction with itself: always 0, with no gradient."""
    logits, truth = example()
    logits.requires_grad_()
    other = value(name, logits, truth)
    other.sum().backward()
    assert (other > 0.01).all()
    assert logits.grad is not None
    assert logits.grad.flatten(1).norm(dim=1).min() > 1e-6
    assert not torch.allclose(value(name, logits, truth._replace(target=truth.target**2)), other)
    torch.testing.assert_close(value(name, truth.target.logit(), truth), torch.zeros(2, dtype=torch.float64))


@every
def test_what_stands_at_invalid_pixels_changes_nothing(name):
    logits, truth = example()
    truth = holes(truth)
    hole = truth.valid == 0
    logits.requires_grad_()
    found = value(name, logits, truth)
    (slope,) = torch.autograd.grad(found.sum(), logits)
    assert (slope[hole] == 0).all()
    assert (slope[~hole] != 0).any()
    changed = truth._replace(
        target=truth.target.masked_fill(hole, torch.nan), image=truth.image.masked_fill(hole, torch.nan)
    )
    elsewhere = torch.where(hole, 17.0, logits)
    again = value(name, elsewhere, changed)
    assert torch.equal(again, found)
    (slope,) = torch.autograd.grad(again.sum(), logits)
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", ["gradient", "gradient_matching", "normals", "smoothness"])
def test_a_hole_is_no_edge(name):
    flat = torch.full((1, 1, 16, 16), 0.7, dtype=torch.float64)
    truth = holes(truth_of(flat - 0.4))
    assert value(name, flat.logit(), truth).item() == pytest.approx(0, abs=1e-12)


@every
def test_validity_is_looked_at(name):
    logits, truth = example()
    assert not torch.allclose(value(name, logits, holes(truth)), value(name, logits, truth), rtol=1e-6)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(8, 8), (9, 14)])
def test_degenerate_maps_have_finite_losses_and_gradients(name, dtype, size):
    noise, truth = example(*size, dtype=dtype)
    zero = torch.zeros_like(noise)
    for logits in (noise, zero, zero + 60, zero - 60, 60 * noise.sign()):
        for target in (truth.target, zero, zero + 1, zero + 0.3):
            for valid in (truth.valid, zero, holes(truth).valid):
                given_logits = logits.clone().requires_grad_()
                found = value(name, given_logits, Truth(target, valid, truth.image))
                found.sum().backward()
                assert found.isfinite().all()
                assert (found >= 0).all()
                assert given_logits.grad is not None
                assert given_logits.grad.isfinite().all()
                if valid is zero:
                    assert (found == 0).all()


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("gradient_matching", {"scales": 0}),
        ("normals", {"steepness": 0.0}),
        ("smoothness", {"edges": -1.0}),
        ("scale_and_shift", {"trim": 1.0}),
    ],
)
def test_an_option_out_of_range_says_what_is_accepted(loss, options):
    with pytest.raises(OptionError, match=f"{next(iter(options))}=.* is not accepted; .* takes a"):
        build(Spec(loss, options))
