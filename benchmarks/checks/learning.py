"""What a recipe reaches on PairBench, and how soon: IoU and RMSE over time, beside the baselines.

$ python -m benchmarks.checks.learning --recipe zoo-quick

Every network is trained alike on the train split; the curve is of the val split, the last table of the test split,
whose textures, shapes and layouts none of them has seen. The exit code is 1 where a goal is missed.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.arguments import at_least
from registry.commandline import Parser, guarded

if TYPE_CHECKING:
    from zoo.metrics import Evaluation
    from zoo.training import Recipe
    from zoo.training.profile import Profile

BASELINE = "frame_difference"
AHEAD = {"hard": 0.2, "clean": 0.0}  # of the baseline's mask IoU, that the recipe must be
PLANE = 0.8  # of the RMSE of the baseline's depth, a learned plane, that the recipe's may be at most
WAITING, LOSS = 0.10, 0.15  # greatest shares of the time: waiting for data, and computing losses in a step


@dataclass(frozen=True)
class Outcome:
    """One training, measured on the test split."""

    tier: str
    model: str
    log: list[dict[str, Any]]
    tested: "Evaluation"

    @property
    def last(self) -> dict[str, Any]:
        """The last line of the training's log."""
        return [line for line in self.log if line["kind"] == "train"][-1]

    @property
    def waiting(self) -> float:
        """Share of the training's time that steps waited for data."""
        lines = [line for line in self.log if line["kind"] == "train"]
        spent = [line["samples"] / line["samples_per_s"] for line in lines]
        return sum(line["waiting"] * time for line, time in zip(lines, spent, strict=True)) / sum(spent)


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.learning", description="What does a recipe reach, and how soon?")
    add = parser.add_argument
    add("--recipe", default="zoo-quick", help="a name or a TOML file; default: zoo-quick")
    add("--tiers", default="clean,hard", help="of PairBench; default: clean,hard")
    add("--samples", type=at_least(1000, most=10**9), help="seen by each network; default: the recipe's")
    add("--scenes", type=at_least(10), default=500, help="of the test split; default: 500")
    add("--seed", type=at_least(0), help="default: the recipe's")
    add("--alone", action="store_true", help=f"without {BASELINE}, so without goals")
    add("--out", type=Path, default=Path("results/learning"), help="a folder for each training; finished ones are kept")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Train what is not there yet, test it, show it; 1 where a goal is missed."""
    from registry import OptionError
    from zoo import recipes
    from zoo.training.profile import profile

    recipe = recipes.build(args.recipe)
    if args.seed is not None:
        recipe = recipe.changed(seed=args.seed)
    tiers = [tier.strip() for tier in args.tiers.split(",")]
    for tier in tiers:
        if tier not in AHEAD:
            raise OptionError(f"--tiers {args.tiers}: {tier!r} is no tier; PairBench has {' and '.join(AHEAD)}")
    outcomes = []
    for tier in tiers:
        for model in [recipe.model] if args.alone else [BASELINE, recipe.model]:
            here = recipe.changed(model=model, data=f"pairbench:{tier}")
            outcomes.append(outcome(here, tier, args.out / f"{tier}-{model.partition('(')[0]}", args))
            curve(outcomes[-1])
    parts = profile(recipe)
    return show(outcomes, parts, args)


def outcome(recipe: "Recipe", tier: str, folder: Path, args: argparse.Namespace) -> Outcome:
    """Train in a folder, or take up what a former start has left there, and test."""
    from zoo import data
    from zoo.metrics.evaluate import evaluate
    from zoo.progress import progress
    from zoo.training import fit
    from zoo.training.journal import read

    with progress() as tick:
        begun = (folder / "recipe.toml").exists()  # of another recipe, it is refused; a finished one is taken up
        run = fit(recipe, folder, samples=args.samples, resume=begun, tick=tick)
        tested = evaluate(
            run.model,
            data.load(recipe.data, split="test", size=recipe.stages[-1].sides),
            samples=args.scenes,
            tick=tick,
        )
    return Outcome(tier, recipe.model, read(folder / "log.jsonl"), tested)


def curve(done: Outcome) -> None:
    """The looks at the val split during a training."""
    from benchmarks.show import terminal

    rows = [
        [f"{line['seconds']:.0f}", f"{line['samples']:,}", *(_shown(line.get(name)) for name in NAMES)]
        for line in done.log
        if line["kind"] == "validation"
    ]
    head = ["seconds", "scenes", "loss", "mask IoU", "depth RMSE"]
    terminal.print_table(head, rows, title=f"{done.model} on pairbench:{done.tier}, val split")


NAMES = ("loss", "mask_iou", "depth_rmse")


def show(outcomes: list[Outcome], parts: "Profile", args: argparse.Namespace) -> int:
    """The test split's table, and whether the goals are reached."""
    import torch

    from benchmarks.show import terminal
    from zoo import machine

    rows = []
    for done in outcomes:
        values, spans = done.tested.values, done.tested.intervals
        rows.append(
            [
                done.model,
                done.tier,
                *(f"{values[name]:.3f} ({spans[name][0]:.3f}-{spans[name][1]:.3f})" for name in NAMES[1:]),
                f"{done.last['samples']:,}",
                f"{done.last['seconds'] / 60:.1f}",
                f"{done.waiting:.0%}",
            ]
        )
    head = ["network", "tier", "mask IoU", "depth RMSE", "scenes seen", "minutes", "waiting"]
    goals = list(reached(outcomes, parts))
    notes = [
        f"{args.recipe}, one seed; test split, {args.scenes} scenes, 95 % bootstrap intervals over scenes.",
        f"A step of {1000 * parts.total:.0f} ms: "
        + ", ".join(f"{part} {parts.share(part):.0%}" for part in parts.seconds)
        + ".",
        f"{machine.headline(machine.describe(torch.device('cpu')))}, load {machine.load()}.",
        *(f"goal, {text}: {'reached' if holds else 'missed'}" for text, holds in goals),
    ]
    terminal.print_table(head, rows, notes=notes)
    return int(not all(holds for _, holds in goals))


def reached(outcomes: list[Outcome], parts: "Profile") -> "list[tuple[str, bool]]":
    """The goals, and whether each holds."""
    goals = [(f"losses at most {LOSS:.0%} of a step", parts.share("loss") <= LOSS)]
    by_tier = {done.tier: {} for done in outcomes}  # type: dict[str, dict[str, Outcome]]
    for done in outcomes:
        by_tier[done.tier][done.model] = done
        if done.model != BASELINE:
            goals.append((f"waiting for data at most {WAITING:.0%} on {done.tier}", done.waiting <= WAITING))
    for tier, models in by_tier.items():
        base = models.pop(BASELINE, None)
        for done in models.values():
            if base is None:
                continue
            gain = done.tested.values["mask_iou"] - base.tested.values["mask_iou"]
            ratio = done.tested.values["depth_rmse"] / base.tested.values["depth_rmse"]
            goals.append((f"mask IoU {AHEAD[tier]:+.1f} above {BASELINE} on {tier} ({gain:+.3f})", gain >= AHEAD[tier]))
            goals.append((f"depth RMSE at most {PLANE} of a plane's on {tier} ({ratio:.2f})", ratio <= PLANE))
    return goals


def _shown(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
