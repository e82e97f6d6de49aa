"""Changes of what a camera records: light and paint change both pictures alike, noise and blur each on its own.

A plate was taken earlier, and sees another light.
"""

import math
from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from registry import Card
from zoo.contract import InputError, Sample
from zoo.data.augment import BatchDraw, Least, P, augmentations
from zoo.data.scenes.jpeg import jpeg as compressed


@augmentations.register("rgb_shift", Card(summary="each channel lighter or darker, alike in both pictures"))
def rgb_shift(
    batch: Sample, draw: BatchDraw, *, limit: Annotated[float, "largest shift, of a range of 1"] = 0.08, p: P = 1.0
) -> Sample:
    shift = draw.uniform(-limit, limit, batch.bg.shape[1], 1, 1) * draw.chosen(p)
    return _both(batch, lambda image: image + shift)


@augmentations.register("hsv", Card(summary="hue, saturation and value shifted, alike in both pictures"))
def hsv(
    batch: Sample,
    draw: BatchDraw,
    *,
    hue: Annotated[float, "largest turn of the colour wheel, degrees"] = 20.0,
    saturation: Annotated[float, "largest shift, of a range of 1"] = 0.12,
    value: Annotated[float, "largest shift, of a range of 1"] = 0.08,
    p: P = 1.0,
) -> Sample:
    from kornia.color import hsv_to_rgb, rgb_to_hsv

    _need_rgb(batch, "hsv")
    turn, paler, lighter = (draw.uniform(-most, most, 1, 1, 1) for most in (hue, saturation, value))
    chosen = draw.chosen(p)

    def change(image: Tensor) -> Tensor:
        h, s, v = rgb_to_hsv(image).chunk(3, 1)  # hue in radians
        h = torch.remainder(h + torch.deg2rad(turn), 2 * torch.pi)
        s = torch.where(s > 0, s + paler, s).clamp(0, 1)  # grey has no hue that could show, so it stays grey
        return torch.where(chosen, hsv_to_rgb(torch.cat([h, s, (v + lighter).clamp(0, 1)], 1)), image)

    return _both(batch, change)


@augmentations.register("noise", Card(summary="Gaussian noise, independent in both pictures"))
def noise(
    batch: Sample,
    draw: BatchDraw,
    *,
    std: Annotated[float, "largest standard deviation, of a range of 1"] = 0.02,
    p: P = 1.0,
) -> Sample:
    strength = draw.uniform(0, std, 1, 1, 1) * draw.chosen(p)
    return _both(batch, lambda image: image + strength * draw.normal(image))


@augmentations.register("blur", Card(summary="defocus, of a different strength in each picture"))
def blur(batch: Sample, draw: BatchDraw, *, sigma: Annotated[float, "largest, in pixels"] = 1.0, p: P = 0.3) -> Sample:
    from kornia.filters import gaussian_blur2d

    if sigma == 0:
        return batch
    size = 2 * max(1, round(3 * sigma)) + 1

    def change(image: Tensor) -> Tensor:
        sigmas = draw.uniform(0.05, max(sigma, 0.05), 1).expand(-1, 2)  # from what leaves a picture as it is
        return draw.some(p, image, lambda rows: gaussian_blur2d(image[rows], (size, size), sigmas[rows], "replicate"))

    return _both(batch, change)


@augmentations.register("motion", Card(summary="motion blur, a different one in each picture"))
def motion(
    batch: Sample, draw: BatchDraw, *, pixels: Annotated[int, "length of the streak, made odd"] = 5, p: P = 0.1
) -> Sample:
    from kornia.filters import motion_blur

    if (half := pixels // 2) == 0:
        return batch

    def change(image: Tensor) -> Tensor:
        angle = draw.uniform(0, 360)
        ahead = torch.zeros_like(angle)  # as much before a place as behind it
        return draw.some(
            p, image, lambda rows: motion_blur(image[rows], 2 * half + 1, angle[rows], ahead[rows], "replicate")
        )

    return _both(batch, change)


@augmentations.register("jpeg", Card(summary="JPEG compression, at a different quality in each picture"))
def jpeg(
    batch: Sample,
    draw: BatchDraw,
    *,
    quality: Annotated[tuple[float, float], "lowest and highest, 1 to 100"] = (40.0, 95.0),
    p: P = 0.5,
) -> Sample:
    _need_rgb(batch, "jpeg")

    def change(image: Tensor) -> Tensor:
        at = draw.uniform(*quality)
        return draw.some(p, image, lambda rows: compressed(image[rows].float(), at[rows].float()).to(image))

    return _both(batch, change)


@augmentations.register("plate_gain", Card(summary="the plate with another exposure"))
def plate_gain(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of brightness, as a share"] = 0.1,
    p: P = 0.5,
) -> Sample:
    return batch._replace(bg=batch.bg * (1 + draw.uniform(-limit, limit, 1, 1, 1) * draw.chosen(p)))


@augmentations.register("plate_gamma", Card(summary="the plate with another tone curve"))
def plate_gamma(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of the exponent, as a share"] = 0.1,
    p: P = 0.5,
) -> Sample:
    return batch._replace(bg=batch.bg ** ((1 + limit) ** (draw.uniform(-1, 1, 1, 1, 1) * draw.chosen(p))))


@augmentations.register("plate_white_balance", Card(summary="the plate warmer, cooler, greener"))
def plate_white_balance(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of a channel, as a share"] = 0.06,
    p: P = 0.5,
) -> Sample:
    return batch._replace(bg=batch.bg * (1 + draw.uniform(-limit, limit, batch.bg.shape[1], 1, 1) * draw.chosen(p)))


@augmentations.register("photo_shadow", Card(summary="a soft shadow of something outside, in the photo alone"))
def photo_shadow(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest share of the light that is lost"] = 0.8,
    least: Least = 0.05,
    p: P = 0.3,
) -> Sample:
    inside = torch.where(draw.chosen(0.5)[:, 0], _behind_line(batch.fg_bg, draw), _within_blot(batch.fg_bg, draw))
    dark = draw.strength(least, limit)[:, None, None] * inside
    return batch._replace(fg_bg=batch.fg_bg * torch.where(draw.chosen(p), 1 - dark[:, None], 1))


@augmentations.register("relight", Card(summary="the photo in another light: gain, tone, colour, a gradient across it"))
def relight(
    batch: Sample,
    draw: BatchDraw,
    *,
    limit: Annotated[float, "largest change of brightness, as a share"] = 0.4,
    least: Least = 0.02,
    p: P = 0.5,
) -> Sample:
    across, down = _axes(batch.fg_bg)
    gain, tone, slope = (torch.exp(draw.strength(least, limit) * draw.sign())[:, None, None] for _ in range(3))
    colour, angle = 1 + draw.uniform(-0.3, 0.3, batch.fg_bg.shape[1], 1, 1) * limit, draw.uniform(0, 2 * math.pi, 1, 1)
    ramp = gain * (1 + (slope - 1) * (angle.cos() * across + angle.sin() * down))
    lit = batch.fg_bg.clamp(min=1e-4) ** tone[:, None] * (ramp[:, None] * colour)
    return batch._replace(fg_bg=torch.where(draw.chosen(p), lit, batch.fg_bg))


def _behind_line(image: Tensor, draw: BatchDraw) -> Tensor:
    """How far each pixel is behind a line, straight or wavy, (b, h, w) from 0 to 1."""
    across, down = _axes(image)
    angle, place = draw.uniform(0, 2 * math.pi, 1, 1), draw.uniform(-0.35, 0.35, 1, 1)
    away = angle.cos() * across + angle.sin() * down - place
    away = away + draw.uniform(0, 0.15, 1, 1) * torch.sin(8 * (down * angle.cos() - across * angle.sin()) + 6 * place)
    return torch.sigmoid(away / draw.uniform(0.005, 0.05, 1, 1))


def _within_blot(image: Tensor, draw: BatchDraw) -> Tensor:
    """How far each pixel is within an ellipse with lobes, whose edge is hard or wide, (b, h, w) from 0 to 1."""
    across, down = _axes(image)
    middle, reach = draw.uniform(-0.4, 0.4, 2)[..., None, None], draw.uniform(0.08, 0.45, 2)[..., None, None]
    x, y = (across - middle[:, 0]) / reach[:, 0], (down - middle[:, 1]) / reach[:, 1]
    lobes = draw.uniform(0, 0.2, 1, 1) * torch.cos(3 * torch.atan2(y, x) + draw.uniform(0, 2 * math.pi, 1, 1))
    return torch.sigmoid((1 + lobes - torch.hypot(x, y)) / torch.exp(draw.uniform(math.log(0.02), math.log(0.3), 1, 1)))


def _axes(image: Tensor) -> tuple[Tensor, Tensor]:
    """Places from -0.5 to 0.5: across (w,) and down (h, 1)."""
    places = (torch.arange(n, dtype=image.dtype, device=image.device) for n in (image.shape[-1], image.shape[-2]))
    across, down = ((place + 0.5) / len(place) - 0.5 for place in places)
    return across, down[:, None]


def _both(batch: Sample, change: Callable[[Tensor], Tensor]) -> Sample:
    """Both pictures changed, the plate first."""
    return batch._replace(bg=change(batch.bg), fg_bg=change(batch.fg_bg))


def _need_rgb(batch: Sample, who: str) -> None:
    if batch.bg.shape[1] != 3:
        raise InputError(f"{who} works on red, green and blue; bg has {batch.bg.shape[1]} channels. Leave {who} out")
