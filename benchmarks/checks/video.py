"""What a long video takes, and how steady its masks are.

$ python -m benchmarks.checks video --models pairnet-nano pairnet-small --seconds 60 --size 1080x1920

The video is drawn here: a camera that shakes, light that goes up and down, noise, an object that walks from side to
side. Each network goes through all of it in a process of its own, as `zoo predict --video` does. With --out each
network's memory over time is drawn, as NAME.svg. Exit code 1 where memory grows from the first tenth on.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.checks.alone import alone
from benchmarks.checks.interleaved import where
from benchmarks.checks.walk import PLATE, RATE, VIDEO, draw
from benchmarks.measures.footprint import forget, resident
from benchmarks.show.terminal import print_table
from benchmarks.store.files import prepare
from zoo import machine
from zoo.deploy.video.run import VideoSettings, predict_video
from zoo.files import write_text
from zoo.progress import progress
from zoo.saved import load

GROWTH = 64e6  # bytes by which memory may end above the most of its first tenth
HEAD = ["network", "frames", "frames/s", "flicker", "smoothed", "MB at 10 %", "MB at the end", "MB at most"]
WIDE, HIGH = 480, 120  # of the plot
PLOT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11">
<title>{title}</title>
<rect width="100%" height="100%" fill="white"/>
<path d="M 50 8 V {bottom} H {right}" fill="none" stroke="#888"/>
<polyline points="{points}" fill="none" stroke="#06c" stroke-width="1.5"/>
<g fill="#333"><text x="46" y="14" text-anchor="end">{most:.0f} MB</text>
<text x="46" y="{bottom}" text-anchor="end">0</text><text x="50" y="{low}">first frame</text>
<text x="{right}" y="{low}" text-anchor="end">frame {count:,}</text></g>
</svg>
"""


@dataclass(frozen=True)
class Found:
    """memory: bytes above those of the process with the network, after each frame."""

    frames: int
    seconds: float  # of the processor
    flicker: tuple[float, float]
    memory: list[int]

    @property
    def early(self) -> int:
        return max(self.memory[: max(1, len(self.memory) // 10)])


def run(models: Sequence[str], size: tuple[int, int], seconds: float, out: Path | None, threads: int | None) -> int:
    """Measure and show; 1 where memory grows."""
    count, body, grew = max(10, round(RATE * seconds)), [], False
    if out is not None:
        prepare(out)
    with tempfile.TemporaryDirectory() as place, progress() as tick:
        folder = Path(place)
        tick("drawing the video", 0, len(models) + 1)
        alone(draw, folder, size, count)
        for number, name in enumerate(models, 1):
            tick(f"{name}, {count:,} frames", number, len(models) + 1)
            found = alone(measured, name, folder, threads)
            grew |= found.memory[-1] > found.early + GROWTH
            memory = (f"{amount / 1e6:,.0f}" for amount in (found.early, found.memory[-1], max(found.memory)))
            flicker = (f"{each:.5f}" for each in found.flicker)
            body.append([name, f"{found.frames:,}", f"{found.frames / found.seconds:.2f}", *flicker, *memory])
            if out is not None:
                write_text(out / f"{name}.svg", plot(name, found.memory))
    notes = [
        f"{size[1]} x {size[0]} pixels, {count / RATE:.0f} s at {RATE} frames a second; frames/s: of the processor's"
        " time, video in to video out.",
        "flicker: mean change of the mask from frame to frame where the photo did not change, before and after"
        " smoothing; lower is better.",
        "MB: resident memory above that of the process with the network and its libraries.",
        where(torch.device("cpu")),
    ]
    print_table(HEAD, body, notes=notes)
    return int(grew)


def measured(name: str, folder: Path, threads: int | None) -> Found:
    """One network through the whole video."""
    model, memory = load(name).eval(), []
    with machine.threads(threads), torch.no_grad():
        model(*torch.rand(2, 1, model.face.image_ch, 64, 64))
        before, start = forget(torch.device("cpu")), time.process_time()
        report = predict_video(
            model,
            folder / VIDEO,
            folder / PLATE,
            folder / "out" / VIDEO,
            VideoSettings(),
            overwrite=True,
            tick=lambda *_: memory.append(resident("VmRSS") - before),
        )
        return Found(report.frames, time.process_time() - start, report.flicker, memory)


def plot(name: str, memory: Sequence[int]) -> str:
    """Memory over the frames, as SVG."""
    most = max(max(memory), 1) * 1.1
    right, bottom = WIDE - 10, HIGH - 20
    step = max(1, len(memory) // WIDE)
    points = " ".join(
        f"{50 + (right - 50) * number / max(len(memory) - 1, 1):.1f},{8 + (bottom - 8) * (1 - amount / most):.1f}"
        for number, amount in enumerate(memory)
        if number % step == 0
    )
    title = f"resident memory of {name} over {len(memory):,} frames: at most {max(memory) / 1e6:,.0f} MB"
    place = {"wide": WIDE, "high": HIGH, "right": right, "bottom": bottom, "low": HIGH - 6}
    return PLOT.format(title=title, points=points, most=most / 1e6, count=len(memory), **place)
