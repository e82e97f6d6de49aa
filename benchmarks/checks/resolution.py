"""What photos of any size take: memory, time, and how far tiles are from the whole.

$ python -m benchmarks.checks resolution --models "pairnet(scale=nano)" --sizes 1080x1920 2160x3840

Each photo is predicted by `zoo predict --size tiles` as it is: JPEG files are read, PNG files are written, in a process
of its own. Weights are random; the look at the whole is replaced by a disc half as high as the picture, so that as
many tiles are computed as an object's outline needs. Where the network fits at the photo's own size, every tile
without a look at the whole is compared with that. Exit code 1 where a goal is missed.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.checks.alone import alone
from benchmarks.checks.interleaved import where
from benchmarks.measures.footprint import forget, resident
from benchmarks.show.table import decimals
from benchmarks.show.terminal import print_table
from zoo import machine
from zoo.deploy import Pair, PredictSettings, predict_many
from zoo.deploy.memory import lacks_memory
from zoo.deploy.predict import parted
from zoo.deploy.tiling.rows import Parts, joined
from zoo.factory import build
from zoo.model import PairModel
from zoo.progress import progress

TRAINED = 224  # pixels of the look at the whole
LARGEST = 1 << 28  # pixels that are read
COMPARED = 3_000_000  # pixels of a photo up to which every tile is compared with the whole
GOALS = {10_000_000: 1.5e9, 1 << 62: 2e9}  # pixels up to which -> bytes
HEAD = ["network", "photo", "Mpx", "tile", "tiles", "MB", "goal MB", "s", "apart at most"]


def run(models: Sequence[str], sizes: Sequence[tuple[int, int]], threads: int | None) -> int:
    """Measure and show; 1 where a goal is missed."""
    body, missed, count = [], False, len(models) * len(sizes)
    with progress() as tick:
        for number, (spec, size) in enumerate((spec, size) for spec in models for size in sizes):
            tick(f"measuring {spec} at {size[0]} x {size[1]}", number, count)
            found = one(spec, size, threads)
            goal = next(most for pixels, most in GOALS.items() if size[0] * size[1] <= pixels)
            missed |= found["bytes"] > goal
            apart = found.get("apart")
            cells = [f"{size[0] * size[1] / 1e6:.1f}", *(f"{found[name]:.0f}" for name in ("side", "tiles"))]
            cells += [f"{found['bytes'] / 1e6:,.0f}", f"{goal / 1e6:,.0f}", decimals(found["seconds"])]
            body.append([spec, f"{size[0]} x {size[1]}", *cells, "" if apart is None else f"{apart:.4f}"])
    notes = [
        "MB: resident memory at its peak, above that of the process with the network and its libraries.",
        "s: of the processor, files in to files out. Photo: height x width. Weights are random.",
        "apart at most: of a mask's probability, every tile against the network at the photo's own size.",
        where(torch.device("cpu")),
    ]
    print_table(HEAD, body, notes=notes)
    return int(missed)


def one(spec: str, size: tuple[int, int], threads: int | None = 1) -> dict[str, float]:
    """A photo of a size, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        alone(draw, Path(folder), size)
        return alone(_measured, spec, Path(folder), threads)


def draw(folder: Path, size: tuple[int, int]) -> None:
    """A plate and a photo of it with a disc before it, as JPEG files."""
    h, w = size
    grain = np.random.default_rng(0).integers(0, 255, (h // 40 + 2, w // 40 + 2, 3), dtype=np.uint8)
    plate = Image.fromarray(grain).resize((w, h), Image.Resampling.BICUBIC)
    plate.save(folder / "bg.jpg", quality=92)
    stencil = Image.new("L", (w, h))
    stencil.paste(
        Image.fromarray((_disc(h // 3 * 2, h // 3 * 2) > 0).astype(np.uint8) * 255), ((w - h // 3 * 2) // 2, h // 6)
    )
    plate.paste((200, 40, 30), (0, 0), stencil)
    plate.save(folder / "photo.jpg", quality=92)


def _disc(h: int, w: int) -> np.ndarray:
    """(h, w): pixels inside the outline of a disc half as high, negative outside."""
    y, x = np.mgrid[:h, :w]
    return np.minimum(h, w) / 4 - np.hypot(y - h / 2, x - w / 2)


def _measured(spec: str, folder: Path, threads: int | None) -> dict[str, float]:
    torch.manual_seed(0)
    model = build(spec).eval()
    model.trained_at = TRAINED, TRAINED
    pair = Pair(folder / "bg.jpg", folder / "photo.jpg")
    counted = [0]
    with machine.threads(threads), torch.no_grad():
        small = torch.rand(2, 1, model.face.image_ch, 64, 64)
        model(*small)
        with Image.open(pair.photo) as header:
            size = header.height, header.width
        image = torch.empty(model.face.image_ch, *size, dtype=torch.uint8, device="meta")
        side = Parts(model, [image, image], None).tile  # what is traced for it stays
        settings = PredictSettings("tiles", max_pixels=LARGEST)
        handle = model.register_forward_pre_hook(lambda *_: counted.__setitem__(0, counted[0] + 1))
        before, start = forget(torch.device("cpu")), time.process_time()
        _predict(model, pair, folder / "out", settings)
        seconds, peak = time.process_time() - start, resident("VmHWM")
        handle.remove()
        found = {"side": side, "tiles": counted[0], "bytes": max(peak - before, 0), "seconds": seconds}
        if size[0] * size[1] <= COMPARED and not lacks_memory(model, size, torch.device("cpu"), is_half=False):
            found["apart"] = _apart(model, size)
    return found


def _predict(model: PairModel, pair: Pair, out: Path, settings: PredictSettings) -> None:
    """With a disc in the place of the look at the whole."""
    whole = vars(Parts)["whole"]
    maps = {task: torch.zeros(1, TRAINED, TRAINED) for task in model.face.tasks}
    if "mask" in maps:
        maps["mask"] = torch.from_numpy(_disc(TRAINED, TRAINED)).float()[None] * 4
    setattr(Parts, "whole", property(lambda parts: maps))  # noqa: B010  (a cached property, for types)
    try:
        failures = predict_many(model, [pair], out, settings, overwrite=True).failures
    finally:
        setattr(Parts, "whole", whole)  # noqa: B010
    assert not failures, failures


def _apart(model: torch.nn.Module, size: tuple[int, int]) -> float:
    """The largest difference of a probability between every tile and the whole."""
    bg = torch.nn.functional.interpolate(torch.rand(1, 3, size[0] // 40, size[1] // 40), size, mode="bicubic")[0]
    bg = bg.clamp(0, 1)
    fg_bg = torch.where(torch.from_numpy(_disc(*size)) > 0, torch.tensor([0.8, 0.2, 0.1])[:, None, None], bg)
    whole = joined(parted(model, [bg, fg_bg], size, "fp32").rows())
    tiles = joined(Parts(model, [bg, fg_bg], None).rows())
    return max(float((tiles[task] - whole[task]).abs().max()) for task in whole if task == "mask")
