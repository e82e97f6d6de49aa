"""Objects for collages: a silhouette of up to eight parts, each filled with something else, lit as one thing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.collage.camera import positions
from zoo.data.collage.library import Library
from zoo.data.scenes.draw import Draw, lattice, log_uniform
from zoo.data.scenes.shapes import Shapes
from zoo.data.scenes.textures import noise

PARTS = 8
CUT_EDGE = 0.05  # of a cut-out's height: how wide its edge is taken to be where its shadow falls
SMALLEST, LARGEST = 0.01, 1.5  # an object's height, in heights of the picture
PHOTO, PLAIN, STRIPES, LETTERS, PLATE = range(5)  # what a part is filled with
FILLS = (PHOTO,) * 9 + (PLAIN,) * 6 + (STRIPES,) * 2 + (LETTERS,) + (PLATE,) * 3  # as often as they stand here


@dataclass
class Place:
    """Pixels that an object may cover, (m,) each: where they are in the batch, which object, and in its own units."""

    at: Tensor  # in the flattened (n, h, w)
    which: Tensor  # of the n objects
    x: Tensor  # from its middle, in its heights
    y: Tensor  # upwards from its foot
    is_cut: Tensor  # whether the object is a cut-out
    cut: Tensor  # what the cut-outs have there, (those of m, 4) in [0, 1]


@dataclass
class Objects:
    """One object for each of n scenes."""

    draw: Draw
    shapes: Shapes
    size: tuple[int, int]
    foot: Tensor  # (n, 2) right and down, in longer sides from the middle of the picture
    height: Tensor  # (n,) in longer sides
    turn: Tensor
    stock: Library | None  # cut-outs
    cutout: Tensor  # (n,) which of them it is; -1: a silhouette of ours

    @classmethod
    def make(cls, draw: Draw, split: str, size: tuple[int, int], stock: Library | None) -> "Objects":
        h, w = size
        cutout = torch.where(draw.chance(0.5 if stock else 0.0), draw.choice(tuple(range(len(stock or " ")))), -1)
        share = SMALLEST * (LARGEST / SMALLEST) ** (draw.uniform(0, 1) ** 0.55)
        height = share * h / max(h, w)
        x = draw.uniform(-0.52, 0.52) * w / max(h, w)
        ground = draw.uniform(0.05, 0.55) + (share - 0.9).clamp(min=0) * 0.5
        anywhere = draw.uniform(-0.5, 0.5) + share / 2
        y = torch.where(draw.chance(0.6), ground, anywhere) * h / max(h, w)
        turn = torch.where(draw.chance(0.25), draw.uniform(-3.1, 3.1), draw.uniform(-0.12, 0.12))
        return cls(draw, Shapes.draw(draw, split), size, torch.stack([x, y], 1), height, turn, stock, cutout)

    def place(self, *, lying: Tensor | None = None, some: Tensor | None = None) -> Place:
        """The pixels near each object, or near some; lying: its shadow's, flattened and slanted, (n, 2)."""
        x, y = positions(self.size, self.foot.device)
        x, y = x - self.foot[:, 0, None, None], self.foot[:, 1, None, None] - y
        x, y = x / self.height[:, None, None], y / self.height[:, None, None]
        x, y = x.expand(-1, *self.size), y.expand(-1, *self.size)
        if lying is None:
            cos, sin = torch.cos(self.turn)[:, None, None], torch.sin(self.turn)[:, None, None]
            x, y = cos * x - sin * (y - 0.5), sin * x + cos * (y - 0.5) + 0.5
        else:
            y = y / lying[:, 0, None, None]
            x = x - lying[:, 1, None, None] * y
        aside, up = self.shapes.reach
        if self.stock:
            half = self.stock.aspects[self.cutout] / 2
            aside, up = torch.where(self.cutout < 0, aside, half), torch.where(self.cutout < 0, up, 1.0)
        near = (x.abs() < aside[:, None, None] + 0.1) & (y > -0.1) & (y < up[:, None, None] + 0.1)
        near = near if some is None else near & some[:, None, None]
        at = near.flatten().nonzero()[:, 0]
        which = at // (self.size[0] * self.size[1])
        x, y, is_cut = x.flatten()[at], y.flatten()[at], self.cutout[which] >= 0
        return Place(at, which, x, y, is_cut, self._cut(which[is_cut], x[is_cut], y[is_cut]))

    def outside(self, place: Place) -> Tensor:
        """How far pixels (m,) are outside the silhouette, in its heights; of a cut-out, about so."""
        away = self.shapes.distance(place.x, place.y, place.which)
        away[place.is_cut] = (0.5 - place.cut[:, 3]) * CUT_EDGE
        return away

    def _cut(self, which: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """What cut-outs have at places of theirs, (m, 4) in [0, 1]; transparent beyond their boxes."""
        if self.stock is None:
            return torch.zeros(0, 4, device=x.device)
        photo = self.cutout[which]
        u, v = 2 * x / self.stock.aspects[photo], 1 - 2 * y
        found = _looked_up(self.stock, photo, u, v)
        found[:, 3] *= (u.abs() < 1) & (v.abs() < 1)
        return found

    def cover(self, place: Place) -> Tensor:
        """How much of each pixel the object covers, (m,): edges soft or sharp, with hair at some."""
        pixels = self.height * max(self.size)  # of one height
        soft = (0.7 + log_uniform(self.draw, 0.2, 2.5, 0.5))[place.which]
        hair = (log_uniform(self.draw, 0.01, 0.06, 0.3))[place.which]
        start = self.draw.seed().int()[place.which]
        fringe = (noise(place.x * 40, place.y * 40, start, torch.zeros_like(place.x)) - 0.5) * hair
        away = (self.outside(place) + fringe) * pixels[place.which]
        glass = torch.where(self.draw.chance(0.1), self.draw.uniform(0.35, 0.9), 1.0)[place.which]
        cover = (0.5 - away / soft).clamp(0, 1)
        cover[place.is_cut] = place.cut[:, 3]
        return cover * glass

    def light(self) -> Tensor:
        """What is left of the light (n, 1, h, w) where each casts its shadow on the ground, and under its foot."""
        draw, n, (h, w) = self.draw, len(self.height), self.size
        sign = torch.where(draw.chance(0.5), -1.0, 1.0)
        lying = torch.stack([sign * draw.uniform(0.1, 0.7), draw.uniform(-0.9, 0.9)], 1)
        strength, soft = log_uniform(draw, 0.08, 0.8, 0.6), draw.uniform(0.01, 0.12)
        place = self.place(lying=lying, some=strength > 0)
        away = self.outside(place)
        blur = soft[place.which] * (0.3 + place.y.clamp(0, 1))
        light = torch.ones(n, 1, h, w, device=self.height.device)
        light.view(-1)[place.at] = 1 - (0.5 - away / blur).clamp(0, 1) * strength[place.which]
        x, y = positions(self.size, light.device)
        x = (x - self.foot[:, 0, None, None]) / self.height[:, None, None]
        y = (y - self.foot[:, 1, None, None]) / self.height[:, None, None]
        contact, wide = log_uniform(draw, 0.1, 0.7, 0.6)[:, None, None], draw.uniform(0.1, 0.4)[:, None, None]
        contact = contact * torch.exp(-((x / wide) ** 2)) * torch.exp(-((y / 0.05) ** 2))
        return light * (1 - contact)[:, None]

    def paint(self, place: Place, textures: Library, plate: Tensor) -> Tensor:
        """The colours (m, 3) of the object's pixels. plate (n, 3, h, w): what some parts are taken from."""
        part, seeds = self._parts(place)
        draw = self.draw
        fill = draw.choice(FILLS, PARTS)[place.which, part]
        scale = torch.exp(draw.uniform(-1.0, 1.2, PARTS))[place.which, part]
        angle = draw.uniform(0, 6.283, PARTS)[place.which, part]
        right, down = (draw.uniform(-1, 1, PARTS)[place.which, part] for _ in range(2))
        u = (torch.cos(angle) * place.x - torch.sin(angle) * place.y) * scale + right
        v = (torch.sin(angle) * place.x + torch.cos(angle) * place.y) * scale + down
        source = draw.choice(tuple(range(len(textures))), PARTS)[place.which, part]
        first, second = (self._hues(textures, draw.uniform(0, 1, PARTS, 3))[place.which, part] for _ in range(2))
        colour = first.clone()
        here = fill == PHOTO
        square = textures.aspects[source[here]] ** -0.5  # what was squeezed is stretched again
        colour[here] = _looked_up(textures, source[here], u[here] * square, v[here] / square)
        here = fill == STRIPES
        wave = (torch.sin(u[here] * draw.uniform(15, 60)[place.which[here]]) * 3).clamp(-1, 1) / 2 + 0.5
        colour[here] = torch.lerp(first[here], second[here], wave[:, None])
        here = fill == LETTERS
        row, column = torch.floor(v[here] * 14).int(), torch.floor(u[here] * 40).int()
        ink = (lattice(column, row, seeds[here]) > 0.45) & (torch.remainder(v[here] * 14, 1) > 0.4)
        colour[here] = torch.where(ink[:, None], second[here], first[here])
        here = fill == PLATE
        colour[here] = _elsewhere(plate, place, here, draw.uniform(-0.3, 0.3, 2))
        colour[place.is_cut] = place.cut[:, :3]
        tone = draw.uniform(0.55, 1.2)[place.which]
        facing = draw.uniform(0, 6.283)[place.which]
        relief = draw.uniform(0, 0.7)[place.which] * (torch.cos(facing) * place.x + torch.sin(facing) * (place.y - 0.5))
        pixel = place.at.remainder(self.size[0] * self.size[1]).int()
        dust = lattice(pixel, torch.zeros_like(pixel), seeds) - 0.5
        return (colour * (tone * (1 + relief))[:, None] + 0.03 * dust[:, None]).clamp(0, 1)

    def _parts(self, place: Place) -> tuple[Tensor, Tensor]:
        """Which part each pixel is of, (m,), the nearest of a few points behind a wavy line; and a seed for each."""
        points = self.draw.uniform(-0.45, 0.45, PARTS, 2)
        points[..., 1] += 0.5
        count = self.draw.choice(tuple(range(1, PARTS + 1)))[place.which]
        start = self.draw.seed().int()[place.which]
        wobble = (noise(place.x * 6, place.y * 6, start, torch.zeros_like(place.x)) - 0.5) * 0.15
        nearest, part = torch.full_like(place.x, 99.0), torch.zeros_like(place.which)
        for i in range(PARTS):
            px, py = points[place.which, i].unbind(1)
            away = (place.x - px).abs() * 1.5 + (place.y - py).abs() + wobble * (1 + i % 3)
            closer = (away < nearest) & (i < count)
            nearest, part = torch.where(closer, away, nearest), torch.where(closer, i, part)
        return part, start + part.int() * 7919

    def _hues(self, textures: Library, at: Tensor) -> Tensor:
        """Colours that photos have, (n, PARTS, 3): pixels from places (n, PARTS, 3) of the library."""
        side = textures.photos.shape[-1]
        photo, row, column = ((at[..., k] * top).long() for k, top in enumerate((len(textures), side, side)))
        found = textures.photos[photo, :3, row, column]
        return found.float() / 255


def _looked_up(photos: Library, photo: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Colours (m, c) of photos at places, from -1 to 1 across each, mirrored beyond; bilinear."""
    side, images = photos.photos.shape[-1], photos.photos
    u, v = ((1 - ((w + 1).remainder(4) / 2 - 1).abs()) * (side - 1) for w in (u, v))
    left, top = u.floor().long(), v.floor().long()
    right, bottom = (left + 1).clamp(max=side - 1), (top + 1).clamp(max=side - 1)
    across, down = (u - left)[:, None], (v - top)[:, None]
    above = torch.lerp(images[photo, :, top, left].float(), images[photo, :, top, right].float(), across)
    below = torch.lerp(images[photo, :, bottom, left].float(), images[photo, :, bottom, right].float(), across)
    return torch.lerp(above, below, down) / 255


def _elsewhere(plate: Tensor, place: Place, here: Tensor, off: Tensor) -> Tensor:
    """Colours (m, 3) of the plate a little beside the pixels, so that a part looks like what is around it."""
    h, w = plate.shape[-2:]
    at, which = place.at[here] % (h * w), place.which[here]
    row = (at // w + (off[which, 1] * h).long()).remainder(h)
    column = (at % w + (off[which, 0] * w).long()).remainder(w)
    return plate[which, :, row, column]
