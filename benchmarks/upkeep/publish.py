"""A training's network as ready weights, with its card: python -m benchmarks.upkeep publish RUN pairnet-small

The card is written from what the run's folder says and from what the weights, as they are stored, reach on the test
splits. Weights of many numbers are stored in float16, and computed with in float32.
"""

import csv
import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import zoo
from benchmarks.plan.comparison import TIERS
from benchmarks.upkeep.tested import SIZE, row, short, under
from registry import Spec
from zoo.files import write_text
from zoo.model import PairModel
from zoo.progress import duration
from zoo.training import Recipe
from zoo.training.folder import ENVIRONMENT, RECIPE
from zoo.training.journal import LOG, read
from zoo.version import __version__
from zoo.weights.ready import card_of, file_of

LOOKS = 6  # of the validation's curve
BORNE = {"shift": 1 / 16, "shadow": 0.8, "noise": 0.1, "gain": 0.4, "wrong_plate": 1}  # on scenes of the clean tier
TEXT = """# {name}: ready weights

Written by `python -m benchmarks.upkeep publish` with pairzoo {version}.

- **Network:** `{model}`, {parameters:,} parameters; {bytes:,} bytes, stored in float16.
- **Data:** {data}
- **Licences:** {licences}
- **Training:** {samples:,} samples: {trainings}

```
{commands}
```

## What it reaches

The test split of each source, {tested} pictures each, with 95 % intervals over the pictures. The mask's IoU is over all
pixels, then the mean of the pictures' own. The depth's error is of relative depth; on photographs it is unmeasured.

| tested on | pixels | mask IoU | mean of the pictures' | depth RMSE |
| --- | --- | --- | --- | --- |
{rows}

Of pairs without an object, two exposures of one picture at {size} px, it marks this share of the pixels wrongly:
{unchanged}.

Scenes of `pairbench:clean` at {size} px, perturbed one way at a time, mask IoU over all pixels: {borne}.

## What more samples would give

On the val split of its own data, while it learned:

| samples | loss | mask IoU | depth RMSE |
| ---: | ---: | ---: | ---: |
{curve}

## What it cannot do

- It finds what differs between two pictures of one scene. What stands in both is no object to it.
- Its photographs with an object are composites; no photograph of a real pair was trained or tested on.
- Depth was learned from rendered scenes alone, as rank from near to far, without a unit.
"""


def run(folder: Path, name: str, *, before: list[Path], photos: Path | None, samples: int) -> int:
    """Write the weights and the card. before: the trainings that it went on from, the first one first."""
    model = zoo.load(folder)
    stored(model)
    zoo.save(model, file_of(name))
    model = zoo.load(name)
    write_text(card_of(name), card([*before, folder], name, model, photos, samples))
    print(card_of(name).read_text(encoding="utf-8"))
    return 0


def stored(model: PairModel) -> None:
    """Tensors of two axes and more in float16; norms and biases, which are small, as they are."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half()


def card(folders: list[Path], name: str, model: PairModel, photos: Path | None, samples: int) -> str:
    recipe = _recipe(folders[-1])
    assert model.trained is not None
    sources = [*TIERS, *([f"photos(path={photos})", f"photos(plate=aligned, path={photos})"] if photos else [])]
    text: dict[str, Any] = {"name": name, "version": __version__, "tested": samples}
    text |= {"model": recipe.model, "data": _data([*map(_recipe, folders)]), "licences": _licences(recipe, photos)}
    text |= {"parameters": sum(p.numel() for p in model.parameters()), "bytes": file_of(name).stat().st_size}
    text |= {"samples": max(model.trained.samples.values()), "trainings": ", then\n  ".join(map(_training, folders))}
    text |= {"commands": "\n".join(map(_command, folders)), "curve": _curve(folders)}
    sizes = dict.fromkeys([SIZE, max(model.trained_at or (SIZE,))])
    text |= {"rows": "\n".join(row(model, source, size, samples) for source in sources for size in sizes)}
    empty = [f"{short(source)} {under(model, source, 'unchanged', 1, samples):.3%}" for source in sources]
    borne = [f"{name} {under(model, TIERS[0], name, amount, samples):.3f}" for name, amount in BORNE.items()]
    return TEXT.format(**text, size=SIZE, unchanged=", ".join(empty), borne=", ".join(borne))


def _recipe(folder: Path) -> Recipe:
    return Recipe.from_toml((folder / RECIPE).read_text(encoding="utf-8"))


def _facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))


def _training(folder: Path) -> str:
    """How much at which size, how long, and on what."""
    facts, recipe = _facts(folder), _recipe(folder)
    threads = facts["threads"]
    stages = ", ".join(f"{stage.samples:,} at {stage.hw[0]} px" for stage in recipe.stages)
    took = duration(read(folder / LOG)[-1]["seconds"])
    on = f"{facts['device_name']}, {threads} thread{'' if threads == 1 else 's'}"
    changed = f", augmented by `{recipe.augment}`" if recipe.augment else ""
    return f"{stages}{changed} ({took}, {on}, torch {facts['torch']}, commit {facts['commit'][:10]})"


def _data(recipes: list[Recipe]) -> str:
    sources = ", then ".join(dict.fromkeys(f"`{recipe.data}`" for recipe in recipes))
    return f"{sources}, split train. PairBench is computed: no photo is in it."


def _licences(recipe: Recipe, photos: Path | None) -> str:
    """Of what it learned from; photographs are those of `make photos`."""
    began = Spec.parse(recipe.model).options.get("encoder_weights")
    encoder = " The encoder began with ImageNet weights, Apache-2.0." if began else ""
    if "collage" not in recipe.data and "photos" not in recipe.data:
        return f"the weights are pairzoo's, as its code; no photograph was trained on.{encoder}"
    assert photos is not None, "trained on photographs: give their folder by --photos"
    with (photos / "CREDITS.csv").open(encoding="utf-8") as file:
        found = Counter((row["file"].partition("/")[0], row["licence"]) for row in csv.DictReader(file))
    listed = ", ".join(
        f"{count} {kind if count > 1 else kind.removesuffix('s')} {licence}"
        for (kind, licence), count in sorted(found.items())
    )
    return (
        f"the weights learned from the train split of the photographs of `make photos`: {listed}. Some of these"
        " licences ask for the same licence of works made from the photographs; whether weights are such a work is not"
        f" settled. `pairnet-small-clean` learned from no photograph.{encoder}"
    )


def _command(folder: Path) -> str:
    """As it was typed, with short paths."""
    words = _facts(folder)["command"][1:]
    return "$ " + shlex.join(["zoo", *(word if not word.startswith("/") else Path(word).name for word in words)])


def _curve(folders: list[Path]) -> str:
    """Of all trainings one after the other."""
    looks: list[dict[str, Any]] = []
    for folder in folders:
        before = looks[-1]["samples"] if looks else 0
        found = [line for line in read(folder / LOG) if line["kind"] == "validation"]
        looks += [{**look, "samples": before + look["samples"]} for look in found]
    chosen = [looks[(len(looks) - 1) * i // (LOOKS - 1)] for i in range(LOOKS)] if len(looks) > LOOKS else looks
    return "\n".join(
        f"| {look['samples']:,} | {look['loss']:.3f} | {look['mask_iou']:.3f} | {look['depth_rmse']:.3f} |"
        for look in chosen
    )
