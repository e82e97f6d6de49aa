"""What a real camera does to a pair: each fault with its own probability and strength, drawn once per scene.

Faults of the scene (shadow, reflection, leaves, camouflage) are drawn here and rendered in `render`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.scenes.draw import Draw, lattice
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
    plate = _moved(plate, faults)
    plate = plate.clamp(1e-4, 1) ** faults.gamma.view(-1, 1, 1, 1)
    plate = plate * (faults.gain[:, None] * faults.white_balance)[..., None, None]
    photo = _smeared(photo, faults.motion)
    pair = torch.stack([plate, photo], 1)  # (b, 2, 3, h, w)
    pair = _blurred(pair, faults.defocus)
    pair = _grainy(pair, faults.noise, seed).clamp(0, 1)
    pair = jpeg(pair.flatten(0, 1), faults.quality.flatten()).view_as(pair)
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


def displaced(images: Tensor, away: Tensor) -> Tensor:
    """images (b, c, h, w) read at places off by away (b, 2, h, w), in pixels right and down."""
    h, w = images.shape[-2:]
    x = (torch.arange(w, device=images.device) + 0.5 + away[:, 0]) * (2 / w) - 1
    y = (torch.arange(h, device=images.device)[:, None] + 0.5 + away[:, 1]) * (2 / h) - 1
    return F.grid_sample(images, torch.stack([x, y], -1), padding_mode="border", align_corners=False)


def _smeared(images: Tensor, motion: Tensor) -> Tensor:
    """The mean of five exposures along a line."""
    some = (motion != 0).any(1)
    h, w = images.shape[-2:]
    step = (motion[some] * max(h, w))[..., None, None].expand(-1, 2, h, w)
    times = (-0.5, -0.25, 0.0, 0.25, 0.5)
    return changed(images, some, lambda picked: torch.stack([displaced(picked, step * at) for at in times]).mean(0))


def _blurred(pair: Tensor, defocus: Tensor) -> Tensor:
    """A round Gaussian blur, the same in both."""
    some = defocus != 0
    h, w = pair.shape[-2:]
    sigma = defocus[some] * max(h, w)
    reach = max(1, round(0.006 * max(h, w) * 2.5))
    place = torch.arange(-reach, reach + 1, device=pair.device)
    kernel = torch.exp(-0.5 * (place / sigma[:, None].clamp(min=0.3)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(6, 0)  # one for each of 2 x 3 channels

    def blurred(pair: Tensor) -> Tensor:
        flat = F.pad(pair.reshape(1, -1, h, w), (reach, reach, 0, 0), mode="replicate")
        flat = F.pad(F.conv2d(flat, kernel[:, None, None], groups=len(kernel)), (0, 0, reach, reach), mode="replicate")
        return F.conv2d(flat, kernel[:, None, :, None], groups=len(kernel)).view_as(pair)

    return changed(pair, some, blurred)


def _grainy(pair: Tensor, deviation: Tensor, seed: Tensor) -> Tensor:
    """Independent noise in every pixel, of both pictures; the sum of two uniform numbers stands for the normal law."""
    some = (deviation != 0).any(1)
    n, (h, w) = int(some.sum()), pair.shape[-2:]
    x = torch.arange(w, device=pair.device, dtype=torch.int32)
    y = torch.arange(6 * h, device=pair.device, dtype=torch.int32).view(6, h, 1)
    start = seed[some].int().view(n, 1, 1, 1)
    grain = lattice(x, y, start) + lattice(x, y, start + 99991) - 1  # variance 1 / 6
    strength = (deviation[some] * 6**0.5)[..., None, None, None]
    return changed(pair, some, lambda pair: pair + grain.view(n, 2, 3, h, w) * strength)
