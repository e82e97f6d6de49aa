"""Two views by a camera of one photo: its position, the light, and what lens and file do to the picture.

Strengths are log-uniform over the range that people meet: a plate is off by 0.2 % to 8 % of the width, turned by up to
5 degrees, zoomed by up to 4 %, and off by a smooth field besides, since things stand at several distances.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.collage.library import Library
from zoo.data.scenes.draw import Draw, log_uniform
from zoo.data.scenes.faults import blurred, changed, grainy, smeared
from zoo.data.scenes.jpeg import jpeg
from zoo.data.scenes.textures import noise
from zoo.data.warp import displaced

BLUR = 1.6 / 128  # the greatest deviation, in longer sides


def positions(size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Pixel centres from the middle, x (1, 1, w) and y (1, h, 1), in units of the longer side."""
    h, w = size
    x = (torch.arange(w, device=device) + 0.5 - w / 2) / max(h, w)
    y = (torch.arange(h, device=device) + 0.5 - h / 2) / max(h, w)
    return x[None, None], y[None, :, None]


class View:
    """A crop of one photo for each scene; `look` reads it from a place a little off."""

    def __init__(self, draw: Draw, photos: Library, size: tuple[int, int]):
        self.size, self.photos = size, photos
        self.which = draw.choice(tuple(range(len(photos))))
        part, mirror = draw.uniform(0.5, 1.0), torch.where(draw.chance(0.5), -1.0, 1.0)
        aspect = photos.aspects[self.which]
        h, w = size
        wide = torch.minimum(torch.ones_like(aspect), (w / h) / aspect) * part  # shares of the photo that are seen
        high = torch.minimum(torch.ones_like(aspect), aspect / (w / h)) * part
        self.scale = torch.stack([wide * mirror * 2 * max(h, w) / w, high * 2 * max(h, w) / h], 1)
        self.centre = torch.stack([(1 - wide) * draw.uniform(-1, 1), (1 - high) * draw.uniform(-1, 1)], 1)

    def look(self, x: Tensor, y: Tensor) -> Tensor:
        """The photos (b, 3, h, w) in [0, 1] at places (b, h, w); beyond its border a photo is mirrored."""
        picked = self.photos.photos[self.which].float() / 255
        scale, centre = self.scale[:, None, None], self.centre[:, None, None]
        grid = torch.stack([x, y], -1) * scale + centre
        return F.grid_sample(picked, grid, padding_mode="reflection", align_corners=False)


def pair(draw: Draw, photos: Library, size: tuple[int, int]) -> tuple[Tensor, Tensor, View]:
    """Plate and photo (b, 3, h, w), before there is an object: one place, two looks."""
    view = View(draw, photos, size)
    x, y = positions(size, draw.device)
    x, y = x.expand(len(draw), *size), y.expand(len(draw), *size)
    photo = view.look(x, y)
    angle = draw.uniform(0, 2 * torch.pi)
    shift = log_uniform(draw, 0.002, 0.08, 0.6)
    turn = log_uniform(draw, 0.002, math.radians(5), 0.5) * torch.where(draw.chance(0.5), -1.0, 1.0)
    zoom = 1 + log_uniform(draw, 0.002, 0.04, 0.4) * torch.where(draw.chance(0.5), -1.0, 1.0)
    bend = log_uniform(draw, 0.001, 0.02, 0.35)
    right, down = shift * torch.cos(angle), shift * torch.sin(angle)
    start, flat = draw.seed().int()[:, None, None], torch.zeros_like(x)
    field = [(noise(x * 3 + 9, y * 3 + 9, start + k, flat) - 0.5) * 4 * bend[:, None, None] for k in (0, 7)]
    cos, sin, zoom, right, down = (
        each[:, None, None] for each in (torch.cos(turn), torch.sin(turn), zoom, right, down)
    )
    plate = view.look((cos * x - sin * y) * zoom + right + field[0], (sin * x + cos * y) * zoom + down + field[1])
    return plate, _rustled(draw, photo), view


def _rustled(draw: Draw, photo: Tensor) -> Tensor:
    """The photo with patches of it moved, as leaves, curtains and water do."""
    strength, start = log_uniform(draw, 0.003, 0.02, 0.3), draw.seed().int()
    h, w = photo.shape[-2:]
    x, y = positions((h, w), photo.device)
    flat = torch.zeros_like(x)

    def moved(few: Tensor, which: Tensor) -> Tensor:
        seed = start[which][:, None, None]
        patch = ((noise(x * 3 + 5, y * 3 + 5, seed, flat) - 0.55) * 8).clamp(0, 1)
        sway = torch.stack([noise(x * 14 + 5, y * 14 + 5, seed + k, flat) - 0.5 for k in (1, 2)], 1)
        return displaced(few, sway * (patch * strength[which][:, None, None] * max(h, w) * 3)[:, None])

    return changed(photo, strength != 0, moved)


def lit(draw: Draw, images: Tensor, p: float) -> Tensor:
    """Another light over the whole picture: gain, gamma, white balance, a gradient across it, a lamp in it."""
    b, size = len(images), images.shape[-2:]
    x, y = positions((size[0], size[1]), images.device)
    sign = torch.where(draw.chance(0.5), -1.0, 1.0)
    gain = torch.exp(log_uniform(draw, 0.02, 0.5, p) * sign)
    gamma = torch.exp(log_uniform(draw, 0.02, 0.35, p * 0.7) * torch.where(draw.chance(0.5), -1.0, 1.0))
    tint = 1 + draw.uniform(-0.12, 0.12, 3) * draw.chance(p * 0.6)[:, None]
    slope = log_uniform(draw, 0.03, 0.6, p * 0.4)[:, None, None]
    angle = draw.uniform(0, 2 * torch.pi)[:, None, None]
    ramp = 1 + slope * (torch.cos(angle) * x + torch.sin(angle) * y)
    lamp = log_uniform(draw, 0.05, 0.8, p * 0.25)[:, None, None]
    at, reach = draw.uniform(-0.5, 0.5, 2)[..., None, None], draw.uniform(0.1, 0.5)[:, None, None]
    glow = 1 + lamp * torch.exp(-((x - at[:, 0]) ** 2 + (y - at[:, 1]) ** 2) / reach**2)
    light = (ramp * glow)[:, None] * (gain[:, None] * tint).view(b, 3, 1, 1)
    return (images.clamp(1e-4, 1) ** gamma.view(b, 1, 1, 1) * light).clamp(0, 1)


def shaded(draw: Draw, images: Tensor, p: float) -> Tensor:
    """The shadow of something outside the picture: soft or hard, with a straight edge or a wavy one."""
    size = images.shape[-2:]
    x, y = positions((size[0], size[1]), images.device)
    strength = log_uniform(draw, 0.05, 0.8, p)[:, None, None]
    angle, place = draw.uniform(0, 2 * torch.pi)[:, None, None], draw.uniform(-0.35, 0.35)[:, None, None]
    soft, wave = draw.uniform(0.01, 0.2)[:, None, None], draw.uniform(0.0, 0.5)[:, None, None]
    start = draw.seed().int()[:, None, None]
    x, y = x.expand(len(images), *size), y.expand(len(images), *size)
    wavy = (noise(x * 5 + 9, y * 5 + 9, start, torch.zeros_like(x)) - 0.5) * wave
    away = torch.cos(angle) * x + torch.sin(angle) * y - place + wavy
    return images * (1 - strength * torch.sigmoid(away / soft * 4))[:, None]


def exposed(draw: Draw, images: Tensor) -> Tensor:
    """What the lens and the file make of a picture: blur, a smear, noise, compression."""
    side = max(images.shape[-2:])
    blur, smear = log_uniform(draw, BLUR / 5, BLUR, 0.4) * side, log_uniform(draw, 0.004, 0.025, 0.15)
    blur = torch.where(blur != 0, blur.clamp(min=0.2), 0.0)
    angle = draw.uniform(0, 2 * torch.pi)
    images = smeared(images, smear[:, None] * torch.stack([torch.cos(angle), torch.sin(angle)], 1))
    images = blurred(images, blur, math.ceil(2 * BLUR * side))
    grain = log_uniform(draw, 0.004, 0.12, 0.7)
    images = grainy(images, grain[:, None, None, None], draw.seed()).clamp(0, 1)
    packed, quality = draw.chance(0.85), draw.uniform(25, 95)
    return changed(images, packed, lambda few, which: jpeg(few, quality[which]))
