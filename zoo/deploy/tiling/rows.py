"""The maps of a photo of any size, rows after rows: what is alive at once is a tile's work and some rows.

A look at the whole comes first, at the size that the network knows. Each step towards the photo's own size is computed
in tiles, near what the step before left unsure; elsewhere that stays. Without a look at the whole every tile is
computed, which is what the network finds at the photo's own size, but for what lies beyond a tile.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from registry.vocabulary import SMALLEST
from zoo.blocks.registration import Registration
from zoo.contract import InputError, Prediction, Task
from zoo.data.files.images import resize
from zoo.deploy.answer import answer, interface
from zoo.deploy.memory import free, needed, place_of
from zoo.deploy.tiling import spans as lay
from zoo.deploy.tiling.fusing import Before, before, enlarged, fused
from zoo.deploy.tiling.plates import Part, knowing, register_whole, registered_part, registers, unit
from zoo.machine import give_back
from zoo.progress import Pace, Tick, duration

BUDGET = 600_000_000  # bytes that a tile's work may take
TOGETHER = 900_000_000  # bytes of both images and a tile's work; images alone may need more
LEAST_BUDGET = 250_000_000
TRIED = 512  # pixels of the tile whose work is reckoned
LARGEST_TILE = 1024  # pixels; larger ones save little of what overlaps
EPSILON = 1e-6  # probabilities are held this far inside (0, 1) before their logit is taken
STRIP = 128  # rows that are handed on at once

Maps = dict[Task, Tensor]


class Rows(NamedTuple):
    """Some rows of the maps, float32 (1, rows, w) in [0, 1], from `top`."""

    top: int
    maps: Maps


@dataclass
class Parts:
    """A photo as a network sees it, in parts.

    images: plate and photo, or the photo alone, (c, h, w) with the network's channels; uint8 or floats in [0, 1].
    coarse: size (h, w) of the look at the whole; None: there is none, and every tile is computed.
    fine: whether tiles follow.
    side: pixels of a tile; None: as memory allows.
    """

    model: nn.Module
    images: list[Tensor]
    coarse: tuple[int, int] | None
    fine: bool = True
    precision: str = "fp32"
    side: int | None = None
    tick: Tick = field(default=lambda *_: None)

    @property
    def size(self) -> tuple[int, int]:
        h, w = self.images[-1].shape[-2:]
        return h, w

    @cached_property
    def whole(self) -> Maps:
        """The look at the whole: logits, (1, h, w) at its size."""
        size = self.coarse or fitting(self.size, (TRIED, TRIED))
        return maps_of(answer(self.model, [resize(image, size) for image in self.images], self.precision))

    @cached_property
    def registration(self) -> Registration | None:
        """Of the plate, on the whole; None where the network does not register it."""
        return register_whole(*self.images) if registers(self.model) and len(self.images) == 2 else None

    def rows(self) -> Iterator[Rows]:
        """Of the photo's own size, from top to bottom."""
        if self.coarse is not None and not self.fine:
            yield from _enlarged(self.whole, self.size)
            return
        steps = [self.size] if self.coarse is None else lay.sizes(self.size, self.coarse)[1:]
        known = None if self.coarse is None else before(self.whole)
        for size in steps[:-1]:
            known = before({task: p.logit_(EPSILON) for task, p in joined(Level(self, size, known).rows()).items()})
            give_back()
        if steps:
            yield from Level(self, self.size, known).rows()
        elif known is not None:  # the photo is smaller than what the network knows
            yield from _enlarged(self.whole, self.size)

    @property
    def tasks(self) -> tuple[Task, ...]:
        return interface(self.model).tasks

    @cached_property
    def tile(self) -> int:
        return self.side or tile_side(self.model, self.precision, sum(image.nbytes for image in self.images))


class Level:
    """One step: the photo at a size, in tiles, upon what is known before."""

    def __init__(self, parts: Parts, size: tuple[int, int], known: Before | None):
        self.parts, self.size, self.known = parts, size, known
        self.images = [resize(image, size) for image in parts.images]
        self.down, self.across = (lay.spans(side, parts.tile) for side in size)
        self.times = 1.0
        if known is not None:
            small = next(iter(known.maps.values())).shape
            self.times = (size[0] * size[1] / (small[1] * small[2])) ** 0.5

    def rows(self) -> Iterator[Rows]:
        wanted = [[self._is_wanted(y, x) for x in self.across] for y in self.down]
        count, done, pace = sum(map(sum, wanted)), 0, Pace()
        carried: Maps = {}
        for y, row in zip(self.down, wanted, strict=True):
            first, last = y.kept
            added = {task: torch.zeros(1, last - first, self.size[1]) for task in self.parts.tasks}
            for task, values in carried.items():
                added[task][:, : lay.RAMP] = values
            for x in (x for x, is_wanted in zip(self.across, row, strict=True) if is_wanted):
                self._add(added, y, x)
                done += 1
                left = duration((count - done) / pace.at(done))
                self.parts.tick(f"tile {done} of {count} at {self.size[0]} x {self.size[1]}, {left} left", done, count)
            end = last if y.fall is None else y.fall
            carried = {task: values[:, end - first :].clone() for task, values in added.items()}
            for top in range(first, end, STRIP):
                rows = top, min(top + STRIP, end)
                yield Rows(top, {task: self._upon_base(task, added[task], first, rows) for task in self.parts.tasks})

    def _upon_base(self, task: Task, added: Tensor, first: int, rows: tuple[int, int]) -> Tensor:
        """Rows of the maps, of what was added to them from `first` on."""
        values = added[:, rows[0] - first : rows[1] - first]
        if self.known is not None:
            values = values + enlarged(self.known.maps[task], self.size, rows, (0, self.size[1])).sigmoid()
        return values.clamp(0, 1)  # sums of weights are 1 but for rounding

    def _is_wanted(self, y: lay.Span, x: lay.Span) -> bool:
        """Whether anything is unsure where the tile counts."""
        if self.known is None or self.known.unsure is None:
            return True
        unsure = self.known.unsure
        (top, bottom), (left, right) = (
            (int(first * given / side), -int(-last * given // side))
            for (first, last), given, side in zip((y.kept, x.kept), unsure.shape[1:], self.size, strict=True)
        )
        return bool(unsure[:, top:bottom, left:right].any())

    def _add(self, added: Maps, y: lay.Span, x: lay.Span) -> None:
        """What a tile has beyond the base, with its weights."""
        (first, last), (left, right) = y.kept, x.kept
        inside = slice(first - y.start, last - y.start), slice(left - x.start, right - x.start)
        weight = y.weight()[:, None] * x.weight()
        for task, logits in self._answer(Part(y.start, y.end, x.start, x.end)).items():
            if self.known is None:
                change = logits.sigmoid()
            else:
                rows, columns = (y.start, y.end), (x.start, x.end)
                whole = enlarged(self.known.maps[task], self.size, rows, columns)
                unsure = self.known.unsure
                near = None if unsure is None else enlarged(unsure, self.size, rows, columns)
                change = fused(task, logits, whole, near, self.times) - whole.sigmoid()
            added[task][:, :, left:right] += weight * change[:, inside[0], inside[1]]

    def _answer(self, part: Part) -> Maps:
        """Logits of a tile."""
        images, found = [part.of(image) for image in self.images], None
        if (registration := self.parts.registration) is not None:
            found = registered_part(self.images[0], registration, part)
            images = [found.plate[0], unit(images[1])]
        with knowing(found, place_of(self.parts.model).device):
            return maps_of(answer(self.parts.model, images, self.parts.precision))


def maps_of(prediction: Prediction) -> Maps:
    """Those that there are, on the CPU."""
    return {cast("Task", task): x.cpu() for task, x in prediction._asdict().items() if x is not None}


def fitting(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The size of the same shape that has as many pixels as there is room for, or the size itself."""
    part = min(1.0, (room[0] * room[1] / (size[0] * size[1])) ** 0.5)
    return max(SMALLEST, round(size[0] * part)), max(SMALLEST, round(size[1] * part))


def tile_side(model: nn.Module, precision: str, held: int = 0) -> int:
    """Pixels of the largest tile whose work is within the budget, and within what the device has free. held: bytes of
    the images."""
    device = place_of(model).device
    takes, room = needed(model, (TRIED, TRIED)), free(device)
    if takes is None:
        return TRIED
    takes = takes // 2 if precision != "fp32" else takes
    budget = min(BUDGET, max(TOGETHER - held, LEAST_BUDGET))
    most = budget if room is None else min(budget, room // 2)
    side = int(TRIED * (most / takes) ** 0.5) // lay.STEP * lay.STEP
    if side < lay.SMALLEST_TILE and room is not None and most < budget:
        raise InputError(
            f"tiles of {lay.SMALLEST_TILE} x {lay.SMALLEST_TILE} pixels take more memory than {device} has free with"
            " this network; give a size (--size 512)"
        )
    return min(max(side, lay.SMALLEST_TILE), LARGEST_TILE)


def joined(rows: Iterator[Rows]) -> Maps:
    """The whole maps of all rows."""
    every = [each.maps for each in rows]
    return {task: torch.cat([maps[task] for maps in every], 1) for task in every[0]}


def _enlarged(maps: Maps, size: tuple[int, int]) -> Iterator[Rows]:
    """The look at the whole at a size."""
    for top in range(0, size[0], STRIP):
        rows = top, min(top + STRIP, size[0])
        yield Rows(top, {task: enlarged(x, size, rows, (0, size[1])).sigmoid() for task, x in maps.items()})
