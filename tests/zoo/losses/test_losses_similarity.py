"""SSIM and its window: kornia's values and slopes, at a fraction of the time, and hand-computed ones."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_examples import example, holes, truth_of
from torch import Tensor

from zoo.losses.blur import blur, gaussian
from zoo.losses.catalog import Truth
from zoo.losses.terms.similarity import ms_ssim, ssim


@pytest.mark.parametrize("size", [(8, 8), (17, 23), (40, 12)])
@pytest.mark.parametrize("window", [3, 5, 7, 9, 11])
def test_ssim_and_its_gradient_are_kornias_border_included(window, size):
    from kornia.losses import ssim_loss

    logits, truth = example(*size)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    maps = ssim_loss(theirs.sigmoid(), truth.target, window, eps=0.0, reduction="none")
    reference = maps.flatten(1).mean(1)
    found = ssim(ours, truth, window=window)
    torch.testing.assert_close(found, reference, rtol=1e-10, atol=1e-12)
    (found**2).sum().backward()
    (reference**2).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-12)


def test_ssim_in_float32_is_kornias_within_rounding():
    from kornia.losses import ssim_loss

    logits, truth = example(64, 64, dtype=torch.float32)
    reference = ssim_loss(logits.sigmoid(), truth.target, 11, eps=0.0)
    torch.testing.assert_close(ssim(logits, truth).mean(), reference, rtol=1e-5, atol=1e-6)


def test_ssim_of_two_flat_maps_by_hand():
    flat = torch.zeros(1, 1, 8, 8, dtype=torch.float64)  # p = 0.5
    found = ssim(flat, truth_of(torch.ones_like(flat)))
    assert found.item() == pytest.approx((1 - 1.0001 / 1.2501) / 2, rel=1e-9)  # the variances are 0: structure is 1


def test_the_moments_are_those_of_the_valid_pixels_of_a_window():
    logits, truth = example(9, 9, b=1)
    truth = holes(truth)
    p, t, v = (x[0, 0].numpy() for x in (logits.sigmoid(), truth.target, truth.valid))
    bell = np.outer(*[np.exp(-(np.arange(-1, 2) ** 2) / 4.5)] * 2)
    total = []
    p, t, v = (np.pad(x, 1, mode="reflect") for x in (p, t, v))
    for i, j in [(i + 1, j + 1) for i in range(9) for j in range(9)]:
        if not v[i, j]:
            continue
        window = np.s_[i - 1 : i + 2, j - 1 : j + 2]
        weight = bell * v[window] / (bell * v[window]).sum()
        mean_p, mean_t = (weight * p[window]).sum(), (weight * t[window]).sum()
        var_p, var_t = (weight * (p[window] - mean_p) ** 2).sum(), (weight * (t[window] - mean_t) ** 2).sum()
        both = (weight * (p[window] - mean_p) * (t[window] - mean_t)).sum()
        likeness = (2 * mean_p * mean_t + 1e-4) * (2 * both + 9e-4)
        total.append((1 - likeness / ((mean_p**2 + mean_t**2 + 1e-4) * (var_p + var_t + 9e-4))) / 2)
    assert ssim(logits, truth, window=3).item() == pytest.approx(np.mean(total), rel=1e-9)


def islands() -> tuple[Tensor, Truth]:
    """Maps that are 0 so far around that kornia's border of zeros and ours are the same."""
    logits, truth = example(80, 84)
    logits[..., :32, :], logits[..., -32:, :], logits[..., :32], logits[..., -32:] = -80, -80, -80, -80
    return logits, truth_of(torch.where(logits > -80, truth.target, 0))


def test_ms_ssim_is_kornias_without_its_l1():
    from kornia.losses import MS_SSIMLoss

    logits, truth = islands()
    maps = MS_SSIMLoss(alpha=1.0, compensation=1.0, reduction="none").double()(logits.sigmoid(), truth.target)
    torch.testing.assert_close(ms_ssim(logits, truth), maps.flatten(1).mean(1), rtol=1e-5, atol=1e-7)


def test_kornias_ms_ssim_loss_is_mostly_a_blurred_l1_two_hundredfold():
    from kornia.losses import MS_SSIMLoss

    logits, truth = islands()
    l1 = (logits.sigmoid() - truth.target).abs().mean()
    ours = 200 * (0.025 * ms_ssim(logits, truth).mean() + 0.975 * l1)
    torch.testing.assert_close(MS_SSIMLoss().double()(logits.sigmoid(), truth.target), ours, rtol=1e-5, atol=1e-7)


def test_ms_ssim_of_two_flat_maps_by_hand():
    flat = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    found = ms_ssim(flat, truth_of(torch.full_like(flat, 0.25)))
    assert found.item() == pytest.approx(1 - (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4), rel=1e-9)


@given(h=st.integers(2, 20), w=st.integers(2, 20), radius=st.integers(1, 16))
def test_the_window_is_the_plain_sum_over_a_reflected_border(h, w, radius):
    x = torch.randn(1, 2, h, w, dtype=torch.float64)
    r = [min(radius, n - 1) for n in (h, w)]
    taps = np.array(gaussian(2.0, radius))
    down, across = (taps[radius - k : radius + k + 1] for k in r)
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (r[0], r[0]), (r[1], r[1])), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * r[0] + 1, 2 * r[1] + 1), axis=(2, 3))
    np.testing.assert_allclose(blur(x, tuple(taps)), np.einsum("bchwij,i,j->bchw", windows, down, across), atol=1e-12)


def test_ssim_does_not_depend_on_how_exact_matrix_products_are():
    logits, truth = example(32, 32, dtype=torch.float32)
    exact = ssim(logits, truth)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert torch.equal(ssim(logits, truth), exact)
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.slow
def test_ssim_costs_less_than_half_of_kornias():
    """A third to a sixth, with AVX2 or AVX-512; the two take turns, so that other work on the machine meets both."""
    from kornia.losses import ssim_loss

    logits, truth = example(64, 64, b=32, dtype=torch.float32)
    logits.requires_grad_()
    ways = {
        "ours": lambda: ssim(logits, truth).mean(),
        "kornia": lambda: ssim_loss(logits.sigmoid(), truth.target, 11),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(24):
        for name, way in ways.items():
            start = time.perf_counter()
            way().backward()
            best[name] = min(best[name], time.perf_counter() - start)
    assert best["ours"] < best["kornia"] / 2
