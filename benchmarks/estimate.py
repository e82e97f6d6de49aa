"""How long a comparison will take, before it is started: from operations, and how fast this device does them."""

from collections import Counter
from collections.abc import Sequence

import torch

from benchmarks import cost, roofline
from benchmarks.cells import Cell
from benchmarks.presets import Preset
from benchmarks.sensitivity import PERTURBATIONS
from benchmarks.sensitivity import images as sensitivity_images
from benchmarks.terminal import print_table
from registry import ZooError
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
    print_table(["measure", "cells", "about"], body)
    for cell in cells:
        print(cell.title)


def seconds(cell: Cell, preset: Preset, rate: float) -> float:
    """Of one cell, about."""
    if cell.measure == "cost":
        return COUNTING
    if cell.measure in ("latency", "throughput"):
        return 1.5 * preset.seconds
    if cell.measure == "memory":
        return 2 * PROCESS
    try:
        flops = cost.count(cell.entrant.make(), *cell.settings["size"]).flops
    except ZooError:
        return float("nan")
    if cell.measure == "sensitivity":
        strengths = len(PERTURBATIONS[cell.settings["perturbation"]].strengths)
        forwards = strengths * sensitivity_images(preset.test_images)
    else:
        forwards = STEP * (cell.settings["samples"] or 0) + preset.test_images
    return forwards * flops / rate
