"""What a real camera does to a pair: each fault with its own probability and strength, drawn once per scene.

Faults of the scene (shadow, reflection, leaves, camouflage) are drawn here and rendered in `render`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.scenes.draw import Draw, lattice
from zoo.data.scenes.jpeg import jpeg
from zoo.data.warp import displaced

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
    plate = _moved(plate, faults)
    plate = plate.clamp(1e-4, 1) ** faults.gamma.view(-1, 1, 1, 1)
    plate = plate * (faults.gain[:, None] * faults.white_balance)[..., None, None]
    pair = torch.cat([plate, smeared(photo, faults.motion)], 1)  # (b, 2 * 3, h, w)
    side = max(pair.shape[-2:])
    defocus = torch.where(faults.defocus != 0, (faults.defocus * side).clamp(min=0.3), 0.0)
    pair = blurred(pair, defocus, max(1, round(0.006 * side * 2.5)))
    pair = grainy(pair, faults.noise.repeat_interleave(3, 1)[..., None, None], seed).clamp(0, 1)
    pair = jpeg(pair.reshape(-1, *plate.shape[1:]), faults.quality.flatten()).view(-1, 2, *plate.shape[1:])
    return pair[:, 0], pair[:, 1]


def changed(images: Tensor, some: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of the images in which some, (b,) booleans, are changed; where none are, nothing is computed."""
    images = images.clone()
    if some.any():
        images[some] = change(images[some])
    return images


def _moved(images: Tensor, faults: Faults) -> Tensor:
    """Shifted and turned about the centre; the border mirrors what is inside."""
    some = (faults.turn != 0) | (faults.shift != 0).any(1)
    h, w = images.shape[-2:]
    side = max(h, w)
    cos, sin = torch.cos(faults.turn[some]), torch.sin(faults.turn[some])
    right, down = (faults.shift[some] * side).unbind(1)
    matrix = torch.stack(
        [
            torch.stack([cos, sin * h / w, -2 * right / w], 1),
            torch.stack([-sin * w / h, cos, -2 * down / h], 1),
        ],
        1,
    )

    def sampled(images: Tensor) -> Tensor:
        grid = F.affine_grid(matrix, [len(matrix), 3, h, w], align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    return changed(images, some, sampled)


def smeared(images: Tensor, motion: Tensor) -> Tensor:
    """The mean of five exposures along a line; motion (b, 2), as a share of the longer side."""
    some = (motion != 0).any(1)
    h, w = images.shape[-2:]
    step = (motion[some] * max(h, w))[..., None, None].expand(-1, 2, h, w)
    times = (-0.5, -0.25, 0.0, 0.25, 0.5)
    return changed(images, some, lambda picked: torch.stack([displaced(picked, step * at) for at in times]).mean(0))


def blurred(images: Tensor, sigma: Tensor, reach: int) -> Tensor:
    """A round Gaussian blur of images (b, c, h, w), by deviations (b,); one of 0 changes nothing. All in pixels."""
    some, (h, w) = sigma != 0, images.shape[-2:]
    place = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-0.5 * (place / sigma[some, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).T[..., None, None, None]  # (taps, b, 1, 1, 1)

    def blur(images: Tensor) -> Tensor:
        padded = F.pad(images, (reach, reach, 0, 0), mode="replicate")
        across = sum_of(kernel, [padded[..., at : at + w] for at in range(2 * reach + 1)])
        padded = F.pad(across, (0, 0, reach, reach), mode="replicate")
        return sum_of(kernel, [padded[..., at : at + h, :] for at in range(2 * reach + 1)])

    return changed(images, some, blur)


def softened(image: Tensor) -> Tensor:
    """What any lens does: no edge is sharper than about a pixel."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = 0.1 * (padded[..., :-2] + padded[..., 2:]) + 0.8 * padded[..., 1:-1]
    return 0.1 * (across[..., :-2, :] + across[..., 2:, :]) + 0.8 * across[..., 1:-1, :]


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
    some, (c, h, w) = (deviation != 0).flatten(1).any(1), images.shape[1:]
    x = torch.arange(w, device=images.device, dtype=torch.int32)
    y = torch.arange(c * h, device=images.device, dtype=torch.int32).view(c, h, 1)
    start = seed[some].int().view(-1, 1, 1, 1)
    grain = lattice(x, y, start) + lattice(x, y, start + 99991) - 1  # variance 1 / 6
    return changed(images, some, lambda picked: picked + grain * (deviation[some] * 6**0.5))
