"""A comparison on the user's own photos without further options: what it measures and what it assumes."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.plan import comparison
from benchmarks.plan.comparison import Comparison, Options
from registry.vocabulary import SMALLEST
from zoo.data.dataset import sources
from zoo.data.inspecting.recognise import Recognised, recognise

LONG_SIDE, MULTIPLE = 128, 16  # pixels of the images in training: minutes on two cores, not hours
SAMPLES = 2_000  # that each network learns from
PRESET = "own folder"


def settled(models: str | None, options: Options, presets: Mapping[str, Comparison], device: str) -> Comparison:
    """As `comparison.settled`. Where a folder of one's own is given and not what to measure, it is made for that."""
    given = {name: value for name, value in options.items() if value is not None}
    folder = _folder(given)
    if folder is None:
        return comparison.settled(models, options, presets, device)
    found = recognise(folder)
    size = fitting(found.size)
    made = Comparison(
        measure=("cost", "latency", "accuracy"), data=(str(found.spec),), samples=SAMPLES, train_size=size, seconds=1.0
    )
    del given["data"]
    asked = comparison.settled(models, Options(**given, preset=PRESET), {PRESET: made}, device)  # type: ignore[typeddict-item]
    sizes = asked.sizes if "sizes" in given else (asked.train_size,)
    return replace(asked, sizes=sizes, assumed=tuple(_assumed(folder, found, asked)))


def _folder(given: Mapping[str, Any]) -> str | None:
    """The folder or zip that is the only data, where nothing says what to measure; shards tell of themselves."""
    data = [given["data"]] if isinstance(given.get("data"), str) else list(given.get("data", ()))
    if len(data) != 1 or {"measure", "preset", "weights"} & {*given}:
        return None
    is_path = data[0] not in sources and os.path.exists(data[0])
    return data[0] if is_path and not any(Path(data[0]).glob("*.index.json")) else None


def fitting(size: tuple[int, int]) -> tuple[int, int]:
    """A small size of about the photos' aspect.

    >>> fitting((3000, 4000))
    (96, 128)
    """
    scale = min(1.0, LONG_SIDE / max(size))
    h, w = (max(2 * SMALLEST, round(side * scale / MULTIPLE) * MULTIPLE) for side in size)
    return h, w


def _assumed(path: str, found: Recognised, asked: Comparison) -> Iterator[str]:
    """What was found and what follows from it, a line each."""
    h, w = found.size
    plates = f"{found.plates} plate{'s' * (found.plates > 1)}"
    tasks = " and ".join(found.tasks)
    yield f"{path}: {found.photos:,} photos of {plates}, {h} x {w} pixels (height x width), with {tasks}"
    if {"dirs", "template"} & {*found.spec.options}:
        yield f"read as {found.spec}"
    if found.shares_plates:
        yield f"split by photo, because {plates} cannot be held out: the same plate is in training and test"
    h, w = asked.train_size
    yield (
        f"each network learns from {asked.samples:,} samples of {h} x {w} pixels by the recipe {asked.recipes};"
        " --samples, --train-size and --recipes change that"
    )
