"""Can the hard tier be learned? `python -m benchmarks.learning`: a small network, a few minutes, and its IoU over time.

A tier that a threshold solves measures nothing, nor does one that nothing solves. The network is trained on the train
split and measured on scenes whose textures, shapes and layouts it has never seen. Exit code 1 where the goal is missed.
"""

import argparse
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.command import at_least, positive
from registry.commandline import Parser, guarded

if TYPE_CHECKING:
    from zoo.model import PairModel

GOAL = 0.8  # mask IoU on the test split
SPEC = "unet(width=16, fusion=difference)"
RATE, DECAY, WARM_UP = 3e-3, 1e-3, 50  # AdamW, and steps until its rate is reached; then a cosine down to 0
SCENES = 500  # that the IoU is pooled over
POINTS = 6  # of the curve


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.learning", description="Can PairBench be learned?")
    add = parser.add_argument
    add("--spec", default=SPEC, help=f"the network; default: {SPEC}")
    add("--tier", choices=("clean", "hard"), default="hard", help="default: hard")
    add("--minutes", type=positive, default=8.0, help="of training; default: 8")
    add("--size", type=at_least(16), default=64, help="pixels; default: 64")
    add("--batch", type=at_least(2), default=32, help="default: 32")
    add("--seed", type=at_least(0), default=0, help="default: 0")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Train, show the curve; 1 where the goal is missed."""
    import torch

    import zoo
    from benchmarks import leaderboard
    from zoo import machine
    from zoo.data.loader import Loader
    from zoo.data.order import Order
    from zoo.progress import progress

    torch.manual_seed(args.seed)
    model = zoo.build(args.spec).to(memory_format=torch.channels_last)
    data = zoo.data.load(f"pairbench:{args.tier}", split="train", size=args.size)
    batches = Loader(data, Order(len(data), seed=args.seed), batch=args.batch, workers=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    spent, waited, steps, loss, iou = 0.0, 0.0, 0, math.nan, math.nan
    rows: list[list[str]] = []
    limit = 60 * args.minutes
    ready = time.perf_counter()
    with progress() as tick:
        for batch in batches:
            begun = time.perf_counter()
            share = min((spent + begun - ready) / limit, 1.0)
            rate = RATE * min(1.0, (steps + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * share))
            loss = step(model, optimizer, batch, rate)
            steps += 1
            waited, spent = waited + begun - ready, spent + time.perf_counter() - ready
            tick(f"train, {steps * args.batch:,} scenes", spent, limit)
            if spent > limit * (len(rows) + 1) / POINTS or spent >= limit:
                iou, error = measure(model, args)
                rows.append([f"{spent:.0f}", f"{steps * args.batch:,}", f"{loss:.3f}", f"{iou:.3f}", f"{error:.3f}"])
            ready = time.perf_counter()
            if spent >= limit:
                break
    count = sum(p.numel() for p in model.parameters())
    notes = [
        f"{model.spec}, {count:,} parameters, on pairbench:{args.tier} at {args.size} px, batch {args.batch}, bfloat16"
        f" autocast, seed {args.seed}; one run. Measured on {SCENES} scenes of the test split, unseen by training.",
        f"Loss: BCE and half a Dice for the mask, L1 for the depth. Waited for data {waited / spent:.0%} of the time.",
        f"{machine.headline(machine.describe(torch.device('cpu')))}, load {machine.load()}.",
        f"goal, IoU {GOAL}: {'reached' if iou >= GOAL else 'missed'}",
    ]
    leaderboard.print_table(["seconds", "scenes", "loss", "mask IoU", "depth RMSE"], rows, notes=notes)
    return int(iou < GOAL)


def step(model: "PairModel", optimizer: Any, batch: Any, rate: float) -> float:
    """One step of training; the loss."""
    import torch
    import torch.nn.functional as F

    for group in optimizer.param_groups:
        group["lr"] = rate
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        mask, depth = model(*(image.contiguous(memory_format=torch.channels_last) for image in batch[:2]))
    assert mask is not None
    assert depth is not None
    object_, far = mask.float().sigmoid(), depth.float().sigmoid()
    overlap = 2 * (object_ * batch.mask).sum() / (object_.sum() + batch.mask.sum()).clamp(min=1)
    loss = (
        F.binary_cross_entropy_with_logits(mask.float(), batch.mask) + (1 - overlap) / 2 + F.l1_loss(far, batch.depth)
    )
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def measure(model: "PairModel", args: argparse.Namespace) -> tuple[float, float]:
    """Mask IoU pooled over all pixels, and depth RMSE, on the test split."""
    import torch

    import zoo

    data = zoo.data.load(f"pairbench:{args.tier}", split="test", size=args.size)
    both = either = square = pixels = 0.0
    model.eval()
    with torch.inference_mode():
        for start in range(0, SCENES, 50):
            batch = data.batch(range(start, start + 50))
            mask, depth = model(batch.bg, batch.fg_bg)
            assert mask is not None
            assert depth is not None
            found, true = mask > 0, batch.mask > 0.5
            both, either = both + (found & true).sum().item(), either + (found | true).sum().item()
            square, pixels = square + (depth.sigmoid() - batch.depth).square().sum().item(), pixels + depth.numel()
    return both / max(either, 1), (square / pixels) ** 0.5


if __name__ == "__main__":
    sys.exit(main())
