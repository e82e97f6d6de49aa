"""Whether an exported file computes what its network does: both on the same pairs, map by map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.contract import Interface, Task
from zoo.data.dataset import load
from zoo.deploy.formats import ExportError, Pairs
from zoo.exported.facts import shown
from zoo.exported.model import Exported, in_numbers
from zoo.model import PairModel
from zoo.precision import float32

RARE = 1e-3  # the share of pixels that may differ more than the others


@dataclass(frozen=True)
class Difference:
    """Between the maps of two, in [0, 1], on pairs of one size: over all pixels, and where it is largest."""

    task: Task
    size: tuple[int, int]
    mean: float
    most: float  # all but one pixel in a thousand differ less
    largest: float
    at: tuple[int, int]  # row, column

    def __str__(self) -> str:
        row, column = self.at
        return (
            f"{self.task} differs at {shown(self.size)} by {self.mean:.2g} on average and by {self.largest:.2g} at"
            f" row {row}, column {column}"
        )


def pairs(
    face: Interface, size: tuple[int, int], data: str, split: str, batches: Sequence[int], start: int = 0
) -> Pairs:
    """Batches of pairs of a size (h, w), with as many channels as the network takes, from a sample on; round again
    where there are too few."""
    source = load(data, split=split, size=size)  # type: ignore[arg-type]
    made = []
    for count in batches:
        sample = source.batch([index % len(source) for index in range(start, start + count)])
        channels = [channel % 3 for channel in range(face.image_ch)]
        images = {"bg": sample.bg, "fg_bg": sample.fg_bg}
        made.append({name: images[name][:, channels].float().contiguous() for name in face.inputs})
        start += count
    return made


def compare(plain: PairModel, made: Exported, pair: Mapping[str, Tensor], mean: float, most: float) -> list[Difference]:
    """The differences of each map; ExportError where one is larger than allowed."""
    with torch.no_grad(), float32():
        wanted = in_numbers(plain(pair.get("bg"), pair["fg_bg"]))
        given = in_numbers(made(pair.get("bg"), pair["fg_bg"]))
    found = [difference(task, wanted[task], given[task]) for task in wanted]
    for each in found:
        if not (each.mean <= mean and each.most <= most):  # not a number: it does not
            raise ExportError(
                f"the file does not compute what the network does: {each}; allowed are {mean:g} on average and"
                f" {most:g} for all but one pixel in a thousand. Nothing was written"
            )
    return found


def difference(task: Task, wanted: Tensor, given: Tensor) -> Difference:
    """Of two maps (b, 1, h, w) in [0, 1]."""
    h, w = wanted.shape[-2:]
    away = (wanted - given).abs()
    place = int(away.flatten().nan_to_num(torch.inf).argmax())
    ordered = away.flatten().sort().values  # not a number comes last
    most = float(ordered[round((1 - RARE) * (len(ordered) - 1))])
    row, column = divmod(place % (h * w), w)
    return Difference(task, (h, w), float(away.mean()), most, float(away.flatten()[place]), (row, column))
