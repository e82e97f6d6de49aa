"""How long a comparison will take, before it is started: from operations, and how fast this device does them."""

import math
import os
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from benchmarks.measures import cost, roofline, training_recipe
from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.measures.sensitivity import images as sensitivity_images
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.store import identity
from benchmarks.store.names import READY_MADE
from zoo import data, machine
from zoo.progress import duration
from zoo.training.plan import effort, plan

SHARE = {"cpu": 0.9, "cuda": 0.3}  # of the peak of products that a training reaches: the records' median; a guess
STEP = 3  # a training step in forward passes
ALWAYS = {"cost": 0.3, "memory": 16.0}  # seconds: counting a network, starting two fresh processes
MAKING = {"eager": 0.0, "compile": 60.0, "onnxruntime": 10.0}  # seconds until an engine is ready
SCENE = 2e-3  # seconds to render a scene of 64 x 64 pixels and to learn five numbers from it
HEAD = ("measure", "cells", "about")


def estimate(cells: Sequence[Cell], asked: Comparison) -> tuple[list[list[str]], list[str]]:
    """A row for each measure and one for all, below HEAD, and notes on how it was reckoned."""
    device = torch.device(asked.device)
    rate = SHARE[device.type] * roofline.peaks(device, "fp32", 0.5)["matmul_flops_per_s"]
    trained, took = set[str](), list[tuple[Cell, float]]()
    for cell in cells:
        training = identity.training(cell.entrant.spec, cell.settings) if cell.measure == "accuracy" else ""
        took.append((cell, seconds(cell, asked, rate, is_trained=training in trained)))
        trained.add(training)
    parts = {
        name: [each for cell, each in took if cell.measure == name]
        for name in dict.fromkeys(cell.measure for cell in cells)
    }
    parts["all"] = [each for _, each in took]
    body = [[name, str(len(part)), duration(float(np.nansum(part)))] for name, part in parts.items()]
    unknown = [str(cell.entrant.asked) for cell, each in took if math.isnan(each)]
    busy = f"; load {load}: in calm it is more" if (load := machine.load() or 0) > (os.cpu_count() or 1) else ""
    notes = [f"From {rate / 1e9:,.0f} GFLOP/s in training, as measured just now{busy}."]
    notes += [f"Not counted, and so not estimated: {', '.join(dict.fromkeys(unknown))}."] if unknown else []
    return body, notes


def whole(cells: Sequence[Cell], asked: Comparison) -> str:
    """All of it, in words."""
    return estimate(cells, asked)[0][-1][-1]


def seconds(cell: Cell, asked: Comparison, rate: float, *, is_trained: bool = False) -> float:
    """Of one cell, about. is_trained: by a cell before it, and only tested in this one."""
    if cell.measure in ALWAYS:
        return ALWAYS[cell.measure]
    if cell.measure in ("latency", "throughput"):
        return 1.5 * asked.seconds + MAKING[cell.timed.engine]
    counted = cost.known(cell.entrant.spec, cell.entrant.make, cell.settings.size)
    flops = counted.flops if counted else math.nan  # its cells will say why
    if cell.measure == "sensitivity":
        strengths = len(PERTURBATIONS[cell.sensitivity.perturbation].strengths)
        forwards = strengths * sensitivity_images(asked.scenes)
    else:
        forwards = asked.scenes + (0 if is_trained else STEP * _samples(cell))
    h, w = cell.settings.size
    return forwards * (flops / rate + SCENE * h * w / 64**2)


def _samples(cell: Cell) -> int:
    """That a training sees: what was asked for, or what its recipe says."""
    settings = cell.accuracy
    if settings.recipe.startswith(READY_MADE):
        return 0
    recipe = training_recipe.recipe_named(settings.recipe)
    if settings.samples and not recipe.rates:
        return settings.samples
    return _whole(settings.recipe, settings.data, settings.size, settings.samples)


@cache
def _whole(name: str, source: str, size: tuple[int, int], samples: int | None) -> int:
    """Samples of a whole recipe, the rates that it tries among them; the data is opened for its length."""
    recipe, length = training_recipe.recipe_named(name), len(data.load(source, split="train", size=size))
    return effort(recipe, plan(recipe, length, samples))
