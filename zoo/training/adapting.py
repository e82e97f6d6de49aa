"""Adapt a network to one camera, from photos of its empty scene and without annotation.

RUN/start.safetensors   the network as it was
RUN/training/           the training, as `zoo train` leaves it
RUN/adaptation.json     what both find on composites of that camera
RUN/model.safetensors   the better of the two, for zoo.load and zoo predict; when all is over
"""

import json
import os
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from registry import ABOVE_0, FROM_1, OptionError, Spec
from registry.vocabulary import Split
from zoo.architectures import architectures
from zoo.data.dataset import load as load_data
from zoo.factory import ENCODER_WEIGHTS
from zoo.files import write_text
from zoo.lock import locked
from zoo.metrics.evaluate import evaluate
from zoo.metrics.evaluation import Evaluation
from zoo.metrics.inference import Inference
from zoo.model import PairModel
from zoo.progress import Tick
from zoo.saved import load, save
from zoo.training.fields import check
from zoo.training.fit import fit
from zoo.training.folder import RECIPE, WEIGHTS
from zoo.training.profile import profile
from zoo.training.recipe import Objective, Recipe, Stage
from zoo.training.setup import Setup
from zoo.training.trainer import TrainingError
from zoo.weights.ready import USUAL

START, TRAINING, REPORT = "start.safetensors", "training", "adaptation.json"
SIZE = 96  # pixels, where the weights do not say at which they were trained
COMPOSITES = 200  # of each of the two held-out sets
CHOOSE: Split = "val"
TELL: Split = "test"  # splits of these sets, which share no object with each other or with the training
IOU = "mask_iou"
BATCH, TIMED = 16, 6  # samples of a step; steps from which the time of all is reckoned


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """The settings of an adaptation; minutes are training time, at the machine's speed when it begins.

    >>> Adaptation(start="pairnet-small", minutes=2).samples is None
    True
    """

    start: Annotated[
        str | None, "weights: a file, a training's folder, or a ready name; None: those of zoo predict"
    ] = None
    minutes: Annotated[float, "of training, where no samples are given", ABOVE_0] = 5.0
    samples: Annotated[int | None, "composites to learn from", FROM_1] = None
    size: Annotated[int | tuple[int, int] | None, "pixels; None: as the weights were trained"] = None
    textures: Annotated[str | None, "a folder of other photos, to cut objects from"] = None
    cutouts: Annotated[str | None, "a folder of cut-outs (RGBA) as further objects"] = None
    lr: Annotated[float, "learning rate", ABOVE_0] = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Adapted:
    """The better network, and how both did on each held-out set: before and after."""

    folder: Path
    model: PairModel
    is_better: bool  # the adapted one, on the set that decides
    found: dict[str, tuple[Evaluation, Evaluation]]

    @property
    def weights(self) -> Path:
        """The file of the network that was kept."""
        return self.folder / WEIGHTS

    def table(self) -> str:
        """Mask IoU before and after, with 95 % intervals, in a line for each set; and what is kept."""
        lines = []
        for split, what in ((CHOOSE, "to choose by"), (TELL, "to report")):
            before, after = (_with_interval(each) for each in self.found[split])
            images = self.found[split][0].images
            lines.append(f"{images} composites {what}: mask IoU {before} before, {after} after")
        return "\n".join([*lines, f"kept: {'the adapted network' if self.is_better else 'the network as it was'}"])


def adapt(
    plates: str | PathLike[str] | None,
    out: str | PathLike[str],
    adaptation: Adaptation = Adaptation(),
    *,
    resume: bool = False,
    setup: Setup = Setup(),
    tick: Tick | None = None,
) -> Adapted:
    """Train a network on collages over a camera's empty photos, and keep the better of the old and the new one.

    >>> adapt("desk", "runs/desk", Adaptation(start="runs/quick", minutes=5))  # doctest: +SKIP

    plates: a folder of photos without objects, one or more; None where `resume` goes on with what is in `out`.
    out: the folder of the training.
    adaptation: what is adapted, and how long.
    setup: device, workers, and how often checkpoints are written.
    tick: called with what is done, how much of it is done, and how much there is.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise OptionError("an adaptation runs in one process; start it without torchrun")
    folder = Path(out)
    with locked(folder):
        recipe = None if resume else _begin(plates, folder, adaptation, setup)
        if resume and not (folder / TRAINING / RECIPE).exists():
            raise TrainingError(f"{folder} holds no adaptation to resume; leave --resume out")
        run = fit(recipe, folder / TRAINING, resume=resume, setup=setup, tick=tick)
        return _chosen(folder, load(folder / START), run.model, run.recipe, setup, tick)


def _begin(plates: str | PathLike[str] | None, folder: Path, asked: Adaptation, setup: Setup) -> Recipe:
    """Write the network as it is into the folder; returns the recipe that continues from there."""
    if plates is None:
        raise OptionError("no photos of the camera; give --plates DIR, a folder of photos without objects")
    if (folder / TRAINING).exists() or (folder / WEIGHTS).exists():
        raise TrainingError(f"{folder} holds an adaptation already; --resume continues it, or give another --out")
    model = load(asked.start or USUAL).float()
    if asked.start is None and architectures.get(model.spec.name).card.group == "baseline":
        raise OptionError(
            f"no network to start from; give --from WEIGHTS ({USUAL} is a baseline and cannot be adapted)"
        )
    has_depth = "depth" in model.trained_tasks
    size = asked.size or model.trained_at or SIZE
    samples = asked.samples or 100 * BATCH
    stage = Stage(size=size, samples=samples, batch=min(BATCH, samples), lr=asked.lr, schedule="cosine(warm_up=0.05)")
    recipe = Recipe(
        model=str(Spec(model.spec.name, {k: v for k, v in model.spec.options.items() if k != ENCODER_WEIGHTS})),
        data=str(_data(str(plates), asked, has_depth)),
        start=str(folder / START),
        stages=(stage,),
        objective=Objective(mask="bce + 0.5*dice", depth="0.5*bce" if has_depth else ""),
        clip_norm=1.0,
        layout="channels_last",
        seed=asked.seed,
    )
    load_data(recipe.data, split=CHOOSE, size=stage.hw)  # a folder that will not do is refused here
    save(model, folder / START)
    if asked.samples is not None:
        return recipe
    step = profile(recipe, steps=TIMED, device=str(setup.device), workers=setup.workers).total
    return recipe.changed(samples=BATCH * max(1, round(60 * asked.minutes / step)))


def _data(plates: str, asked: Adaptation, has_depth: bool) -> Spec:
    """Collages; a fifth of all are PairBench's scenes where there is depth to be kept, which no photo tells."""
    given = {"textures": asked.textures, "cutouts": asked.cutouts}
    options: dict[str, Any] = {name: folder for name, folder in given.items() if folder is not None}
    camera = Spec("camera", {"plates": plates, **options})
    return Spec("mix", {"of": (str(camera), "pairbench:hard"), "share": (4.0, 1.0)}) if has_depth else camera


def _chosen(
    folder: Path, before: PairModel, after: PairModel, recipe: Recipe, setup: Setup, tick: Tick | None
) -> Adapted:
    """Measure both on both sets, and write the better by the first of these."""
    parts = Spec.parse(recipe.data).options.get("of")
    camera = str(parts[0]) if isinstance(parts, tuple) else recipe.data
    how = Inference(batch=BATCH, device=setup.device)
    found: dict[str, tuple[Evaluation, Evaluation]] = {}
    for split in (CHOOSE, TELL):
        scenes = load_data(camera, split=split, size=recipe.stages[0].hw)
        one, other = (
            evaluate(model, scenes, samples=COMPOSITES, metrics=[IOU], inference=how, tick=tick)
            for model in (before, after)
        )
        found[split] = one, other
    was, now = (each.values[IOU] for each in found[CHOOSE])
    adapted = Adapted(folder, after if now > was else before, now > was, found)
    facts = {split: [each.to_dict() for each in both] for split, both in found.items()}
    write_text(folder / REPORT, json.dumps({"is_better": adapted.is_better, "found": facts}, indent=1) + "\n")
    adapted.model.to("cpu")
    save(adapted.model, folder / WEIGHTS)
    return adapted


def _with_interval(found: Evaluation) -> str:
    return "{:.3f} ({:.3f}-{:.3f})".format(found.values[IOU], *found.intervals[IOU])
