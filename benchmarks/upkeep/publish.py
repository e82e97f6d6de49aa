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
from benchmarks.upkeep.tested import SIZE, TIERS, row, short, under
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
- **Training:** {samples:,} samples, {stages}; {seconds} on {machine}, {threads} thread{s}, torch {torch},
  commit {commit}.

```
$ {command}
```

## What it reaches

The test split of each source, {tested} pictures each, {size} x {size} px, with 95 % intervals over the pictures. The
mask's IoU is over all pixels, then the mean of the pictures' own. The depth's error is of relative depth; on
photographs it is unmeasured.

| tested on | mask IoU | mean of the pictures' | depth RMSE |
| --- | --- | --- | --- |
{rows}

Of pairs without an object, two exposures of one picture, it marks this share of the pixels wrongly: {unchanged}.
Scenes of `pairbench:clean`, perturbed one way at a time, mask IoU over all pixels: {borne}.

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


def run(folder: Path, name: str, *, photos: Path | None, samples: int) -> int:
    """Write the weights and the card."""
    model = zoo.load(folder)
    stored(model)
    zoo.save(model, file_of(name))
    model = zoo.load(name)
    write_text(card_of(name), card(folder, name, model, photos, samples))
    print(card_of(name).read_text(encoding="utf-8"))
    return 0


def stored(model: PairModel) -> None:
    """Tensors of two axes and more in float16; norms and biases, which are small, as they are."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half()


def card(folder: Path, name: str, model: PairModel, photos: Path | None, samples: int) -> str:
    recipe = Recipe.from_toml((folder / RECIPE).read_text(encoding="utf-8"))
    facts = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
    log = read(folder / LOG)
    assert model.trained is not None
    sources = [*TIERS, *([f"photos(path={photos})", f"photos(plate=aligned, path={photos})"] if photos else [])]
    text: dict[str, Any] = {"name": name, "version": __version__, "size": SIZE, "tested": samples}
    text |= {"model": recipe.model, "data": _data(recipe), "licences": _licences(recipe, photos)}
    text |= {"parameters": sum(p.numel() for p in model.parameters()), "bytes": file_of(name).stat().st_size}
    text |= {"samples": max(model.trained.samples.values()), "stages": _stages(recipe)}
    text |= {"seconds": duration(log[-1]["seconds"]), "machine": facts["device_name"], "threads": facts["threads"]}
    text |= {"s": "" if facts["threads"] == 1 else "s", "torch": facts["torch"], "commit": facts["commit"][:10]}
    text |= {"command": _command(facts["command"]), "curve": _curve(log)}
    text |= {"rows": "\n".join(row(model, source, samples) for source in sources)}
    empty = [f"{short(source)} {under(model, source, 'unchanged', 1, samples):.3%}" for source in sources]
    borne = [f"{name} {under(model, TIERS[0], name, amount, samples):.3f}" for name, amount in BORNE.items()]
    return TEXT.format(**text, unchanged=", ".join(empty), borne=", ".join(borne))


def _data(recipe: Recipe) -> str:
    start = f", from `{recipe.start}`" if recipe.start else ""
    return f"`{recipe.data}`, split train{start}. PairBench is computed: no photo is in it."


def _licences(recipe: Recipe, photos: Path | None) -> str:
    """Of what it learned from; photographs are those of `make photos`."""
    encoder = " The encoder began with ImageNet weights, Apache-2.0." if "encoder_weights=" in recipe.model else ""
    if "collage" not in recipe.data and "photos" not in recipe.data:
        return f"the weights are pairzoo's, as its code; no photograph was trained on.{encoder}"
    assert photos is not None, "trained on photographs: give their folder by --photos"
    with (photos / "CREDITS.csv").open(encoding="utf-8") as file:
        found = Counter((row["file"].partition("/")[0], row["licence"]) for row in csv.DictReader(file))
    listed = ", ".join(f"{count} {kind} under {licence}" for (kind, licence), count in sorted(found.items()))
    return (
        f"the photographs of `make photos`, of which the train split was learned from: {listed}. Where these ask for"
        f" the same licence of what is made from them, ask whether that holds for weights; `pairnet-small-clean` has"
        f" no such question.{encoder}"
    )


def _stages(recipe: Recipe) -> str:
    return ", then ".join(f"{stage.samples:,} at {stage.hw[0]} px" for stage in recipe.stages)


def _command(words: list[str]) -> str:
    """As it was typed, with short paths."""
    return shlex.join(["zoo", *(word if not word.startswith("/") else Path(word).name for word in words[1:])])


def _curve(log: list[dict[str, Any]]) -> str:
    looks = [line for line in log if line["kind"] == "validation"]
    chosen = [looks[(len(looks) - 1) * i // (LOOKS - 1)] for i in range(LOOKS)] if len(looks) > LOOKS else looks
    return "\n".join(
        f"| {look['samples']:,} | {look['loss']:.3f} | {look['mask_iou']:.3f} | {look['depth_rmse']:.3f} |"
        for look in chosen
    )
