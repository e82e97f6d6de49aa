"""Do tiles find more than the photo as a whole? Each way of `zoo predict --size`, on the same scenes.

$ python -m benchmarks.checks nearer --model pairnet-small --data pairbench:hard photos --size 672 --scenes 40
"""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.checks.interleaved import where
from benchmarks.show.sets import short
from benchmarks.show.table import MISSING
from benchmarks.show.terminal import print_table
from registry.vocabulary import Split
from zoo import data, machine
from zoo.contract import TASKS, Prediction, Sample
from zoo.deploy.predict import Size, predict, trained_tasks
from zoo.metrics import Accumulator
from zoo.metrics.bootstrap import intervals
from zoo.metrics.evaluate import indices
from zoo.model import PairModel
from zoo.progress import progress
from zoo.saved import load

WAYS: dict[str, Size] = {"trained": "trained", "tiles": "tiles", "photo": None}
METRICS = ("mask_iou", "mask_mae", "mask_boundary_f", "depth_rmse")
HEAD = ["data", "--size", "IoU", "MAE", "F", "RMSE", "s"]
LEAST = 1e-6  # of a probability, to have a logit


def run(
    model: str, sources: Sequence[str], size: tuple[int, int], scenes: int, split: Split, threads: int | None
) -> int:
    """Measure and show."""
    network = load(model).eval()
    body = []
    with machine.threads(threads), progress() as tick:
        for source in sources:
            found = data.load(source, split=split, size=size)
            chosen = indices(len(found), scenes, found)
            tasks = {*trained_tasks(network)} & {*getattr(found, "tasks", TASKS)}
            names = [name for name in METRICS if name.partition("_")[0] in tasks]
            tables = {way: Accumulator(metrics=names) for way in WAYS}
            took = dict.fromkeys(WAYS, 0.0)
            for number, index in enumerate(chosen):
                tick(f"{short(source)}: scenes", number, len(chosen))
                sample = found.batch([index])
                for way, how in WAYS.items():
                    start = time.process_time()
                    tables[way].update(maps(network, sample, how), sample, [index])
                    took[way] += time.process_time() - start
            for way, table in tables.items():
                body.append([short(source), way, *_cells(table, names), f"{took[way] / len(chosen):.2f}"])
    notes = [
        f"{model} on {scenes} scenes of the {split} split, {size[0]} x {size[1]} pixels, with 95 % intervals over them;"
        f" trained at {' x '.join(map(str, network.trained_at or ()))}.",
        "Of masks: IoU over all pixels, mean absolute error, F of outlines within 2 px; of depth: RMSE. IoU and F are"
        " better higher, errors lower. s: of the processor, for one scene.",
        where(torch.device("cpu")),
    ]
    print_table(HEAD, body, notes=notes)
    return 0


def maps(model: PairModel, sample: Sample, size: Size) -> Prediction:
    """What `zoo predict` finds of one pair, as logits (1, 1, h, w)."""
    found = predict(model, sample.bg[0], sample.fg_bg[0], size=size)
    return Prediction(_logit(found.mask), _logit(found.depth))


def _logit(values: Tensor | None) -> Tensor | None:
    return None if values is None else values[None].logit(LEAST)


def _cells(table: Accumulator, names: Sequence[str]) -> list[str]:
    result = table.compute()
    spans = intervals(result)
    return [
        f"{result.values[name]:.3f} ({spans[name][0]:.3f}-{spans[name][1]:.3f})" if name in names else MISSING
        for name in METRICS
    ]
