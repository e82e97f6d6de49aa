"""How long a comparison will take, before it is started: from operations, and how fast this device does them."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import torch

from benchmarks import cost, roofline
from benchmarks.cells import READY_MADE, Cell
from benchmarks.presets import Preset
from benchmarks.sensitivity import PERTURBATIONS
from benchmarks.sensitivity import images as sensitivity_images
from benchmarks.terminal import print_table
from zoo import recipes
from zoo.model import PairModel
from zoo.progress import duration

SHARE = 0.3  # of the peak of products that convolutions reach, about
STEP = 3  # a training step in forward passes
COUNTING, PROCESS = 0.3, 8.0  # seconds: counting a network, starting a fresh process


def show(cells: Sequence[Cell], preset: Preset, device: torch.device) -> None:
    """Print the cells by measure and network, and the estimate."""
    rate = SHARE * roofline.peaks(device, "fp32", 0.5)["matmul_flops_per_s"]
    spent: Counter[str] = Counter()
    many: Counter[str] = Counter()
    for cell in cells:
        spent[cell.measure] += seconds(cell, preset, rate)  # type: ignore[assignment]
        many[cell.measure] += 1
    body = [[measure, str(many[measure]), duration(spent[measure])] for measure in many]
    body.append(["all", str(len(cells)), duration(sum(spent.values()))])
    for cell in cells:
        print(cell.title)
    print_table(["measure", "cells", "about"], body)


def seconds(cell: Cell, preset: Preset, rate: float) -> float:
    """Of one cell, about."""
    if cell.measure == "cost":
        return COUNTING
    if cell.measure in ("latency", "throughput"):
        return 1.5 * preset.seconds
    if cell.measure == "memory":
        return 2 * PROCESS
    flops = _flops(cell.entrant.spec, cell.entrant.make, tuple(cell.settings["size"]))
    if cell.measure == "sensitivity":
        strengths = len(PERTURBATIONS[cell.settings["perturbation"]].strengths)
        forwards = strengths * sensitivity_images(preset.test_images)
    else:
        forwards = STEP * _samples(cell) + preset.test_images
    return forwards * flops / rate


@cache
def _flops(spec: str, make: Callable[[], PairModel], size: tuple[int, int]) -> float:
    """Operations of one image, counted once for each network and size; nan for one that cannot be counted."""
    try:
        return cost.count(make(), *size).flops
    except Exception:  # whatever a network of one's own does; its cells will say it
        return math.nan


def _samples(cell: Cell) -> int:
    """That a training sees: what was asked for, or what its recipe says."""
    asked, recipe = cell.settings["samples"], str(cell.settings["recipe"])
    if recipe.startswith(READY_MADE):
        return 0
    return asked or sum(stage.samples or 0 for stage in recipes.build(recipe).stages)
