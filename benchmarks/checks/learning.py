"""What a recipe reaches on PairBench, and how soon: IoU and RMSE over time, beside the baselines.

$ python -m benchmarks.checks learning --recipe zoo-quick

Every network is trained alike on the train split; the curve is of the val split, the last table of the test split,
whose textures, shapes and layouts none of them has seen. The exit code is 1 where a goal is missed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.checks.interleaved import where
from benchmarks.measures import accuracy
from benchmarks.networks.entrants import enter
from benchmarks.show.table import decimals
from benchmarks.show.terminal import print_table
from benchmarks.store.record import AccuracySettings, Found
from zoo import recipes
from zoo.progress import progress
from zoo.training.journal import LOG, read
from zoo.training.profile import Profile, profile

BASELINE = "frame_difference"
AHEAD = {"clean": 0.0, "hard": 0.2}  # of the baseline's mask IoU, that the recipe must be
PLANE = 0.8  # of the RMSE of the baseline's depth, a learned plane, that the recipe's may be at most
WAITING, LOSS = 0.10, 0.15  # greatest shares of the time: waiting for data, and computing losses in a step


@dataclass(frozen=True)
class Tested:
    """One training, measured on the test split."""

    tier: str
    model: str
    found: Found
    waiting: float  # share of the training's time that steps waited for data


def run(
    recipe: str, tiers: Sequence[str], samples: int | None, scenes: int, seed: int | None, alone: bool, out: Path
) -> int:
    """Train what is not there yet, test it, show it; 1 where a goal is missed."""
    own = recipes.build(recipe)
    own = own if seed is None else own.changed(seed=seed)
    size = max(stage.hw for stage in own.stages)
    outcomes = []
    for tier in tiers:
        cell = AccuracySettings(size, f"pairbench:{tier}", recipe, samples, own.seed, scenes)
        for model in [own.model] if alone else [BASELINE, own.model]:
            outcomes.append(outcome(model, tier, cell, out / f"{tier}-{model.partition('(')[0]}"))
            curve(outcomes[-1])
    tested = (outcomes[0].found.raw.sums or {}).get("images")
    return show(outcomes, profile(own), f"{recipe}, one seed; test split, {tested} scenes")


def outcome(model: str, tier: str, cell: AccuracySettings, folder: Path) -> Tested:
    """Train in a folder, or take up what a former start has left there, and test."""
    with progress() as tick:
        found = accuracy.measure(enter(model)[0], cell, folder, device="auto", workers=None, tick=tick)
    lines = [line for line in read(folder / LOG) if line["kind"] == "train"]
    spent = [line["samples"] / line["samples_per_s"] for line in lines]
    waited = sum(line["waiting"] * time for line, time in zip(lines, spent, strict=True))
    return Tested(tier, model, found, waited / sum(spent))


def curve(done: Tested) -> None:
    """The looks at the val split during a training."""
    rows = [
        [f"{look.seconds:.0f}", f"{look.samples:,}", *(decimals(getattr(look, name)) for name in NAMES)]
        for look in done.found.raw.curve or ()
    ]
    head = ["seconds", "scenes", "loss", "mask IoU", "depth RMSE"]
    print_table(head, rows, title=f"{done.model} on pairbench:{done.tier}, val split")


NAMES = ("loss", "mask_iou", "depth_rmse")


def show(outcomes: list[Tested], parts: Profile, what: str) -> int:
    """The test split's table, and whether the goals are reached."""
    rows = []
    for done in outcomes:
        values, spans = done.found.values, done.found.intervals
        looks = done.found.raw.curve or ()
        rows.append(
            [
                done.model,
                done.tier,
                *(f"{values[name]:.3f} ({spans[name][0]:.3f}-{spans[name][1]:.3f})" for name in NAMES[1:]),
                f"{looks[-1].samples:,}",
                f"{values['seconds'] / 60:.1f}",
                f"{done.waiting:.0%}",
            ]
        )
    goals = list(reached(outcomes, parts))
    shares = ", ".join(f"{part} {parts.share(part):.0%}" for part in parts.seconds)
    notes = [
        f"{what}, 95 % bootstrap intervals over scenes.",
        f"A step of {1000 * parts.total:.0f} ms: {shares}.",
        where(torch.device("cpu")),
        *(f"goal, {text}: {'reached' if holds else 'missed'}" for text, holds in goals),
    ]
    head = ["network", "tier", "mask IoU", "depth RMSE", "scenes seen", "minutes", "waiting"]
    print_table(head, rows, notes=notes)
    return int(not all(holds for _, holds in goals))


def reached(outcomes: list[Tested], parts: Profile) -> Iterator[tuple[str, bool]]:
    """The goals, and whether each holds; those beside a baseline only where it was trained too."""
    yield f"losses at most {LOSS:.0%} of a step", parts.share("loss") <= LOSS
    bases = {done.tier: done.found.values for done in outcomes if done.model == BASELINE}
    learned = [done for done in outcomes if done.model != BASELINE]
    for done in learned:
        yield f"waiting for data at most {WAITING:.0%} on {done.tier}", done.waiting <= WAITING
    for done in learned:
        if base := bases.get(done.tier):
            tier, values = done.tier, done.found.values
            gain, ratio = values["mask_iou"] - base["mask_iou"], values["depth_rmse"] / base["depth_rmse"]
            yield f"mask IoU {AHEAD[tier]:+.1f} above {BASELINE} on {tier} ({gain:+.3f})", gain >= AHEAD[tier]
            yield f"depth RMSE at most {PLANE} of a plane's on {tier} ({ratio:.2f})", ratio <= PLANE
