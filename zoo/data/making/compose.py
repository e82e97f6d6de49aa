"""Pictures composed of people's own backgrounds and cut-outs, as the founding systems made their 400,000."""

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path

from zoo.data.dataset import DataError
from zoo.data.making.composition import ComposeSettings, Composition
from zoo.data.making.depth_sources import build
from zoo.data.making.ingredients import backgrounds, cutouts
from zoo.data.making.outlets import LooseFiles, Outlet, ShardSettings, TarShards
from zoo.data.making.settings import settle
from zoo.files import sweep
from zoo.lock import LOCK, locked
from zoo.machine import threads
from zoo.parallel import Workers
from zoo.progress import Pace, Tick, duration

ALL_CORES = Workers()
SETTINGS = "compose.json"
SHOWN = 3  # names in one message
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class ComposeReport:
    """What a run did. made, found: samples composed now, and by earlier runs."""

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
    shards: ShardSettings | None = None,
    workers: Workers = ALL_CORES,
    tick: Tick = lambda *_: None,
) -> ComposeReport:
    """Compose every cut-out of `fg` on every background of `bg` into the folder `out`.

    shards: how to write tar shards; None: the founding layout.
    workers: the files are the same whatever their number, and wherever they run; all folders lie on shared storage.

    A run that was stopped, or killed, goes on when it is started again with the same settings.
    """
    for source in (bg, fg):
        if out.resolve().is_relative_to(source.resolve()):
            raise DataError(f"{out} lies in {source}, so the results would be taken for input; give another --out")
    with threads(1), locked(out):  # as workers have: a network's sums depend on it, and the files must not
        depth = build(recipe.depth)
        composition = Composition(
            recipe,
            bg,
            fg,
            tuple(backgrounds(bg, depth, workers=workers.count, tick=tick)),
            tuple(cutouts(fg, workers=workers.count, tick=tick)),
            depth.ground,
            depth.digest(),
        )
        outlet: Outlet = TarShards.of(composition, out, shards) if shards else LooseFiles(composition, out)
        others = sorted(name for name in os.listdir(out) if name != LOCK and not name.endswith(".part"))
        if others and SETTINGS not in others:
            raise DataError(
                f"{out} holds other things ({', '.join(others[:SHOWN])}) and no {SETTINGS}; give an empty or new --out"
            )
        settle(out / SETTINGS, outlet.settings(), "another --out")
        return _fill(composition, outlet, workers, tick)


def _fill(composition: Composition, outlet: Outlet, workers: Workers, tick: Tick) -> ComposeReport:
    made, found, total, start, pace = 0, 0, len(outlet), time.monotonic(), Pace()
    try:
        sweep(outlet.folder, "**/.*.part")
        tick(f"composing {total:,} samples", 0, total)
        for _, (new, old) in workers.run(outlet.make, outlet.pieces()):
            made, found = made + new, found + old
            rate = pace.at(made)
            left = f"{rate:,.0f}/s, {duration((total - made - found) / rate)} left" if made else "made already"
            tick(f"composing {made + found:,} of {total:,}, {left}", made + found, total)
        outlet.finish()
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DataError(
            f"{error.filename or outlet.folder}: {error.strerror}. {made + found:,} of {total:,} samples are finished"
            " and kept; make room and run the same command again to continue"
        ) from error
    ingredients = len(composition.backgrounds), len(composition.cutouts)
    return ComposeReport(made, found, *ingredients, time.monotonic() - start)
