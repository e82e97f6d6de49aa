"""What the card of ready weights says of a test split: the figures of all of it, and under one perturbation."""

from collections.abc import Iterator

import zoo
from benchmarks.measures.sensitivity import PERTURBATIONS, BatchScenes, perturbed
from zoo.contract import TASKS, Sample
from zoo.metrics import Accumulator
from zoo.metrics.evaluate import indices
from zoo.metrics.inference import Inference
from zoo.model import PairModel

SIZE = 128  # pixels, for all; beside it the size of the training
TIERS = ("pairbench:clean", "pairbench:hard", "pairbench:wild")
BATCH = 16
MASK, DEPTH = ("mask_iou", "mask_iou_image"), ("depth_rmse",)


def short(source: str) -> str:
    return source.partition("(")[0] + (", aligned" if "aligned" in source else "")


def row(model: PairModel, source: str, size: int, samples: int) -> str:
    data = zoo.data.load(source, split="test", size=size)
    names = [*MASK, *(DEPTH if "depth" in getattr(data, "tasks", TASKS) else ())]
    found = zoo.evaluate(model, data, samples=samples, metrics=names, inference=Inference(batch=BATCH))
    cells = [f"{found.values[name]:.3f} ({low:.3f} to {high:.3f})" for name, (low, high) in found.intervals.items()]
    return f"| {short(source)} | {size} | {' | '.join([*cells, ''][:3])} |"


def under(model: PairModel, source: str, name: str, strength: float, samples: int) -> float:
    """The mask's metric of a perturbation at one strength, on the test split."""
    data = zoo.data.load(source, split="test", size=SIZE)
    chosen = indices(len(data), samples, data)
    device = next(model.parameters()).device

    def pairs() -> Iterator[Sample]:
        for at in range(0, len(chosen), BATCH):
            here = chosen[at : at + BATCH]
            scene = BatchScenes(name, data, here, [(index + 1) % len(data) for index in here], device)
            yield perturbed(name, data.batch(here), strength, scene)

    metric = PERTURBATIONS[name].metrics["mask"]
    table = Accumulator(metrics=(metric,))
    for prediction, sample in Inference(batch=BATCH).predict(model, pairs()):
        table.update(prediction, sample)
    return table.compute().values[metric]
