"""What every loss must do, as functions of a loss and its card; test_losses.py applies them to the catalog."""

import itertools
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from zoo.losses.catalog import Loss, LossCard, Truth

FAR = 60.0  # logits that saturate a sigmoid in float64
TARGETS = ("blob", "noise", "empty", "full", "constant", "soft")


def scene(
    kind: str = "soft", b: int = 2, h: int = 24, w: int = 24, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Truth:
    """A target of a kind, everything valid, and an image of noise."""
    generator = torch.Generator().manual_seed(seed)
    rand = partial(torch.rand, generator=generator, dtype=dtype)
    target = torch.zeros(b, 1, h, w, dtype=dtype)
    for one in target[:, 0]:
        top, left = (int(rand(1) * side / 2) for side in (h, w))
        one[top : top + h // 3 + 1, left : left + w // 2 + 1] = 1
    if kind == "noise":
        target = (rand(b, 1, h, w) > 0.5).to(dtype)
    if kind == "soft":  # slopes and a step, as depth has them; 0 and 1 do not occur
        slope = torch.linspace(0, 1, h, dtype=dtype)[:, None] * torch.linspace(0.3, 1, w, dtype=dtype)
        target = 0.1 + 0.5 * slope + 0.2 * target + 0.1 * rand(b, 1, h, w)
    if kind in ("empty", "full", "constant"):
        target = torch.full_like(target, {"empty": 0.0, "full": 1.0, "constant": 0.4}[kind])
    return Truth(target, torch.ones_like(target), rand(b, 3, h, w))


def random_logits(truth: Truth, seed: int = 1, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(truth.target.shape, generator=generator, dtype=truth.target.dtype)


def at_target(truth: Truth) -> Tensor:
    return truth.target.logit(eps=1e-12)


def exact_targets(card: LossCard) -> tuple[str, ...]:
    """The kinds of target for which the card's least_at_target and floor hold."""
    binary = ("blob", "noise", "empty", "full") if "mask" in card.tasks or not card.soft_targets else ()
    return binary + (("soft", "constant") if card.soft_targets else ())


def predictions(truth: Truth, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Others than the target: noise, saturated and undecided maps, the target blurred, inverted, shrunk, hardened."""
    z = at_target(truth)
    blurred = torch.nn.functional.avg_pool2d(truth.target, 3, 1, 1, count_include_pad=False)
    yield "noise", random_logits(truth, seed)
    yield "zeros", torch.full_like(z, -FAR)
    yield "ones", torch.full_like(z, FAR)
    yield "undecided", torch.zeros_like(z)
    yield "blurred", blurred.logit(eps=1e-6)
    yield "inverted", -z
    yield "timid", 0.5 * z
    yield "near", z.clamp(-4, 4) + random_logits(truth, seed, 0.1)
    yield "hard", torch.where(truth.target > 0.5, FAR, -FAR)


def check_values(loss: Loss, card: LossCard, truth: Truth, logits: Tensor) -> None:
    """One finite value per image, in the card's range, of the logits' dtype; and nothing that came in is changed."""
    before = [value.clone() for value in (logits, *truth)]
    values = loss(logits, truth)
    assert values.shape == logits.shape[:1]
    assert values.dtype == logits.dtype
    assert values.isfinite().all(), values
    low, high = card.range
    slack = (1e-4 if values.dtype == torch.float32 else 1e-8) * max(1.0, high if high < float("inf") else 1.0)
    assert (values >= low - slack).all(), (values, card.range)
    assert (values <= high + slack).all(), (values, card.range)
    assert all(torch.equal(a, b) for a, b in zip(before, (logits, *truth), strict=True))


def check_alone(loss: Loss, truth: Truth, logits: Tensor) -> None:
    """An image's value does not depend on the images beside it."""
    together = loss(logits, truth)
    alone = [loss(z[None], Truth(*(part[None] for part in parts))) for z, *parts in zip(logits, *truth, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-9, atol=1e-10)


def check_derivative(loss: Loss, truth: Truth) -> None:
    logits = random_logits(truth).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, truth), logits, eps=1e-6, atol=1e-5, rtol=1e-3)


def check_downhill(loss: Loss, truth: Truth) -> None:
    """A small step against the gradient lowers every image's value."""
    logits = random_logits(truth).requires_grad_()
    values = loss(logits, truth)
    (slope,) = torch.autograd.grad(values.sum(), logits)
    length = slope.flatten(1).norm(dim=1)
    assert (length > 1e-8).all(), "no gradient"
    lower = loss((logits - 1e-4 * slope / length[:, None, None, None]).detach(), truth)
    assert (lower < values).all(), (values, lower)


def check_least_at_target(loss: Loss, card: LossCard, truth: Truth, seed: int) -> None:
    """No other prediction is better than the target, noise is worse, and the target's value is the floor."""
    best = loss(at_target(truth), truth)
    if card.floor is not None:
        torch.testing.assert_close(best, torch.full_like(best, card.floor), rtol=0, atol=1e-6)
    for name, other in predictions(truth, seed):
        values = loss(other, truth)
        assert (values >= best - 1e-7).all(), (name, values, best)
    if truth.target.std() > 0 and not card.invariant_to:  # noise on a constant may be what an invariance forgives
        assert (loss(random_logits(truth, seed), truth) > best + 1e-6).all()


def check_invariance(loss: Loss, change: str, truth: Truth) -> None:
    p = 0.3 + 0.3 * random_logits(truth).sigmoid()
    scale, shift = {"scale": (1.3, 0.0), "shift": (1.0, 0.2), "scale_and_shift": (1.2, -0.1)}[change]
    changed = loss((scale * p + shift).logit(), truth)
    torch.testing.assert_close(changed, loss(p.logit(), truth), rtol=1e-4, atol=1e-6)


def check_invalid_ignored(loss: Loss, truth: Truth, logits: Tensor) -> None:
    """Whatever is in invalid pixels, of the target, the logits or the image, value and gradient stay the same."""
    valid = torch.ones_like(truth.valid)
    valid[..., :5, :] = 0  # a border, as a turned image has, and a hole
    valid[..., 16:18, 10:12] = 0
    keep = valid > 0
    generator = torch.Generator().manual_seed(5)
    noise = [torch.rand(x.shape, generator=generator, dtype=x.dtype) for x in (truth.target, truth.image, logits)]
    results = []
    for target, image, z in (
        (truth.target, truth.image, logits),
        (
            torch.where(keep, truth.target, noise[0].round()),
            torch.where(keep, truth.image, noise[1]),
            torch.where(keep, logits, 10 * noise[2] - 5),
        ),
    ):
        z = z.clone().requires_grad_()
        values = loss(z, Truth(target, valid, image))
        (slope,) = torch.autograd.grad(values.sum(), z)
        results.append((values.detach(), slope))
    (values, slope), (changed_values, changed_slope) = results
    torch.testing.assert_close(changed_values, values, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(changed_slope, slope, rtol=1e-7, atol=1e-9)
    assert (slope[~keep] == 0).all(), "an invalid pixel has a gradient"
    assert (slope[keep] != 0).any(), "no valid pixel has a gradient"


def degenerate(dtype: torch.dtype) -> Iterator[tuple[str, Truth, Tensor]]:
    """Every kind of target with saturated, undecided, constant, perfect and mixed logits; some of it all invalid."""
    for kind, validity in itertools.product(TARGETS, ("all", "none", "one")):
        truth = scene(kind, h=16, w=16, dtype=dtype)
        if validity != "all":
            truth.valid.zero_()
            truth.valid[:, :, 3, 4] = float(validity == "one")
        sign = random_logits(truth).sign()
        for name, z in (
            ("high", torch.full_like(sign, FAR)),
            ("low", torch.full_like(sign, -FAR)),
            ("zero", torch.zeros_like(sign)),
            ("mixed", FAR * sign),
            ("perfect", truth.target.logit(eps=1e-6)),
        ):
            yield f"{kind} target, {validity} valid, {name} logits", truth, z


def check_degenerate(loss: Loss, card: LossCard, dtype: torch.dtype) -> None:
    """Finite values and gradients whatever comes in, and 0 where no pixel is valid."""
    for name, truth, logits in degenerate(dtype):
        z = logits.clone().requires_grad_()
        check_values(loss, card, truth, logits)
        values = loss(z, truth)
        (slope,) = torch.autograd.grad(values.sum(), z)
        assert slope.isfinite().all(), name
        if not truth.valid.any():
            assert (values == 0).all(), (name, values)
            assert (slope == 0).all(), name
