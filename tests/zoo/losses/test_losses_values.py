"""Pointwise and overlap losses against numbers computed by hand, and against independent references."""

import math

import kornia.losses
import numpy as np
import pytest
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F
from loss_checks import at_target, random_logits, scene
from torch import Tensor

from registry import OptionError, Spec
from zoo.losses.catalog import Truth, losses
from zoo.losses.expression import build
from zoo.losses.terms.boundary import distance

LN2 = math.log(2)


def value(name: str, p: list[float], t: list[float], valid: list[float] | None = None, **options: object) -> float:
    """The loss of one image of one row of probabilities."""
    rows = [torch.tensor(row, dtype=torch.float64).reshape(1, 1, 1, -1) for row in (p, t, valid or [1.0] * len(t))]
    truth = Truth(rows[1], rows[2], rows[1].expand(1, 3, 1, -1))
    return losses.get(name).factory(rows[0].logit(), truth, **options).item()


def per_image(name: str, truth: Truth, logits: Tensor, **options: object) -> Tensor:
    return losses.get(name).factory(logits, truth, **options)


P, T = [0.75, 0.5, 0.25, 0.5], [1.0, 1.0, 0.0, 0.0]  # tp 1.25, fp 0.75, fn 0.75
D, G = [0.5, 0.5, 0.5, 0.5], [0.5, 0.4, 0.7, 0.0]  # errors 0, 0.1, 0.2, 0.5
SQUARES = 0.01 + 0.04 + 0.25


@pytest.mark.parametrize(
    ("name", "options", "p", "t", "expected"),
    [
        ("bce", {}, P, T, (2 * math.log(4 / 3) + 2 * LN2) / 4),
        ("bce", {}, [0.25], [0.5], (math.log(4) + math.log(4 / 3)) / 2),
        ("bce", {}, [0.5, 0.25], [0.5, 0.25], (LN2 + 0.25 * math.log(4) + 0.75 * math.log(4 / 3)) / 2),  # entropy
        ("focal", {}, P, T, ((0.25 + 0.75) * math.log(4 / 3) / 16 + (0.25 + 0.75) * LN2 / 4) / 4),
        ("focal", {}, [0.75], [1.0], 0.25 * math.log(4 / 3) / 16),
        ("focal", {"gamma": 1, "alpha": 0.9}, [0.75], [0.0], 0.1 * 0.75 * math.log(4)),
        ("focal", {"gamma": 0, "alpha": None}, P, T, (2 * math.log(4 / 3) + 2 * LN2) / 4),  # that is bce
        ("l1", {}, D, G, 0.2),
        ("l2", {}, D, G, SQUARES / 4),
        ("rmse", {}, D, G, math.sqrt(SQUARES / 4)),
        (
            "berhu",
            {},
            D,
            G,
            (0.1 + (0.04 + 0.01) / 0.2 + (0.25 + 0.01) / 0.2) / 4,
        ),  # c = 0.1, which 0.1 does not exceed
        ("berhu", {"threshold": 1.0}, D, G, 0.2),
        ("huber", {}, D, G, (0.005 + 0.1 * 0.15 + 0.1 * 0.45) / 4),
        ("huber", {"delta": 1}, D, G, SQUARES / 8),
        ("log_l1", {}, D, G, (math.log(1.2) + math.log(1.4) + LN2) / 4),
        ("log_l1", {"alpha": 0.1}, D, G, (LN2 + math.log(3) + math.log(6)) / 4),
        ("silog", {"eps": 0.1}, [0.5, 0.2], [0.2, 0.5], LN2**2),  # log ratios log 2 and -log 2: their mean is 0
        ("silog", {"eps": 0.1}, [0.5, 0.5], [0.2, 0.2], LN2**2 / 2),
        ("silog", {"eps": 0.1, "focus": 0}, [0.5, 0.5], [0.2, 0.2], LN2**2),
        ("silog", {"eps": 0.1, "focus": 1.0}, [0.5, 0.5], [0.2, 0.2], 0.0),
        ("dice", {}, P, T, 1 - (2.5 + 1) / (4 + 1)),
        ("dice", {"smooth": 1e-9}, P, T, 1 - 2.5 / 4),
        ("dice", {"squared": True}, P, T, 1 - (2.5 + 1) / (0.5625 + 0.25 + 0.0625 + 0.25 + 2 + 1)),
        ("dice", {}, [0.5, 0.5], [0.5, 0.5], 1 - (1 + 1) / (2 + 1)),  # the target itself, and not 0
        ("dice", {"squared": True}, [0.5, 0.25], [0.5, 0.75], 0.25 / (0.3125 + 0.8125 + 1)),
        ("jaccard", {}, P, T, 1 - (1.25 + 1) / (2.75 + 1)),
        ("jaccard", {"smooth": 1e-9}, P, T, 1 - 1.25 / 2.75),
        ("tversky", {}, P, T, 1 - (1.25 + 1) / (1.25 + 0.75 + 1)),
        ("tversky", {}, [0.5, 0.5, 0.25], [1.0, 0.0, 0.0], 1 - 1.5 / (0.5 + 0.3 * 0.75 + 0.7 * 0.5 + 1)),
        ("tversky", {"alpha": 2, "beta": 0.1}, [0.5, 0.5, 0.25], [1.0, 0.0, 0.0], 1 - 1.5 / (0.5 + 1.5 + 0.05 + 1)),
        # sorted errors 0.3 and 0.1; 1 - IoU is 1/2 with the background pixel wrong, 1 with both
        ("lovasz", {"errors": "sigmoid"}, [0.9, 0.3], [1.0, 0.0], 0.3 / 2 + 0.1 / 2),
        ("lovasz", {"errors": "sigmoid"}, [0.2, 0.3], [1.0, 0.0], 0.8 * 1 + 0.3 * 0),
        ("lovasz", {}, [0.5, 0.5], [1.0, 0.0], 1.0),  # both hinge errors 1
        ("lovasz", {"errors": "sigmoid"}, [0.4, 0.7, 0.1], [0.0, 0.0, 0.0], 0.7),  # empty: the worst pixel
        ("boundary", {}, P, T, (0.25 * 2 + 0.5 * 1 + 0.25 * 1 + 0.5 * 2) / 4 / math.sqrt(17)),
        ("boundary", {}, [0.25, 0.75], [0.0, 0.0], 0.5),  # no outline: every pixel is a diagonal away
    ],
)
def test_by_hand(name, options, p, t, expected):
    assert value(name, p, t, **options) == pytest.approx(expected, abs=1e-7)
    padded = value(name, [*p, 0.999], [*t, 0.0], [1.0] * len(t) + [0.0], **options)
    scale = math.hypot(1, len(t)) / math.hypot(1, len(t) + 1) if name == "boundary" and sum(t) else 1
    assert padded == pytest.approx(expected * scale, abs=1e-7)


BLOB, NOISE, SOFT = (scene(kind, b=3, h=20, w=17, seed=4) for kind in ("blob", "noise", "soft"))


def each(function, truth: Truth, logits: Tensor) -> Tensor:
    """A library's loss, which averages over the batch, image by image."""
    return torch.stack([function(z[None], t[None]) for z, t in zip(logits, truth.target, strict=True)])


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("bce", {}, F.binary_cross_entropy_with_logits),
        ("l1", {}, lambda z, t: F.l1_loss(z.sigmoid(), t)),
        ("l2", {}, lambda z, t: F.mse_loss(z.sigmoid(), t)),
        ("huber", {"delta": 0.2}, lambda z, t: F.huber_loss(z.sigmoid(), t, delta=0.2)),
        ("focal", {}, smp.FocalLoss("binary", alpha=0.25, gamma=2.0)),
        ("focal", {"gamma": 1.5, "alpha": None}, smp.FocalLoss("binary", gamma=1.5)),
        (
            "focal",
            {"gamma": 3.0, "alpha": 0.4},
            lambda z, t: kornia.losses.binary_focal_loss_with_logits(z, t, alpha=0.4, gamma=3.0, reduction="mean"),
        ),
        ("dice", {"smooth": 2.0}, smp.DiceLoss("binary", smooth=1.0)),  # theirs is added to tp, ours to 2 tp
        ("jaccard", {"smooth": 1.0}, smp.JaccardLoss("binary", smooth=1.0)),
        ("tversky", {}, smp.TverskyLoss("binary", alpha=0.3, beta=0.7, smooth=1.0)),
        ("tversky", {"alpha": 0.9, "beta": 0.2}, smp.TverskyLoss("binary", alpha=0.9, beta=0.2, smooth=1.0)),
        ("lovasz", {}, lambda z, t: smp.LovaszLoss("binary", per_image=True)(z.float(), t.float()).double()),
        ("lovasz", {}, lambda z, t: kornia.losses.lovasz_hinge_loss(z, t[:, 0])),
    ],
)
@pytest.mark.parametrize("truth", [BLOB, NOISE], ids=["blob", "noise"])
def test_equal_to_torch_smp_and_kornia_on_binary_targets(name, options, reference, truth):
    """Value and gradient; smp's Lovasz takes float32 alone."""
    logits = random_logits(truth).requires_grad_()
    ours, theirs = per_image(name, truth, logits, **options), each(reference, truth, logits)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    slopes = [torch.autograd.grad(values.sum(), logits)[0] for values in (ours, theirs)]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-7)


def test_kornia_tversky_of_the_object_class():
    """Theirs is a softmax over two classes, averaged; with logits (0, z) the second is our object."""
    logits, t = random_logits(BLOB), BLOB.target
    theirs = []
    for z, target in zip(logits, t, strict=True):
        two = torch.stack([torch.zeros_like(z[0]), z[0]])[None]
        both = kornia.losses.tversky_loss(two, target.long(), 0.3, 0.7, eps=0.0)
        p, q = z.sigmoid(), 1 - z.sigmoid()  # the background's score, by its own counts
        tp, fp, fn = (q * (1 - target)).sum(), (q * target).sum(), (p * (1 - target)).sum()
        theirs.append(2 * both - (1 - tp / (tp + 0.3 * fp + 0.7 * fn)))
    ours = per_image("tversky", BLOB, logits, smooth=1e-12)
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=1e-6, atol=1e-8)


def test_tversky_weighs_each_kind_of_error_by_its_own_weight():
    """One that only uses alpha + beta would give the same for both."""
    too_much, missing = ([1.0, 0.5, 0.5], [1.0, 0.0, 0.0]), ([0.5, 0.5, 0.0], [1.0, 1.0, 0.0])
    low, high = {"alpha": 0.1, "beta": 0.9}, {"alpha": 0.9, "beta": 0.1}
    assert value("tversky", *too_much, **low) == pytest.approx(0.1 / 2.1, abs=1e-9)
    assert value("tversky", *too_much, **high) == pytest.approx(0.9 / 2.9, abs=1e-9)
    assert value("tversky", *missing, **low) == pytest.approx(0.9 / 2.9, abs=1e-9)
    assert value("tversky", *missing, **high) == pytest.approx(0.1 / 2.1, abs=1e-9)


def test_lovasz_is_one_minus_iou_where_predictions_are_certain():
    for seed in range(5):
        hard = random_logits(BLOB, seed).sign()
        p = (hard > 0).double()
        union = (p + BLOB.target).clamp(max=1).flatten(1).sum(1)
        loss = 1 - (p * BLOB.target).flatten(1).sum(1) / union
        torch.testing.assert_close(per_image("lovasz", BLOB, 60 * hard, errors="sigmoid"), loss)
        torch.testing.assert_close(per_image("lovasz", BLOB, hard), 2 * loss)  # hinge errors are 2 or 0


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky"])
def test_on_an_empty_mask_less_object_is_better_everywhere(name):
    truth = scene("empty")
    logits = random_logits(truth).requires_grad_()
    (slope,) = torch.autograd.grad(per_image(name, truth, logits).sum(), logits)
    assert (slope > 0).all()  # each logit should fall
    levels = [per_image(name, truth, torch.full_like(logits, z))[0].item() for z in (-60, -9, -2, 0, 2, 60)]
    assert levels == sorted(levels)
    assert levels[0] < 1e-9
    assert levels[-1] > 0.98


def test_squared_dice_is_least_at_soft_targets_and_plain_dice_is_not():
    for other in (random_logits(SOFT), 3 * at_target(SOFT), torch.full_like(SOFT.target, 60.0)):
        assert (per_image("dice", SOFT, other, squared=True) > 1e-3).all()
    assert (per_image("dice", SOFT, at_target(SOFT), squared=True) < 1e-12).all()
    hardened = 60 * (SOFT.target - 0.3).sign()
    assert (per_image("dice", SOFT, hardened) < per_image("dice", SOFT, at_target(SOFT))).all()


def test_berhu_gradient_holds_the_threshold():
    """That of the formula with c as a number; the largest error does not feel that it moves c."""
    logits = random_logits(SOFT).requires_grad_()
    error = (logits.sigmoid() - SOFT.target).abs()
    c = torch.tensor([0.2 * e.max().item() for e in error], dtype=torch.float64)[:, None, None, None]
    expected = torch.where(error > c, (error**2 + c**2) / (2 * c), error).flatten(1).mean(1)
    ours = per_image("berhu", SOFT, logits)
    torch.testing.assert_close(ours, expected)
    slopes = [torch.autograd.grad(values.sum(), logits)[0] for values in (ours, expected)]
    torch.testing.assert_close(*slopes)


def test_silog_forgives_a_common_factor_with_full_focus():
    p = 0.2 + 0.3 * random_logits(SOFT).sigmoid()
    values = [per_image("silog", SOFT, (k * p).logit(), focus=1, eps=1e-9) for k in (1.0, 1.7)]
    torch.testing.assert_close(*values, rtol=1e-6, atol=1e-9)
    assert (per_image("silog", SOFT, (1.7 * p).logit()) > values[0] + 0.01).all()


def test_silog_still_pulls_on_a_depth_far_below_its_eps():
    truth = Truth(torch.full((1, 1, 8, 8), 0.5), torch.ones(1, 1, 8, 8), torch.rand(1, 3, 8, 8))
    logits = torch.full((1, 1, 8, 8), -8.0, requires_grad=True)  # p = 3e-4
    (slope,) = torch.autograd.grad(per_image("silog", truth, logits).sum(), logits)
    assert (slope < -1e-3).all()


def test_rmse_of_each_image_and_at_the_target():
    logits = random_logits(SOFT).requires_grad_()
    expected = np.sqrt(((logits.sigmoid() - SOFT.target).detach().numpy() ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(per_image("rmse", SOFT, logits).detach().numpy(), expected, rtol=1e-12)
    truth = scene("constant", dtype=torch.float32)
    even = torch.zeros_like(truth.target, requires_grad=True)
    exact = per_image("rmse", truth._replace(target=even.detach().sigmoid()), even)
    (slope,) = torch.autograd.grad(exact.sum(), even)
    assert exact.tolist() == [0.0, 0.0]
    assert (slope == 0).all()


def test_distance_against_every_pair_of_pixels():
    seeds = torch.rand(3, 1, 13, 9, generator=torch.Generator().manual_seed(2)) > 0.93
    seeds[2] = False
    found = distance(seeds, torch.float64)
    y, x = torch.meshgrid(torch.arange(13.0), torch.arange(9.0), indexing="ij")
    for one, result in zip(seeds[:2, 0], found[:2, 0], strict=True):
        pairs = torch.hypot(y[..., None] - y[one], x[..., None] - x[one])
        torch.testing.assert_close(result, pairs.amin(-1).double(), rtol=1e-6, atol=1e-6)
    assert found[2].isinf().all()


def test_boundary_has_the_gradient_of_its_paper():
    """Kervadec et al.: mean(d p), with d negative inside; ours adds a constant."""
    logits = random_logits(BLOB).requires_grad_()
    inside = BLOB.target > 0.5
    signed = distance(inside, torch.float64) - distance(~inside, torch.float64)
    theirs = (signed * logits.sigmoid()).flatten(1).mean(1) / math.hypot(20, 17)
    ours = per_image("boundary", BLOB, logits)
    slopes = [torch.autograd.grad(values.sum(), logits)[0] for values in (ours, theirs)]
    torch.testing.assert_close(*slopes)
    constant = -(signed * BLOB.target).flatten(1).mean(1) / math.hypot(20, 17)
    torch.testing.assert_close(ours, theirs + constant)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("focal", {"gamma": -1.0}),
        ("focal", {"alpha": 1.5}),
        ("berhu", {"threshold": 0.0}),
        ("huber", {"delta": 0}),
        ("log_l1", {"alpha": -0.5}),
        ("silog", {"focus": 1.2}),
        ("silog", {"eps": 0.0}),
        ("silog", {"eps": math.nan}),
        ("dice", {"smooth": 0.0}),
        ("jaccard", {"smooth": math.inf}),
        ("tversky", {"alpha": 0.0}),
        ("tversky", {"beta": -0.7}),
        ("tversky", {"smooth": -1}),
    ],
)
def test_an_option_out_of_range_is_one_line(name, options):
    ((option, given),) = options.items()
    with pytest.raises(OptionError, match=f"^{option}={given}.* is not accepted; {option} takes a .*$"):
        build(Spec(name, options))
