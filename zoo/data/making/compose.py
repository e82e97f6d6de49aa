"""Pictures composed of people's own backgrounds and cut-outs, as the founding systems made their 400,000."""

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zoo.data.dataset import DataError
from zoo.data.making.composition import ComposeSettings, Composition
from zoo.data.making.depth_sources import build
from zoo.data.making.ingredients import backgrounds, cutouts
from zoo.data.making.outlets import Held, LooseFiles, Outlet, TarShards
from zoo.data.making.settings import settle
from zoo.lock import locked
from zoo.parallel import Executor, run
from zoo.progress import Tick, duration

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
    recipe: ComposeSettings,
    *,
    shards: bool = False,
    hold_out: Held = "held-out",
    per_shard: int = 1000,
    workers: int | None = None,
    executor: Executor = "processes",
    address: str | None = None,
    tick: Tick = lambda *_: None,
) -> Report:
    """Compose every cut-out of `fg` on every background of `bg` into the folder `out`.

    shards: tar shards instead of the founding layout; then
    hold_out: which of backgrounds and objects val and test have for themselves, none for one split of everything;
    per_shard: samples in a shard.
    workers: processes; the files are the same whatever their number, and wherever they run.
    executor, address: "ray" composes on a cluster, as `zoo.parallel.run` says; all folders lie on shared storage.

    A run that was stopped, or killed, goes on when it is started again with the same settings.
    """
    for source in (bg, fg):
        if out.resolve().is_relative_to(source.resolve()):
            raise DataError(f"{out} lies in {source}, so what is composed would be read again; give another --out")
    with _one_thread(), locked(out):
        depth = build(recipe.depth)
        composition = Composition(
            recipe,
            bg,
            fg,
            tuple(backgrounds(bg, depth, workers=workers, tick=tick)),
            tuple(cutouts(fg, workers=workers, tick=tick)),
            depth.ground,
            depth.digest(),
        )
        outlet: Outlet = TarShards.of(composition, out, hold_out, per_shard) if shards else LooseFiles(composition, out)
        settle(out, composition.settings() | outlet.settings())
        return _fill(composition, outlet, partial(run, workers=workers, executor=executor, address=address), tick)


def _fill(composition: Composition, outlet: Outlet, spread: Callable[..., Iterator[Any]], tick: Tick) -> Report:
    made, found, total, start = 0, 0, outlet.count(), time.monotonic()
    try:
        outlet.prepare()
        tick(f"composing {total:,} samples", 0, total)
        for _, (new, old) in spread(outlet.make, outlet.items()):
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
        outlet.folder,
        made,
        found,
        len(composition.backgrounds),
        len(composition.cutouts),
        seconds=time.monotonic() - start,
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
