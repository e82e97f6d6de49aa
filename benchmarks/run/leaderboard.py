"""A comparison from its options to its results: what is planned, measured, kept in a folder, and shown."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Unpack

import torch

from benchmarks.measures import accuracy
from benchmarks.networks.entrants import enter
from benchmarks.plan import cells
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import BASELINES, Comparison, Options
from benchmarks.plan.own_folder import settled
from benchmarks.plan.presets import PRESETS
from benchmarks.run.campaign import Campaign, home
from benchmarks.show.results import Results
from benchmarks.store import committed, files, identity
from benchmarks.store.names import BASELINE, RECORDS
from benchmarks.store.record import Machine, Record
from registry import OptionError, ZooError
from zoo import machine
from zoo.lock import locked
from zoo.progress import Tick, progress


@dataclass(frozen=True)
class Outcome:
    """What came of a comparison."""

    results: Results
    done: bool  # some of its cells
    failed: bool  # some of its cells
    stopped: bool  # by Ctrl-C
    problem: ZooError | None  # why records could not be kept


def leaderboard(models: str | None = None, *, tick: Tick | None = None, **options: Unpack[Options]) -> Results:
    """Measure and compare networks as `python -m benchmarks.compare` does, with its options under their names.

    models: a list such as "u2net*, unet(depth=4)". The options are those of the command, which `--help` explains.
    preset: smoke, quick, standard or full: the comparisons that people ask for most.
    tick: called with what is done, how much of it is done and how much there is; None: a bar, or lines.

    Records, tables and the page are in the folder `out`, and with resume=True only what is not there is measured.

    >>> results = leaderboard("frame_difference", sizes=(32,), measure=("cost",), tick=lambda *_: None)
    >>> results.records[0].values["params"]
    5
    >>> results = leaderboard("unet, u2netp", sizes=(224,), measure=("cost", "latency"))  # doctest: +SKIP
    >>> results.best("latency_ms")  # doctest: +SKIP
    ['u2netp']
    """
    with prepared(models, options) as (asked, planned):
        outcome = measure(asked, planned, tick)
    if outcome.problem:
        raise outcome.problem
    if outcome.stopped:
        raise KeyboardInterrupt
    return outcome.results


def _shown() -> Signature:
    """What help() shows: every option by its name."""
    options = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in ("tick", *Options.__annotations__)]
    return Signature([Parameter("models", Parameter.POSITIONAL_OR_KEYWORD, default=None), *options])


leaderboard.__signature__ = _shown()  # type: ignore[attr-defined]


@contextmanager
def prepared(models: str | None, options: Options) -> Iterator[tuple[Comparison, list[Cell]]]:
    """A comparison and its cells, with as many threads as are asked for; an error where something is not there."""
    device = machine.choose(options.get("device") or "auto")
    asked = settled(models, options, PRESETS, str(device))
    trains = "accuracy" in asked.measure and not asked.weights  # the baselines stand in every such table
    entrants = enter(f"{asked.models}, {BASELINES}" if trains else asked.models)
    planned = cells.plan(entrants, asked)
    accuracy.require([(cell.entrant, cell.accuracy) for cell in planned if cell.measure == "accuracy"], asked.weights)
    _require_trained(asked, planned)
    with machine.threads(asked.threads):
        yield asked, planned


def missing(asked: Comparison, planned: list[Cell]) -> tuple[list[Record], list[Cell]]:
    """With resume what is there already of these networks, whatever was asked for then, with the accuracy of the
    baselines; and the cells that it leaves to be measured."""
    path = asked.out / RECORDS
    specs = {cell.entrant.spec for cell in planned}
    before = [
        record
        for record in (files.sound(path) if asked.resume and path.exists() else ())
        if record.spec in specs or (record.group == BASELINE and record.measure == "accuracy")
    ]
    done = identity.done(before, None if asked.executor == "ray" else Machine.here(torch.device(asked.device)))
    return before, [cell for cell in planned if cell.key not in done]


def measure(asked: Comparison, planned: list[Cell], tick: Tick | None = None) -> Outcome:
    """The comparison itself, in a folder of its own: records first, then tables and the page."""
    folder = files.prepare(asked.out)
    with locked(folder):
        files.set_aside(folder / RECORDS)
        records, pending = missing(asked, planned)
        stopped, problem = False, None
        try:
            with nullcontext(tick) if tick else progress() as report:
                for record in _measured(asked, pending, report):
                    records.append(record)
                    files.append(folder / RECORDS, record)
        except KeyboardInterrupt:
            stopped = True
        except ZooError as error:  # no room for a record: what was measured is still worth a look
            problem = error
        results = _results(asked, planned, identity.latest(records))
        if records and not problem and not stopped:
            results.save(folder)
    keys = {cell.key for cell in planned}
    statuses = {record.status for record in results.records if identity.key_of(record) in keys}
    return Outcome(results, "done" in statuses, "failed" in statuses, stopped, problem)


def _measured(asked: Comparison, pending: list[Cell], tick: Tick) -> Iterator[Record]:
    if asked.executor != "ray":
        return Campaign(pending, asked).measure(tick)
    from benchmarks.run import cluster

    return cluster.measure(pending, asked, tick)


def _results(asked: Comparison, planned: list[Cell], records: list[Record]) -> Results:
    """With the accuracy that comes with the library, where none was asked for and none is there."""
    specs = {cell.entrant.spec for cell in planned}
    achieved = any(record.measure == "accuracy" and record.spec in specs for record in records)
    library = [] if achieved or "accuracy" in asked.measure else committed.records(like=records)
    folders = [asked.out, committed.FOLDER]
    return Results(records, library, folders, here=records[-1].machine if records else None)


def _require_trained(asked: Comparison, planned: list[Cell]) -> None:
    """Raise where a curve is asked for of a network that is neither trained, nor to be trained, nor ready-made."""
    trained = {home(asked.out, cell) for cell in planned if cell.measure == "accuracy"}
    curves = {home(asked.out, cell): cell for cell in planned if cell.measure == "sensitivity"}
    lost = [cell for folder, cell in curves.items() if folder not in trained and not accuracy.is_over(folder)]
    if lost and not asked.weights:
        raise OptionError(
            f"sensitivity is of trained networks, and {asked.out} holds no such training of {lost[0].entrant.asked};"
            " add accuracy to --measure, or give --weights"
        )
