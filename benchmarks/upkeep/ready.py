"""The weights of the two baselines that ship, fitted anew: python -m benchmarks.upkeep ready

They are the two numbers that make a mask of the difference. Nothing is random: the first scenes of each tier's
train split, from one start, give the same numbers. The cards beside the weights say what was done, and what came of it
on scenes of the val split.
"""

import torch
from torch import Tensor

import zoo
from zoo.architectures.differences import UNIT, Difference
from zoo.data.scenes.render import VERSION
from zoo.files import write_text
from zoo.losses import Expression, Truth
from zoo.trained import Trained
from zoo.version import __version__
from zoo.weights.ready import card_of, file_of

NETWORKS = ("aligned_difference", "frame_difference")
TIERS = ("hard", "clean")
SCENES, CHECKED = 512, 64  # of each tier, to fit and to test
SIZE = 224  # pixels, PairBench's own
STRIDE = 4  # every fourth pixel along each side is fitted
BATCH, STEPS, RATE = 16, 300, 0.02
LOSS = Expression.parse("bce + 0.5*dice", task="mask")
METRICS = ("mask_iou", "mask_iou_image")
TEXT = """# {name}: ready weights

Written by `python -m benchmarks.upkeep ready` with pairzoo {version}.

- **Network:** `{name}`, mask alone, two learned numbers: logit = {scale:.3f} * difference - {offset:.3f}.
  A pixel counts as object from a difference of {edge:.3f} up.
- **Data:** PairBench, version {pictures}, split train, scenes 0 to {last} of the tiers {tiers}, {count:,} in all,
  {size} x {size} px; every {stride}th pixel along each side. PairBench is computed: no photo was used.
- **Loss:** {loss}; {steps} steps of Adam, rate {rate}, all scenes in each. Nothing is random, so there is no seed.
- **Found:** on {checked} scenes of the split val of each tier, spread evenly, at {size} x {size} px:

| tier | mask IoU over all pixels | mean of the images' |
| --- | --- | --- |
{rows}

The licence is pairzoo's.
"""


def run(scenes: int = SCENES, checked: int = CHECKED, size: int = SIZE) -> int:
    for name in NETWORKS:
        card = _fitted(name, scenes, checked, size)
        write_text(card_of(name), card)
        print(card)
    return 0


def _fitted(name: str, scenes: int, checked: int, size: int) -> str:
    """Fit a baseline and write its weights; the text of its card."""
    model = zoo.build(name, tasks="mask").eval()
    assert isinstance(model, Difference)
    parts = [_differences(model, tier, scenes, size) for tier in TIERS]
    _fit(model, *(torch.cat(maps) for maps in zip(*parts, strict=True)))
    model.trained_at = size, size
    model.trained = Trained(f"pairbench, tiers {' and '.join(TIERS)}", {"mask": scenes * len(TIERS)})
    scale, offset = (UNIT * model.threshold).tolist()
    rows = [f"| {tier} | {_score(model, tier, checked, size)} |" for tier in TIERS]
    facts = {"version": __version__, "pictures": VERSION, "tiers": " and ".join(TIERS), "loss": LOSS, "steps": STEPS}
    facts |= {"scale": scale, "offset": -offset, "edge": -offset / scale, "rate": RATE, "stride": STRIDE, "size": size}
    facts |= {"last": scenes - 1, "count": scenes * len(TIERS), "checked": checked, "rows": "\n".join(rows)}
    zoo.save(model, file_of(name))
    return TEXT.format(name=name, **facts)


def _differences(model: Difference, tier: str, scenes: int, size: int) -> tuple[Tensor, Tensor]:
    """What changed in each scene, and its mask: (scenes, 1, h, w) each, every fourth pixel."""
    data = zoo.data.load(f"pairbench:{tier}", split="train", size=size)
    found: list[tuple[Tensor, Tensor]] = []
    for first in range(0, scenes, BATCH):
        sample = data.batch(range(first, min(first + BATCH, scenes)))
        with torch.no_grad():
            maps = model.difference(sample.bg, sample.fg_bg), sample.mask
        found.append((maps[0][..., ::STRIDE, ::STRIDE].clone(), maps[1][..., ::STRIDE, ::STRIDE].clone()))
    change, mask = zip(*found, strict=True)
    return torch.cat(change), torch.cat(mask)


def _fit(model: Difference, change: Tensor, mask: Tensor) -> None:
    truth = Truth(mask, torch.ones_like(mask), change)  # neither loss looks at the image
    optimizer = torch.optim.Adam([model.threshold], lr=RATE)
    for _ in range(STEPS):
        scale, offset = UNIT * model.threshold
        logits = scale * change + offset
        loss = torch.stack([term.weight * term(logits, truth).mean() for term in LOSS.terms]).sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()


def _score(model: Difference, tier: str, scenes: int, size: int) -> str:
    data = zoo.data.load(f"pairbench:{tier}", split="val", size=size)
    values = zoo.evaluate(model, data, samples=scenes, metrics=METRICS).values
    return " | ".join(f"{values[name]:.3f}" for name in METRICS)
