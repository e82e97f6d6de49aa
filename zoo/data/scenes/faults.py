"""What a real camera does to a pair: each fault with its own probability and strength, drawn once per scene.

Faults of the scene (shadow, reflection, leaves, camouflage) are drawn here and rendered in `render`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.scenes.cache import few_at_once
from zoo.data.scenes.draw import AT_X, AT_Y, OF_SEED, Draw, scattered
from zoo.data.scenes.jpeg import jpeg

CLEAN_QUALITY = 65.0
PROBABILITY = {
    "shift": 0.7,
    "turn": 0.6,
    "gain": 0.5,
    "gamma": 0.4,
    "white_balance": 0.4,
    "shadow": 0.75,
    "reflection": 0.3,
    "noise": 0.6,
    "defocus": 0.4,
    "motion": 0.25,
    "compression": 1.0,
    "leaves": 0.5,
    "camouflage": 0.27,
}


@dataclass
class Faults:
    """Strengths, (b,) each unless said; no fault is 0, or 1 for gain and gamma."""

    shift: Tensor  # (b, 2) share of the longer side, right and down
    turn: Tensor  # radians
    gain: Tensor
    gamma: Tensor
    white_balance: Tensor  # (b, 3)
    shadow: Tensor  # share of light that is lost
    reflection: Tensor  # share of the mirror image on the ground
    noise: Tensor  # (b, 2) standard deviation, in the plate and in the photo
    defocus: Tensor  # standard deviation of the blur, share of the side
    motion: Tensor  # (b, 2) length of the smear, share of the side
    quality: Tensor  # (b, 2) of JPEG, in the plate and in the photo
    leaves: Tensor  # how far leaves move, share of the side
    camouflage: Tensor  # booleans

    @classmethod
    def draw(cls, draw: Draw, tier: str, only: str | None) -> "Faults":
        """tier clean has none but compression; only: this one always and no other."""

        def on(name: str) -> Tensor:
            p = PROBABILITY[name] if only is None else float(name == only)
            return draw.chance(p if tier == "hard" else 0.0)

        def strength(name: str, low: float, high: float, *, around: float = 0.0, signed: bool = False) -> Tensor:
            size = draw.uniform(low, high) * (torch.where(draw.chance(0.5), -1.0, 1.0) if signed else 1.0)
            return around + torch.where(on(name), size, 0.0)

        angle, smear = draw.uniform(0, 2 * torch.pi), draw.uniform(0, 2 * torch.pi)
        shift, motion = strength("shift", 0.002, 0.01), strength("motion", 0.004, 0.014)
        noise, compression = on("noise"), on("compression")
        quality = torch.where(compression[:, None], draw.uniform(40, 95, 2), CLEAN_QUALITY)
        return cls(
            shift=shift[:, None] * torch.stack([torch.cos(angle), torch.sin(angle)], 1),
            turn=strength("turn", 0.002, 0.0175, signed=True),
            gain=strength("gain", 0.04, 0.22, around=1.0, signed=True),
            gamma=strength("gamma", 0.04, 0.2, around=1.0, signed=True),
            white_balance=1 + torch.where(on("white_balance")[:, None], draw.uniform(-0.1, 0.1, 3), 0.0),
            shadow=strength("shadow", 0.2, 0.6),
            reflection=strength("reflection", 0.1, 0.35),
            noise=torch.where(noise[:, None], draw.uniform(0.006, 0.03, 2), 0.0),
            defocus=strength("defocus", 0.002, 0.006),
            motion=motion[:, None] * torch.stack([torch.cos(smear), torch.sin(smear)], 1),
            quality=quality,
            leaves=strength("leaves", 0.004, 0.014),
            camouflage=on("camouflage"),
        )


def photograph(plate: Tensor, photo: Tensor, faults: Faults, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Both pictures (b, 3, h, w) as two exposures of a real camera would have come out; seed (b,) for the noise."""
    plate = _moved(plate, faults).clamp_(1e-4, 1)
    plate = changed(plate, faults.gamma != 1, lambda few, at: few ** faults.gamma[at].view(-1, 1, 1, 1))
    plate = plate.mul_((faults.gain[:, None] * faults.white_balance)[..., None, None])
    pair = torch.cat([plate, smeared(photo, faults.motion)], 1)  # (b, 2 * 3, h, w)
    side = max(pair.shape[-2:])
    defocus = torch.where(faults.defocus != 0, (faults.defocus * side).clamp(min=0.3), 0.0)
    pair = blurred(pair, defocus, max(1, round(0.006 * side * 2.5)))
    pair = grainy(pair, faults.noise.repeat_interleave(3, 1)[..., None, None], seed)
    pair = jpeg(pair.view(-1, *plate.shape[1:]), faults.quality.flatten()).view(-1, 2, *plate.shape[1:])
    return pair[:, 0], pair[:, 1]


def changed(images: Tensor, some: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The images, in which some, (b,) booleans, are changed in place: change(a few of them, which they are)."""
    which = some.nonzero()[:, 0]
    for few in few_at_once(len(which), images[:1].numel(), images.device):
        at = which[few]
        images.index_copy_(0, at, change(images.index_select(0, at), at))
    return images


def _moved(images: Tensor, faults: Faults) -> Tensor:
    """Shifted and turned about the centre; the border mirrors what is inside."""
    h, w = images.shape[-2:]
    side = max(h, w)
    x = (torch.arange(w, device=images.device) + 0.5) * (2 / w) - 1
    y = ((torch.arange(h, device=images.device) + 0.5) * (2 / h) - 1)[:, None]

    def sampled(few: Tensor, at: Tensor) -> Tensor:
        cos, sin = (each[:, None, None] for each in (torch.cos(faults.turn[at]), torch.sin(faults.turn[at])))
        right, down = (2 * side * faults.shift[at])[..., None, None].unbind(1)
        grid = [cos * x + (sin * (h / w) * y - right / w), cos * y - (sin * (w / h) * x + down / h)]
        return F.grid_sample(few, torch.stack(grid, -1), padding_mode="reflection", align_corners=False)

    return changed(images, (faults.turn != 0) | (faults.shift != 0).any(1), sampled)


def smeared(images: Tensor, motion: Tensor) -> Tensor:
    """The mean of five exposures along a line; motion (b, 2), as a share of the longer side."""
    some, side = (motion != 0).any(1), max(images.shape[-2:])
    times = torch.linspace(-0.5, 0.5, 5, device=images.device)
    away = motion[..., None] * side * times  # (b, 2, 5) pixels right and down
    reach = math.ceil(float(away.abs().amax())) if len(away) else 0
    place = torch.arange(-reach, reach + 1, device=images.device)
    across, down = (1 - (place - away[..., None]).abs()).clamp_(min=0).unbind(1)  # (b, 5, taps): between two pixels
    kernel = (down[..., None] * across[..., None, :]).mean(1).flatten(1)  # (b, taps * taps)

    def smear(few: Tensor, at: Tensor) -> Tensor:
        h, w = few.shape[-2:]
        padded = F.pad(few, (reach, reach, reach, reach), mode="replicate")
        taps = [padded[..., i : i + h, j : j + w] for i in range(2 * reach + 1) for j in range(2 * reach + 1)]
        return sum_of(kernel[at].T[..., None, None, None], taps)

    return changed(images, some, smear)


def blurred(images: Tensor, sigma: Tensor, reach: int) -> Tensor:
    """A round Gaussian blur of images (b, c, h, w), by deviations (b,); one of 0 changes nothing. All in pixels."""
    place = torch.arange(-reach, reach + 1, device=images.device)

    def blur(few: Tensor, at: Tensor) -> Tensor:
        h, w = few.shape[-2:]
        kernel = torch.exp(-0.5 * (place / sigma[at, None]) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).T[..., None, None, None]  # (taps, b, 1, 1, 1)
        padded = F.pad(few, (reach, reach, 0, 0), mode="replicate")
        across = sum_of(kernel, [padded[..., i : i + w] for i in range(2 * reach + 1)])
        padded = F.pad(across, (0, 0, reach, reach), mode="replicate")
        return sum_of(kernel, [padded[..., i : i + h, :] for i in range(2 * reach + 1)])

    return changed(images, sigma != 0, blur)


def softened(image: Tensor) -> Tensor:
    """What any lens does: no edge is sharper than about a pixel."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., :-2] + padded[..., 2:]).mul_(0.1).add_(padded[..., 1:-1], alpha=0.8)
    return (across[..., :-2, :] + across[..., 2:, :]).mul_(0.1).add_(across[..., 1:-1, :], alpha=0.8)


def sum_of(weights: Tensor, images: Sequence[Tensor]) -> Tensor:
    """The images, each by its weights, added up: for few taps faster than a convolution in groups."""
    total = images[0] * weights[0]
    for weight, image in zip(weights[1:], images[1:], strict=True):
        total.addcmul_(image, weight)
    return total


def grainy(images: Tensor, deviation: Tensor, seed: Tensor) -> Tensor:
    """Independent noise in every pixel, images (b, c, h, w); the sum of two uniform numbers stands for the normal law.

    deviation: of each image or channel, (b, 1 or c, 1, 1); an image where all are 0 stays as it is.
    """
    c, h, w = images.shape[1:]
    x = torch.arange(w, device=images.device, dtype=torch.int32)
    y = torch.arange(c * h, device=images.device, dtype=torch.int32).view(c, h, 1)
    place = x * AT_X + y * AT_Y

    def grain(few: Tensor, at: Tensor) -> Tensor:
        start = seed[at].int().view(-1, 1, 1, 1)
        noise = scattered(place + start * OF_SEED).add_(scattered(place + (start + 99991) * OF_SEED)).sub_(1)
        return noise.mul_(deviation[at] * 6**0.5).add_(few)  # the sum's variance is 1 / 6

    return changed(images, (deviation != 0).flatten(1).any(1), grain)
