"""What the card of ready weights says of a test split: the figures of all of it, and under one perturbation."""

import zoo
from benchmarks.measures.sensitivity import PERTURBATIONS, pairs
from zoo.contract import TASKS
from zoo.metrics import Accumulator
from zoo.metrics.evaluate import indices
from zoo.metrics.inference import Inference
from zoo.model import PairModel

SIZE = 128  # pixels, for all; beside it the size of the training
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
    metric = PERTURBATIONS[name].metrics["mask"]
    table = Accumulator(metrics=(metric,))
    found = pairs(name, data, chosen, next(model.parameters()).device, (strength,))
    for prediction, sample in Inference().predict(model, found):
        table.update(prediction, sample)
    return table.compute().values[metric]
