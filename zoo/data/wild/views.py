"""Who looks: the photo's camera and the plate's, a little off and at another time; and the light each of them has."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from zoo.data.scenes.draw import Draw, log_uniform
from zoo.data.wild.chances import PROBABILITY
from zoo.data.wild.raster import Grids
from zoo.data.wild.world import World


@dataclass
class Camera:
    """One per scene, (b,) each; the eye (b, 3) in metres, y up, ahead along z where nothing is turned."""

    eye: Tensor
    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    focal: Tensor  # in longer sides of the picture

    @classmethod
    def draw(cls, draw: Draw, world: World) -> "Camera":
        nothing = torch.zeros_like(world.eye)
        roll = draw.uniform(-0.03, 0.03) + torch.where(draw.chance(0.1), draw.uniform(-0.3, 0.3), 0.0)
        focal = torch.exp(draw.uniform(math.log(0.7), math.log(1.6)))
        return cls(torch.stack([nothing, world.eye, nothing], 1), world.yaw, world.pitch, roll, focal)

    def moved(self, draw: Draw, away: Tensor, chance: Mapping[str, float]) -> "Camera":
        """From where the plate was taken; away (b,): metres to what should stay about where it was in the picture."""
        off = log_uniform(draw, 0.002, 0.08, chance["shift"])
        walked = torch.where(draw.chance(0.6), draw.uniform(0.3, 1.0), 0.0)  # share that is a step, not a turn
        angle, tilt = draw.uniform(0, 2 * math.pi), draw.uniform(-1.2, 1.2)
        step = off * walked * away / self.focal
        side, up = torch.cos(angle) * step, torch.sin(angle) * step * 0.5
        right = torch.stack([torch.cos(self.yaw), 0 * angle, -torch.sin(self.yaw)], 1)
        ahead = torch.stack([torch.sin(self.yaw), 0 * angle, torch.cos(self.yaw)], 1)
        eye = self.eye + right * side[:, None] + ahead * (0.3 * step * torch.sin(tilt))[:, None]
        eye = torch.stack([eye[:, 0], (eye[:, 1] + up).clamp(min=0.3), eye[:, 2]], 1)
        aim = torch.where(draw.chance(0.5), draw.uniform(0, 1), 0.0)  # a person aims at the same thing again
        turned = off * (1 - walked) / self.focal
        yaw = self.yaw + torch.cos(tilt) * turned - aim * side / away
        pitch = self.pitch + torch.sin(tilt) * turned + aim * up / away
        roll = self.roll + log_uniform(draw, 0.002, math.radians(5), chance["turn"]) * _sign(draw)
        zoom = 1 + log_uniform(draw, 0.002, 0.04, chance["zoom"]) * _sign(draw)
        return Camera(eye, yaw, pitch, roll, self.focal * zoom)

    def grids(self, size: tuple[int, int], flipped: Tensor) -> Grids:
        """flipped (b,): seen from under the ground, as the ground's mirror image is."""
        h, w = size
        step = 1 / (self.focal * max(h, w))
        cos, sin = torch.cos(self.roll), torch.sin(self.roll)
        nothing, one = torch.zeros_like(cos), torch.ones_like(cos)
        across, down = self._turned(cos * step, sin * step, nothing), self._turned(sin * step, -cos * step, nothing)
        corner = self._turned(nothing, nothing, one) + across * (0.5 - w / 2) + down * (0.5 - h / 2)
        flip = torch.where(flipped, -1.0, 1.0)
        flip = torch.stack([one, flip, one])
        return Grids(size, self.eye.T * flip, corner * flip, across * flip, down * flip)

    def _turned(self, right: Tensor, up: Tensor, ahead: Tensor) -> Tensor:
        """A way in the camera's frame in the world's, (3, b)."""
        cos, sin = torch.cos(self.pitch), torch.sin(self.pitch)
        up, ahead = up * cos - ahead * sin, ahead * cos + up * sin
        cos, sin = torch.cos(self.yaw), torch.sin(self.yaw)
        return torch.stack([right * cos + ahead * sin, up, ahead * cos - right * sin])

    def __getitem__(self, rows: Tensor) -> "Camera":
        return Camera(*(getattr(self, each.name)[rows] for each in fields(self)))

    @staticmethod
    def both(one: "Camera", other: "Camera") -> "Camera":
        return Camera(*(torch.cat([getattr(one, each.name), getattr(other, each.name)]) for each in fields(one)))


def _sign(draw: Draw) -> Tensor:
    return torch.where(draw.chance(0.5), -1.0, 1.0)


@dataclass
class Light:
    """One per scene: colours (b, 3) in linear light, ways and places (b, 3)."""

    to_sun: Tensor
    sun: Tensor
    sky: Tensor  # what comes from above
    bounce: Tensor  # what comes from below
    lamp_at: Tensor
    lamp: Tensor
    zenith: Tensor
    horizon: Tensor
    glow: Tensor  # of windows
    fog: Tensor  # (b,) per metre
    dark: Tensor  # (b,) how much darker than by day a picture is taken

    @classmethod
    def draw(cls, draw: Draw, world: World) -> "Light":
        time = draw.uniform(0, 1)
        indoor = world.indoor
        overcast, sunset, night = time < 0.27, (time > 0.75) & (time < 0.87), time >= 0.87
        height = torch.where(sunset, draw.uniform(0.08, 0.35), draw.uniform(0.3, 1.3))
        height = torch.where(indoor, draw.uniform(0.2, 0.9), height)
        turn = world.yaw + torch.where(draw.chance(0.6), _sign(draw) * draw.uniform(0.6, 2.4), draw.uniform(-3.1, 3.1))
        flat = torch.cos(height)
        to_sun = torch.stack([flat * torch.sin(turn), torch.sin(height), flat * torch.cos(turn)], 1)

        def by_time(day: list[float], grey: list[float], evening: list[float], dark: list[float]) -> Tensor:
            day_, grey_, evening_, dark_ = (
                torch.tensor([each], device=time.device) for each in (day, grey, evening, dark)
            )
            found = torch.where(overcast[:, None], grey_, day_)
            return torch.where(night[:, None], dark_, torch.where(sunset[:, None], evening_, found))

        sun = by_time([1.0, 0.93, 0.82], [0.12, 0.12, 0.12], [1.0, 0.5, 0.2], [0.02, 0.03, 0.06])
        sun = sun * draw.uniform(1.2, 3.5)[:, None]
        sky = by_time([0.5, 0.65, 0.95], [0.9, 0.95, 1.0], [0.4, 0.38, 0.5], [0.02, 0.03, 0.06])
        sky = sky * draw.uniform(0.5, 1.1)[:, None]
        sky = torch.where(indoor[:, None], 0.25 + 0.3 * sky, sky)
        warm = torch.stack([torch.ones_like(time), draw.uniform(0.55, 0.95), draw.uniform(0.25, 0.85)], 1)
        on = torch.where(night, 0.95, torch.where(indoor, 0.6, 0.0))
        lamp = warm * ((draw.uniform(0, 1) < on) * draw.uniform(0.6, 4.0))[:, None]
        place = [
            draw.uniform(-2.5, 2.5),
            torch.where(indoor, world.eye + 0.8, draw.uniform(2.5, 4.5)),
            draw.uniform(0.5, 6.0),
        ]
        grey = draw.uniform(0.6, 1.0)[:, None]
        zenith = by_time([1.0, 1.0, 1.0], [0.8, 0.83, 0.87], [0.45, 0.45, 0.6], [0.012, 0.016, 0.035])
        zenith = torch.where((overcast | night)[:, None], zenith * grey, zenith * world.sky)
        horizon = by_time([0.8, 0.88, 0.97], [0.85, 0.87, 0.9], [1.0, 0.62, 0.35], [0.03, 0.03, 0.04]) * grey
        glow = by_time([0.35, 0.4, 0.5], [0.4, 0.4, 0.42], [1.2, 0.8, 0.4], [1.1, 0.75, 0.4])
        fog = torch.where(indoor, 0.0, torch.exp(draw.uniform(math.log(0.0005), math.log(0.025))))
        bounce = (0.25 * sky + 0.18 * sun * to_sun[:, 1:2]) * world.palette[:, 0] ** 0.5
        dark = torch.where(night, draw.uniform(0.35, 0.8), 1.0)
        return cls(to_sun, sun, sky, bounce, torch.stack(place, 1), lamp, zenith, horizon, glow, fog, dark)

    def later(self, draw: Draw, other: "Light", p: float) -> "Light":
        """The light of another hour: often the same, or clouds before the sun (p), or all of it another."""
        less = p / PROBABILITY["light"]
        clouds = torch.where(draw.chance(p), torch.exp(draw.uniform(-1.6, 0.5)), 1.0)[:, None]
        lamps = torch.where(draw.chance(0.3 * less), draw.uniform(0.0, 2.0), 1.0)[:, None]
        another = draw.chance(0.1 * less)
        wander = torch.where(draw.chance(0.3 * less), draw.uniform(0.02, 0.3), 0.0)[:, None] * draw.normal(3)
        to_sun = self.to_sun + wander
        to_sun = torch.stack([to_sun[:, 0], to_sun[:, 1].clamp(min=0.08), to_sun[:, 2]], 1)
        same = Light(
            **{
                **vars(self),
                "to_sun": to_sun / to_sun.norm(dim=1, keepdim=True),
                "sun": self.sun * clouds,
                "lamp": self.lamp * lamps,
            }
        )
        return same.where(~another, other)

    def where(self, this: Tensor, other: "Light") -> "Light":
        """Rows of this, or of the other; this (b,)."""
        picked = {}
        for name, value in vars(self).items():
            told = this if value.dim() == 1 else this[:, None]
            picked[name] = torch.where(told, value, getattr(other, name))
        return Light(**picked)

    def __getitem__(self, rows: Tensor) -> "Light":
        return Light(**{name: value[rows] for name, value in vars(self).items()})

    @staticmethod
    def both(one: "Light", other: "Light") -> "Light":
        return Light(**{name: torch.cat([value, getattr(other, name)]) for name, value in vars(one).items()})
