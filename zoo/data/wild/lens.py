"""What a camera makes of the light that reaches it: exposure, white balance, lens, noise and its file."""

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw, log_uniform
from zoo.data.scenes.faults import blurred, changed, smeared
from zoo.data.scenes.jpeg import jpeg

BLUR = 1.4 / 128  # the greatest deviation, in longer sides
GRAINS = 1 << 18
LUMA = (0.3, 0.59, 0.11)


@cache
def grains(device: torch.device, rounds: int) -> Tensor:
    """Numbers of the normal distribution, over and over; pictures read them from places of their own."""
    return Draw("wild grain", np.array([0])).normal(GRAINS)[0].repeat(rounds).to(device)


def grain(seed: Tensor, n: int) -> Tensor:
    """(b, n) normal numbers by seeds (b,)."""
    stock = grains(seed.device, n // GRAINS + 2)
    return torch.stack([stock[start : start + n] for start in (seed % GRAINS).tolist()])


def developed(draw: Draw, light: Tensor, dark: Tensor, chance: Mapping[str, float]) -> Tensor:
    """Both pictures (2 b, 3, h, w) of linear light as a camera sets itself; dark (2 b,): how dark they are to be."""

    def pair(value: Tensor, off: Tensor) -> Tensor:
        """The plate's is off."""
        return torch.cat([value + off, value])

    luma, varies = torch.tensor(LUMA, device=light.device), float(chance["colour"] > 0)
    mean = light.clamp(max=3).mean((2, 3)).clamp(min=1e-4)  # (2 b, 3)
    level = (mean * luma).sum(1)
    sign = torch.where(draw.chance(0.5), -1.0, 1.0)
    key = (
        pair(draw.uniform(math.log(0.22), math.log(0.6)), log_uniform(draw, 0.02, 0.5, chance["exposure"]) * sign).exp()
        * dark
    )
    adapts = pair(draw.uniform(0.2, 0.85), draw.uniform(-0.1, 0.1) * varies)[:, None]
    tint = torch.cat(
        [draw.normal(3) * 0.04 * draw.chance(chance["colour"])[:, None] + (common := draw.normal(3) * 0.03), common]
    )
    gain = (key / level)[:, None] * (level[:, None] / mean) ** adapts * tint.exp()
    light = 1 - torch.exp(light * (-1.3 * gain)[..., None, None])
    h, w = light.shape[-2:]
    x = (torch.arange(w, device=light.device) + 0.5 - w / 2) / max(h, w)
    y = ((torch.arange(h, device=light.device) + 0.5 - h / 2) / max(h, w))[:, None]
    dim = log_uniform(draw, 0.1, 1.0, 0.5).repeat(2)[:, None, None]
    light = (light * (1 - dim * (x * x + y * y))[:, None]).clamp(min=1e-6).sqrt()
    punch = pair(draw.uniform(0.2, 1.2), draw.uniform(-0.15, 0.15) * varies)[:, None, None, None]
    light = torch.lerp(light, light * light * (3 - 2 * light), punch)
    grey = (light * luma[:, None, None]).sum(1, keepdim=True)
    vivid = pair(draw.uniform(0.9, 1.6), draw.uniform(-0.1, 0.1) * varies)[:, None, None, None]
    return torch.lerp(grey, light, vivid).clamp(0, 1)


def exposed(draw: Draw, images: Tensor, chance: Mapping[str, float]) -> Tensor:
    """(2 b, 3, h, w): blur, a smear, noise and compression, each picture's own."""
    c, h, w = images.shape[1:]
    side = max(h, w)
    blur = torch.cat([log_uniform(draw, BLUR / 4, BLUR, chance["blur"]) for _ in range(2)]) * side
    blur = torch.where(blur != 0, blur.clamp(min=0.25), 0.0)
    smear = torch.cat([log_uniform(draw, 0.004, 0.03, chance["smear"]) for _ in range(2)])
    angle = draw.uniform(0, 2 * math.pi, 2).T.flatten()
    images = smeared(images, smear[:, None] * torch.stack([torch.cos(angle), torch.sin(angle)], 1))
    images = blurred(images, blur, math.ceil(2 * BLUR * side))
    deviation = torch.cat([log_uniform(draw, 0.004, 0.12, chance["noise"]) for _ in range(2)])
    seed = torch.cat([draw.seed(), draw.seed()])

    def noisy(few: Tensor, at: Tensor) -> Tensor:
        noise = grain(seed[at], c * h * w).view_as(few)
        return torch.addcmul(few, noise * (0.4 + few).clamp(max=1.2), deviation[at].view(-1, 1, 1, 1)).clamp_(0, 1)

    images = changed(images, deviation != 0, noisy)
    packed, quality = draw.chance(chance["compression"], 2).T.flatten(), draw.uniform(20, 95, 2).T.flatten()
    return changed(images, packed, lambda few, at: jpeg(few, quality[at]))
