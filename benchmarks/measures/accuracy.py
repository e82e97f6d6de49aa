"""Accuracy: a network trained by a recipe and tested on samples it has not seen, from start to end.

The training lives in a folder of its own and goes on there after a kill; one that is over is only tested again. What is
tested is always the test split, in single precision.
"""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.measures.ready_made import AccuracyError, filled, ready_made
from benchmarks.measures.training_recipe import predicted, recipe_for, recipe_named
from benchmarks.networks.entrants import Entrant
from benchmarks.statistics.paired import sums_of
from benchmarks.store.fields import filled as from_fields
from benchmarks.store.files import number
from benchmarks.store.record import AccuracySettings, Found, Look, Raw, Tried
from zoo import data, machine
from zoo.contract import TASKS, Task
from zoo.data.dataset import rendered_on
from zoo.data.feeding.loader import Loader
from zoo.data.inspecting import sheet
from zoo.metrics.evaluate import evaluate
from zoo.metrics.evaluation import Evaluation
from zoo.metrics.inference import Inference
from zoo.model import PairModel, fingerprint
from zoo.progress import Tick
from zoo.saved import load
from zoo.training import Setup, fit
from zoo.training.checkpoint import seed_all
from zoo.training.folder import CHECKPOINTS, RECIPE, STATE, WEIGHTS, environment, settle
from zoo.training.journal import LOG, read
from zoo.training.splits import training_data

GALLERY = "gallery.png"
SHOWN = 6  # scenes in the gallery, the same for every network
PER_IMAGE = ("mask_iou_image", "depth_rmse")
MOST_IMAGES = 1000  # whose own values a record keeps; its sums, for comparisons, are of all
# of a training's environment, in its record
TRAINED = ("start", "date", "device", "device_name", "threads", "torch", "commit", "dirty")
RATE = tuple(each.name for each in fields(Tried))
CURVE = ("seconds", "loss", "mask_iou", "depth_rmse")  # of a look, beside its samples
PIXELS = 1 << 20  # tested at a time
MOST_AT_ONCE = 64  # images tested at a time


def measure(
    entrant: Entrant, cell: AccuracySettings, folder: Path, *, device: str, workers: int | None, tick: Tick
) -> Found:
    """Train and test one cell; what a record holds of it. folder: of this training alone; resumed if it was begun."""
    scenes = test_set(cell, device)  # before the training: data without a test split is found out in a second
    model = train(entrant, cell, folder, learnable(cell), device=device, workers=workers, tick=tick)
    found = tested(model, scenes, cell, folder, device=device, tick=tick)
    log = read(folder / LOG)
    last, looks = _last_step(log), [line for line in log if line["kind"] == "validation"]
    tried = [line for line in log if line["kind"] == "rate"]
    raw = replace(
        found.raw,
        curve=tuple(Look(look["samples"], *map(look.get, CURVE)) for look in looks),
        rates=tuple(from_fields(Tried, {name: line.get(name) for name in RATE}, "rate") for line in tried) or None,
        trained={name: value for name, value in environment(folder).items() if name in TRAINED},
        steps=last["step"],
        samples=last["samples"],
        skipped=last["skipped"],  # steps whose loss or gradients were not finite
    )
    return replace(found, values={**found.values, "seconds": last["seconds"]}, raw=raw)


def test_only(
    weights: Path, cell: AccuracySettings, folder: Path, *, entrant: Entrant | None, device: str, tick: Tick
) -> Found:
    """Test a ready-made network, as `ready_made` finds it; the same of it, but for the training."""
    scenes = test_set(cell, device)
    return tested(ready_made(weights, entrant), scenes, cell, folder, device=device, tick=tick)


def test_set(cell: AccuracySettings, device: str) -> data.PairDataset:
    """The test split of what a cell is tested on, at its size; device: where its scenes are computed, if they are."""
    there = rendered_on(machine.choose(device), cell.tested_on)
    return data.load(cell.tested_on, split="test", size=cell.size, **there)


def learnable(cell: AccuracySettings) -> tuple[Task, ...]:
    """The tasks that a cell's data knows."""
    learned = training_data(cell.data, cell.size) if cell.test else test_set(cell, "cpu")
    return getattr(learned, "tasks", TASKS)


def train(
    entrant: Entrant,
    cell: AccuracySettings,
    folder: Path,
    known: Sequence[Task],
    *,
    device: str,
    workers: int | None,
    tick: Tick,
) -> PairModel:
    """The trained network of a cell: the one in the folder, or what comes of its training, begun or gone on with.

    known: the tasks that the data has; those alone are learned.
    """
    own = None if entrant.is_listed else _seeded(entrant, cell.seed)
    tasks = predicted(entrant.spec) if own is None else own.face.tasks
    recipe = recipe_for(entrant.spec, cell, tuple(task for task in tasks if task in known))
    if is_over(folder):
        settle(recipe, folder, cell.samples, resume=True)  # refuses the folder of another training
        model = trained(folder, entrant)
    else:
        begun = (folder / RECIPE).exists()
        setup = Setup(device=device, workers=workers)
        model = fit(recipe, folder, samples=cell.samples, resume=begun, model=own, setup=setup, tick=tick).model
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # the weights are there: nothing goes on from them
    _require_learned(folder)
    return model


def require(trainings: Iterable[tuple[Entrant, AccuracySettings]], weights: Path | None) -> None:
    """Raise where the data, a recipe or the weights of some cells are not there, or a network has no task that its data
    has, before anything is measured."""
    if weights is not None and not weights.exists():
        raise AccuracyError(f"{weights} does not exist; give a file of zoo.save, or a folder of them")
    needed = list(trainings)
    for recipe in {cell.recipe for _, cell in needed} if weights is None else ():
        recipe_named(recipe)
    places = {(cell.data, cell.test, cell.size): cell for _, cell in needed}
    known = {place: _testable(cell) for place, cell in places.items()}
    for entrant, cell in needed:
        own, there = predicted(entrant.spec), known[cell.data, cell.test, cell.size]
        if entrant.is_listed and not {*own} & {*there}:
            raise AccuracyError(
                f"{entrant.asked} predicts {' and '.join(own)}, and {cell.tested_on} has only {' and '.join(there)};"
                " leave it out of --models, or give other --data"
            )


def _testable(cell: AccuracySettings) -> tuple[Task, ...]:
    """The tasks that a cell's data and its test set both know; an AccuracyError where there are none."""
    learned, there = learnable(cell), getattr(test_set(cell, "cpu"), "tasks", TASKS)
    both = tuple(task for task in there if task in learned)
    if not both:
        mismatch = f"{cell.data} has only {' and '.join(learned)}, and {cell.test} only {' and '.join(there)}"
        raise AccuracyError(f"{mismatch}; give another --test")
    return both


def trained(folder: Path, entrant: Entrant | None = None) -> PairModel:
    """The network that a cell's training left. entrant: who builds it, where it is no network of the catalog."""
    if not is_over(folder):
        raise AccuracyError(f"there is no trained network in {folder}; its training failed or did not finish")
    _require_learned(folder)
    path = folder / (WEIGHTS if (folder / WEIGHTS).exists() else STATE)
    return load(path) if entrant is None or entrant.is_listed else filled(entrant, path)


def tested(
    model: PairModel, scenes: data.PairDataset, cell: AccuracySettings, folder: Path, *, device: str, tick: Tick
) -> Found:
    """All metrics of a network on the test set, and its gallery in the folder."""
    how = Inference(batch=at_once(*cell.size), device=machine.choose(device))
    found = evaluate(model, scenes, samples=cell.test_images, inference=how, tick=tick)
    require_numbers(found.broken, found.images)
    folder.mkdir(parents=True, exist_ok=True)
    sheet.write_png(folder / picture(cell), gallery(model, scenes))
    return Found(
        values={name: number(value) for name, value in found.values.items()},
        intervals={name: [*map(number, span)] for name, span in found.intervals.items()},
        raw=Raw(weights=fingerprint(model), sums=sums_of(found), per_image=_per_image(found)),
    )


def picture(cell: AccuracySettings) -> str:
    """What the gallery of a cell is called in its training's folder: each test set has its own."""
    return f"gallery-{hashlib.sha256(cell.test.encode()).hexdigest()[:8]}.png" if cell.test else GALLERY


def require_numbers(broken: int, images: int) -> None:
    """Raise AccuracyError if some predictions are not numbers: no metric of all images has a value then."""
    if broken:
        raise AccuracyError(f"{broken} of {images} predictions are not numbers (nan)")


def gallery(model: PairModel, scenes: data.PairDataset) -> torch.Tensor:
    """(3, h, w): a row for each scene: bg, fg_bg, true and predicted mask, true and predicted depth.

    The scenes are the same for every network; the tile of a task that the data does not have, or that a network does
    not predict or was never trained in, is white.
    """
    last = len(scenes) - 1  # the first and the last are shown, as in all galleries that are kept
    batch = Loader(scenes, list(dict.fromkeys(place * last // (SHOWN - 1) for place in range(SHOWN))), batch=SHOWN)
    [(prediction, here)] = Inference().predict(model, batch)
    columns = [here.bg, here.fg_bg]
    known, learned = getattr(scenes, "tasks", TASKS), getattr(model, "trained_tasks", TASKS)
    for task, truth, logits in zip(TASKS, (here.mask, here.depth), prediction, strict=True):
        white = torch.ones_like(truth)
        columns += [truth if task in known else white]
        columns += [white if logits is None or task not in learned else logits.float().sigmoid()]
    return sheet.gallery(columns)


def at_once(h: int, w: int) -> int:
    """How many images of a size are tested together."""
    return max(1, min(MOST_AT_ONCE, PIXELS // (h * w)))


def samples(folder: Path) -> int:
    """That a training which is over has seen."""
    return int(_last_step(read(folder / LOG))["samples"])


def is_over(folder: Path) -> bool:
    """Whether a training came to its end: its weights are the last that it writes."""
    return (folder / WEIGHTS).exists() or (folder / STATE).exists()


def _last_step(log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a training's log says of its end."""
    return [line for line in log if line["kind"] == "train"][-1]


def _require_learned(folder: Path) -> None:
    last = _last_step(read(folder / LOG))
    if last["skipped"] >= last["step"]:
        raise AccuracyError(f"it learned nothing: in none of {last['step']:,} steps were loss and gradients finite")


def _seeded(entrant: Entrant, seed: int | None) -> PairModel:
    """A network of one's own, drawn with a seed as the catalog's are."""
    assert seed is not None  # ready-made weights alone have none
    seed_all(seed)
    return entrant.make()


def _per_image(found: Evaluation) -> dict[str, list[float | None]]:
    """Each image's own values, where they are few enough for a record."""
    if found.images > MOST_IMAGES:
        return {}
    return {name: [number(v, 4) for v in found.per_image[name]] for name in PER_IMAGE if name in found.per_image}
