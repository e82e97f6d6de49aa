"""All that needs a GPU, in one command and in order of worth: `make gpu MINUTES=8 OUT=gpu-records`.

The folder gets at most six files: report.json says what each step found or why it did not, tests.txt what the tests
said, the others hold records as a comparison's do; `python -m benchmarks.upkeep keep gpu-records` takes these in.
--resume-from takes over what an earlier run left, and only what is missing is done. --rehearse does every step on the
CPU, with next to nothing to do in each.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from registry import ZooError

LOADED = ("timm", "segmentation_models_pytorch", "kornia", "rich.progress")  # once, and not by each step's process


def run(
    minutes: float, out: Path, *, resume_from: Path | None, rehearse: bool, only: tuple[str, ...], photos: Path
) -> int:
    """Climb; 1 where a step did not end well."""
    begun = time.monotonic()
    sys.path[:] = [str(Path(place).absolute()) for place in sys.path]  # steps work in a folder of their own
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # to ask for a GPU does not begin CUDA in this process
    from benchmarks.upkeep import ladder, room, steps  # here: that torch loads is of the minutes that were given
    from zoo.lock import locked

    out = out.absolute()
    work = out.with_name(f"{out.name}.work")  # trainings: large, and of no use elsewhere
    _take_over(resume_from, out, room.FILES)
    for name in LOADED:
        import_module(name)
    with locked(work), _ended_softly():
        here = room.Room(out, work, room.TINY if rehearse else room.FULL, photos.absolute())
        report = ladder.Report(out, room.machine_of(here))
        chosen = [step for step in steps.steps(here) if step.name in only]
        ladder.climb(chosen, report, work, 60 * minutes - (time.monotonic() - begun))
    if not report.code:
        shutil.rmtree(work, ignore_errors=True)
    return report.code


@contextmanager
def _ended_softly() -> Iterator[None]:
    """Whoever asks for an end, as `timeout` does, gets the one that Ctrl-C gets: what runs ends, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _take_over(before: Path | None, out: Path, names: Sequence[str]) -> None:
    """Bring the files of an earlier run into the folder, which holds no other run's."""
    there = [name for name in names if (out / name).exists()]
    if before is None and there:
        raise ZooError(
            f"{out} holds {there[0]} of an earlier run; continue it with --resume-from {out}, or give another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    if before is None or before.absolute() == out:
        return
    if not before.is_dir():
        raise ZooError(f"{before} is not a folder; give --resume-from the folder of an earlier run")
    for name in names:
        if (before / name).exists():
            shutil.copyfile(before / name, out / name)
