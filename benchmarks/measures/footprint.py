"""The peak memory of one piece of work in this very process: a forward pass, or a training step."""

import contextlib
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from benchmarks.measures.cost import weigh
from benchmarks.networks import engines
from benchmarks.store.record import TimedSettings
from registry import OptionError
from zoo import losses
from zoo.contract import Sample
from zoo.machine import give_back, status
from zoo.model import PairModel

CALLS = 2  # AdamW's averages come with the first step, so the second is the one that needs most
SMALL = 64  # pixels of the call that loads libraries before anything is measured
PEAK = Path("/proc/self/clear_refs")
RESET = "5"  # what Linux takes there: forget the peak of resident memory


@dataclass
class Work:
    """Something to do again and again, and the bytes of images and maps that it is done on."""

    run: Callable[[], object]
    held: int


def measured(model: PairModel, settings: TimedSettings, device: torch.device, work: str) -> dict[str, int | None]:
    """The peak of a process that has measured nothing before: "inference_bytes", say; on CUDA what was reserved too.

    None for the training of what has nothing to train.
    """
    engines.require(settings, device)
    if settings.engine != "eager":
        raise OptionError(f"memory is measured with engine eager, and not with {settings.engine}")
    if work == "training" and not any(p.requires_grad for p in model.parameters()):
        return {"training_bytes": None}
    begin = inference if work == "inference" else training
    height, width = (min(side, max(SMALL, model.min_size)) for side in settings.size)
    with contextlib.suppress(Exception):  # too small for some; the libraries are then loaded by what is measured
        begin(model, replace(settings, size=(height, width), batch=1), device).run()
    model.zero_grad(set_to_none=True)
    doing = begin(model, settings, device)
    start = forget(device)
    for _ in range(CALLS):
        doing.run()
    if device.type == "cuda":  # what was there is in it
        peak, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
        return {f"{work}_bytes": peak, f"{work}_reserved_bytes": reserved}
    there = weigh(model).weight_bytes + doing.held
    return {f"{work}_bytes": there + max(resident("VmHWM") - start, 0)}


def inference(model: PairModel, settings: TimedSettings, device: torch.device) -> Work:
    """A forward pass as it is timed."""
    bg, fg_bg = engines.images(model, settings, device)
    cast = engines.autocast(settings.precision, device)
    model.eval()

    def run() -> None:
        with torch.inference_mode(), cast:
            model(bg, fg_bg)

    return Work(run, bg.nbytes + fg_bg.nbytes)


def training(model: PairModel, settings: TimedSettings, device: torch.device) -> Work:
    """Forward with all sides, bce and l1, backward, AdamW."""
    bg, fg_bg = engines.images(model, settings, device)
    maps = torch.rand_like(fg_bg[:, :1])
    sample = Sample(bg, fg_bg, maps.round(), maps, torch.ones_like(maps), ())
    face = model.face
    aim = losses.objective(
        mask="bce" if "mask" in face.tasks else None, depth="l1" if "depth" in face.tasks else None, deep="sum"
    )
    cast = engines.autocast(settings.precision, device)
    weights: list[nn.Parameter] = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights)
    model.train()

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with cast:
            sides = model(bg, fg_bg, sides=True)
        aim.backward(aim(sides, sample), weights)
        optimizer.step()

    return Work(run, sum(image.nbytes for image in sample[:5]))


def forget(device: torch.device) -> int:
    """Let go of what is free and begin a new peak; the bytes that this process has now."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    give_back()
    with contextlib.suppress(OSError):  # where it cannot be reset, the peak of before counts if it was higher
        PEAK.write_text(RESET)
    return resident("VmRSS")


def resident(name: str) -> int:
    """Bytes of memory, as Linux names them: VmRSS now, VmHWM at most. Where the system does not tell, at most."""
    try:
        return status(name)  # on Linux ru_maxrss would begin with the memory of the process that started this one
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
