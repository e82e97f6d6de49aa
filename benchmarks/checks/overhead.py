"""What the contract costs: `python -m benchmarks.checks overhead`.

The founding networks, `model(bg, fg_bg)` with its checks, padding and naming, against a bare `nn.Module` that calls the
very same layers; both in shuffled order, round by round. Exit code 1 where the ratio's 95 % interval lies above 1.02.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from benchmarks.checks.interleaved import time_calls, where
from benchmarks.show.table import milliseconds
from benchmarks.show.terminal import print_table
from benchmarks.statistics.intervals import FEW, interval, ratio
from benchmarks.timing.rounds import TimedCall, images
from registry import Spec, ZooError
from zoo import machine
from zoo.architectures import architectures
from zoo.factory import build
from zoo.progress import progress

LIMIT = 1.02
CPU = torch.device("cpu")
HEAD = ["model", "pixels", "contract ms", "bare ms", "ratio", "95 % interval", f"limit {LIMIT}"]
MODELS = 'names, patterns and specs, as in "u2net*, unet(depth=4)"; default: the founding networks'


def run(models: str, sizes: Sequence[tuple[int, int]], seconds: float, threads: int | None) -> int:
    """Measure and show; 1 where a network pays for the contract."""
    body = []
    with machine.threads(threads), progress() as tick:
        for (height, width), spec in product(sizes, architectures.select(models)):
            pixels = f"{height} x {width}"
            times = time_calls(pair(spec, height, width), seconds, f"{spec} at {pixels}", tick, rounds=FEW, within=0)
            medians = [milliseconds(interval(rounds).median) for rounds in times]
            found = ratio(*times)
            span = f"{found.low:.4f} - {found.high:.4f}"
            body.append([str(spec), pixels, *medians, f"{found.median:.4f}", span, "above" * (found.low > LIMIT)])
    print_table(HEAD, body, notes=["float32, eager, batch 1. Ratio: contract / bare, paired by round.", where(CPU)])
    return int(any(row[-1] for row in body))


def pair(spec: Spec, height: int, width: int) -> list[TimedCall]:
    """A network as the library calls it, and its layers alone."""
    model = build(spec).eval()
    if height % model.pad_to or width % model.pad_to or min(height, width) < model.min_size:
        raise ZooError(
            f"{spec} pads {height} x {width}, and the bare network cannot; give multiples of {model.pad_to} from"
            f" {model.min_size} up"
        )

    class Bare(nn.Module):
        def forward(self, bg: Tensor, fg_bg: Tensor) -> dict[str, Tensor]:
            return model.logits(bg, fg_bg)

    bg, fg_bg = images(model.face.image_ch, height, width, CPU)
    bare = Bare().eval()

    def call(network: nn.Module) -> object:
        with torch.inference_mode():
            return network(bg, fg_bg)

    return [
        TimedCall(f"{spec}, contract", lambda: call(model), CPU),
        TimedCall(f"{spec}, bare", lambda: call(bare), CPU),
    ]
