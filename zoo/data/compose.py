"""Pictures composed of people's own backgrounds and cut-outs, as the founding systems made their 400,000."""

import contextlib
import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from zoo.claim import claimed
from zoo.data.dataset import DataError
from zoo.data.depth_sources import build
from zoo.data.ingredients import backgrounds, cutouts
from zoo.data.outlets import Held, LooseFiles, Outlet, TarShards
from zoo.data.plan import settle
from zoo.data.recipe import Plan, Recipe
from zoo.parallel import run
from zoo.progress import Tick

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Report:
    """What a run did. made, found: samples composed now, and by earlier runs."""

    folder: Path
    made: int
    found: int
    backgrounds: int
    cutouts: int
    seconds: float


def compose(
    bg: Path,
    fg: Path,
    out: Path,
    recipe: Recipe,
    *,
    shards: bool = False,
    hold_out: Held = "held-out",
    per_shard: int = 1000,
    workers: int | None = None,
    tick: Tick = lambda *_: None,
) -> Report:
    """Compose every cut-out of `fg` on every background of `bg` into the folder `out`.

    shards: tar shards instead of the founding layout; then
    hold_out: which of backgrounds and objects val and test have for themselves, none for one split of everything;
    per_shard: samples in a shard.
    workers: processes; the files are the same whatever their number.

    A run that was stopped, or killed, goes on when it is started again with the same settings.
    """
    for source in (bg, fg):
        if out.resolve().is_relative_to(source.resolve()):
            raise DataError(f"{out} lies in {source}, so what is composed would be read again; give another --out")
    with _one_thread(), claimed(out):
        depth = build(recipe.depth)
        plan = Plan(
            recipe,
            bg,
            fg,
            tuple(backgrounds(bg, depth, workers=workers, tick=tick)),
            tuple(cutouts(fg, workers=workers, tick=tick)),
            depth.ground,
            depth.digest(),
        )
        outlet: Outlet = TarShards.of(plan, out, hold_out, per_shard) if shards else LooseFiles(plan, out)
        settle(out, plan.settings() | outlet.settings())
        return _fill(plan, outlet, workers, tick)


def _fill(plan: Plan, outlet: Outlet, workers: int | None, tick: Tick) -> Report:
    made, found, total, start = 0, 0, outlet.count(), time.monotonic()
    try:
        outlet.prepare()
        tick(f"composing {total:,} samples", 0, total)
        for _, (new, old) in run(outlet.make, outlet.items(), workers=workers):
            made, found = made + new, found + old
            rate = made / (time.monotonic() - start)
            left = f"{rate:,.0f}/s, {duration((total - made - found) / rate)} left" if made else "made already"
            tick(f"composing {made + found:,} of {total:,}, {left}", made + found, total)
        outlet.finish()
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DataError(
            f"{error.filename or outlet.folder}: {error.strerror}. {made + found:,} of {total:,} samples are finished"
            " and stay; make room and run the same command again, and it goes on"
        ) from error
    return Report(
        outlet.folder, made, found, len(plan.backgrounds), len(plan.cutouts), seconds=time.monotonic() - start
    )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """As the workers have: a network's sums depend on how many threads share them, and the files must not."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def duration(seconds: float) -> str:
    """
    >>> duration(42.4), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
