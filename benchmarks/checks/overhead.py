"""What the contract costs: `python -m benchmarks.checks.overhead`.

The founding networks, `model(bg, fg_bg)` with its checks, padding and naming, against a bare `nn.Module` that calls the
very same layers; both in shuffled order, round by round. Exit code 1 where the ratio's 95 % interval lies above 1.02.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from benchmarks.arguments import positive, threads
from registry.commandline import Parser, guarded, sides

if TYPE_CHECKING:
    from zoo.progress import Tick

LIMIT = 1.02


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="python -m benchmarks.checks.overhead", description="What the contract costs.")
    add = parser.add_argument
    add("--models", help='names, patterns and specs, as in "u2net*, unet(depth=4)"; default: the founding networks')
    add("--sizes", type=sides, nargs="+", default=[(64, 64), (224, 224)], help="pixels; default: 64 224")
    add("--seconds", type=positive, default=8.0, help="time for each network at each size; default: 8")
    add("--threads", type=threads, help="threads on the CPU; default: what torch chooses")
    return guarded(lambda: run(parser.parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Measure and show; 1 where a network pays for the contract."""
    import torch

    from benchmarks.show import terminal
    from zoo import machine
    from zoo.architectures import architectures
    from zoo.progress import progress

    if args.threads:
        torch.set_num_threads(args.threads)
    founding = ",".join(entry.name for entry in architectures if entry.card.group == "founding")
    specs = [str(spec) for spec in architectures.select(args.models or founding)]
    body, dear = [], 0
    with progress() as tick:
        for height, width in args.sizes:
            for spec in specs:
                texts, above = pair(spec, height, width, args.seconds, tick)
                body.append([*texts, "above" * above])
                dear += above
    head = ["model", "pixels", "contract ms", "bare ms", "ratio", "95 % interval", f"limit {LIMIT}"]
    where = machine.headline(machine.describe(torch.device("cpu")))
    terminal.print_table(
        head, body, notes=[f"float32, eager, batch 1; {where}. Ratio: contract / bare, paired by round."]
    )
    return 1 if dear else 0


def pair(spec: str, height: int, width: int, seconds: float, tick: "Tick") -> tuple[list[str], bool]:
    """The row of one network at one size, and whether its interval lies above the limit."""
    import torch
    from torch import Tensor, nn

    from benchmarks.show.table import milliseconds
    from benchmarks.statistics import intervals
    from benchmarks.timing.rounds import Cell, images, interleave, warm_up
    from registry import ZooError
    from zoo.factory import build

    model = build(spec).eval()

    class Bare(nn.Module):
        def forward(self, bg: Tensor, fg_bg: Tensor) -> dict[str, Tensor]:
            return model.logits(bg, fg_bg)

    if height % model.pad_to or width % model.pad_to or min(height, width) < model.min_size:
        raise ZooError(
            f"{spec} pads {height} x {width}, and the bare network cannot; give multiples of {model.pad_to} from"
            f" {model.min_size} up"
        )
    bare = Bare().eval()
    bg, fg_bg = images(model.face.image_ch, height, width, torch.device("cpu"))

    def caller(network: nn.Module) -> object:
        with torch.inference_mode():
            return network(bg, fg_bg)

    cells = [
        Cell("contract", lambda: caller(model), torch.device("cpu")),
        Cell("bare", lambda: caller(bare), torch.device("cpu")),
    ]
    for cell in cells:
        warm_up(cell, seconds=seconds / 8)
    for _ in interleave(cells, seconds=seconds, min_rounds=intervals.FEW, within=0):
        used = sum(cell.spent for cell in cells)
        tick(f"{spec} at {height} x {width}", min(used, seconds), seconds)
    for cell in cells:
        if cell.failed:
            raise ZooError(f"{spec}, {cell.name}: {cell.failed}")
    medians = [milliseconds(intervals.summarise(cell.rounds).median) for cell in cells]
    found = intervals.ratio(cells[0].rounds, cells[1].rounds)
    texts = [spec, f"{height} x {width}", *medians, f"{found.median:.4f}", f"{found.low:.4f} - {found.high:.4f}"]
    return texts, found.low > LIMIT


if __name__ == "__main__":
    sys.exit(main())
