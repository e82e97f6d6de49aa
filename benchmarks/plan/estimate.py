"""How long a comparison will take, before it is started: from operations, and how fast this device does them."""

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import torch

from benchmarks.measures import cost, roofline
from benchmarks.measures.sensitivity import PERTURBATIONS
from benchmarks.measures.sensitivity import images as sensitivity_images
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.store.names import READY_MADE
from zoo import data, machine, recipes
from zoo.model import PairModel
from zoo.progress import duration
from zoo.training.plan import plan

SHARE = {"cpu": 0.9, "cuda": 0.3}  # of the peak of products that a training reaches: the records' median; a guess
STEP = 3  # a training step in forward passes
COUNTING, PROCESS = 0.3, 8.0  # seconds: counting a network, starting a fresh process
MAKING = {"eager": 0.0, "compile": 60.0, "onnxruntime": 10.0}  # seconds until an engine is ready
SCENE = 2e-3  # seconds to render a scene of 64 x 64 pixels and to learn five numbers from it
YEAR = 365 * 24 * 3600
HEAD = ("measure", "cells", "about")


def estimate(cells: Sequence[Cell], asked: Comparison) -> tuple[list[list[str]], list[str]]:
    """A row for each measure and one for all, below HEAD, and notes on how it was reckoned."""
    device = torch.device(asked.device)
    rate = SHARE[device.type] * roofline.peaks(device, "fp32", 0.5)["matmul_flops_per_s"]
    spent: Counter[str] = Counter()
    many: Counter[str] = Counter()
    unknown = []
    for cell in cells:
        took = seconds(cell, asked, rate)
        if math.isnan(took):
            unknown.append(str(cell.entrant.asked))
        spent[cell.measure] += 0 if math.isnan(took) else took  # type: ignore[assignment]
        many[cell.measure] += 1
    body = [[measure, str(many[measure]), _told(spent[measure])] for measure in many]
    body.append(["all", str(len(cells)), _told(sum(spent.values()))])
    busy = f"; load {load}: in calm it is more" if (load := machine.load() or 0) > (os.cpu_count() or 1) else ""
    notes = [f"From {rate / 1e9:,.0f} GFLOP/s in training, as measured just now{busy}."]
    notes += [f"Not counted, and so not estimated: {', '.join(dict.fromkeys(unknown))}."] if unknown else []
    return body, notes


def seconds(cell: Cell, asked: Comparison, rate: float) -> float:
    """Of one cell, about."""
    if cell.measure == "cost":
        return COUNTING
    if cell.measure in ("latency", "throughput"):
        return 1.5 * asked.seconds + MAKING[cell.timed.engine]
    if cell.measure == "memory":
        return 2 * PROCESS
    flops = _flops(cell.entrant.spec, cell.entrant.make, cell.settings.size)
    if cell.measure == "sensitivity":
        strengths = len(PERTURBATIONS[cell.sensitivity.perturbation].strengths)
        forwards = strengths * sensitivity_images(asked.scenes)
    else:
        forwards = STEP * _samples(cell) + asked.scenes
    h, w = cell.settings.size
    return forwards * (flops / rate + SCENE * h * w / 64**2)


@cache
def _flops(spec: str, make: Callable[[], PairModel], size: tuple[int, int]) -> float:
    """Operations of one image, counted once for each network and size; nan for one that cannot be counted."""
    try:
        return cost.count(make(), *size).flops
    except Exception:  # whatever a network of one's own does; its cells will say it
        return math.nan


def _samples(cell: Cell) -> int:
    """That a training sees: what was asked for, or what its recipe says."""
    settings = cell.accuracy
    if settings.recipe.startswith(READY_MADE):
        return 0
    return settings.samples or _whole(settings.recipe, settings.data, settings.size)


@cache
def _whole(recipe: str, source: str, size: tuple[int, int]) -> int:
    """Samples of a whole recipe; where it speaks of epochs, the data is opened for its length."""
    length = len(data.load(source, split="train", size=size))
    return sum(phase.samples for phase in plan(recipes.build(recipe), length))


def _told(seconds: float) -> str:
    return duration(seconds) if seconds < YEAR else f"{seconds / YEAR:.0f} years"
