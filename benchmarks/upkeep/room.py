"""Where `benchmarks.upkeep.gpu` works, how much it does there, and how a comparison leaves its records."""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.checks import rendering
from benchmarks.plan.comparison import BASELINES, FOUNDING, Options
from benchmarks.run.campaign import Campaign
from benchmarks.run.leaderboard import prepared
from benchmarks.store import files, identity
from benchmarks.store.names import ACCURACY, CONTROL, MORE, SPEED
from benchmarks.store.record import Machine
from benchmarks.upkeep.ladder import FAILED, REPORT, Found, Step, carried_out
from registry import ZooError
from zoo import machine
from zoo.progress import progress

OURS = "unet(width=16, fusion=difference), unet(width=24, fusion=difference)"
TESTS = "tests.txt"
FILES = (REPORT, TESTS, SPEED, ACCURACY, MORE, CONTROL)
EFFORT = rendering.Effort(rounds=4, samples=512, workers=8, batch=32)


@dataclass(frozen=True)
class Scale:
    """How much is done in each step."""

    device: str = "cuda"
    every: str = f"{FOUNDING}, {OURS}, {BASELINES}"
    few: str = "unet, resnet18_unet, u2netp"
    own: str = "resunet"  # trained by its own recipe, on photographs
    precisions: str = "fp32,bf16"
    others: str = "tf32,fp16"
    engine: str = "graph"
    compiled: bool = True
    batches: str = "max"
    pixels: int = 224
    large: int = 512
    train: int = 128
    rendered: tuple[int, ...] = (128, 224)
    seconds: float = 0.4  # of timing for each cell
    peak: float = 1.0  # seconds for each of the device's peaks
    scenes: int = 500
    samples: int | None = None  # of each training; None: what the time allows
    seeds: str = "1,2"
    controls: int = 10  # runs
    effort: rendering.Effort = EFFORT
    profiled: int = 20  # steps
    slower: float = 1.0  # than a GPU with its part


FULL = Scale()
TINY = Scale(
    device="cpu", every="unet(width=4), frame_difference", few="unet(width=2)", precisions="fp32", others="bf16",
    engine="eager", compiled=False, batches="2", pixels=32, large=48, train=16, rendered=(16,), seconds=0.02, peak=0.05,
    own="unet(width=4)", scenes=6, samples=64, seeds="1", controls=1, profiled=2, slower=3.0,
    effort=rendering.Effort(rounds=3, samples=96, workers=1, batch=16),
)  # fmt: skip


@dataclass(frozen=True)
class Room:
    """Where steps leave what is to be kept, where they work, and how much they do. photos: a folder of photographs."""

    out: Path
    work: Path
    scale: Scale
    photos: Path

    @property
    def device(self) -> torch.device:
        return torch.device(self.scale.device)

    def compared(self, name: str, models: str, **options: Any) -> Found:
        """Measure the cells of a comparison that are not in the file of this name; how many there are, what failed."""
        path = self.out / name
        there = files.sound(path) if path.exists() else []
        done = identity.done(there, Machine.here(self.device))
        asked = Options(out=self.work, device=self.scale.device, **options)  # type: ignore[typeddict-item]
        with prepared(models, asked) as (comparison, planned), progress() as tick:
            pending = [cell for cell in planned if cell.key not in done]
            for record in Campaign(pending, comparison).measure(tick):
                files.append(path, record)
                there.append(record)
        failed = [f"{one.model}, {one.measure}: {one.failed}" for one in there if one.failed]
        return {"records": len(there), "failed": failed}

    def here(self) -> Machine:
        return Machine.here(machine.choose(self.scale.device))

    def unpacked(self) -> bool:
        """Whether there are photographs, in `photos` where steps work from now on."""
        place = self.work / "photos"
        if not place.exists():
            if (self.photos / "backgrounds").is_dir():
                place.symlink_to(self.photos)
            elif (self.photos / "pack.zip").is_file():
                draft = place.with_suffix(".part")
                zipfile.ZipFile(self.photos / "pack.zip").extractall(draft)
                draft.replace(place)
        return place.exists()


def machine_of(room: Room) -> dict[str, Any]:
    """What makes the machine another one, found out by a process of its own."""
    found = carried_out(Step("machine", lambda _: asdict(room.here())), 60, room.work)
    if found.status == FAILED:
        raise ZooError(f"{found.said}; --rehearse needs none")
    return {name: found.found[name] for name in Machine.DECIDING}
