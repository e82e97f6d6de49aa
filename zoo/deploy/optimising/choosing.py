"""Every way to run a network built, compared with it and timed; the fastest that answers the same is taken."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from registry import first_line, is_count, require
from zoo.deploy.agreement import pairs
from zoo.deploy.exporting import DATA
from zoo.deploy.optimising import choices, racing
from zoo.deploy.optimising.agreement import (
    Agreement,
    Call,
    DisagreementError,
    Maps,
    Pair,
    agreement,
    answers,
)
from zoo.deploy.optimising.candidates import Candidate, Made, make, opened
from zoo.deploy.optimising.folding import FoldError, folded
from zoo.deploy.optimising.network import Optimised
from zoo.deploy.optimising.report import AS_IT_IS, Report, Tried
from zoo.machine import describe, headline
from zoo.model import PairModel
from zoo.progress import Tick

PAIRS = 4  # batches that are compared before the choice, and as many after it
WORTH = 1.03  # times as fast: below, a network stays as it is


@dataclass(frozen=True)
class OptimiseSettings:
    """batch: pairs in a call. tolerance: how far from 1 the masks' IoU with the network's own may be, and from 0 the
    mean difference of depths. data: whose pairs both answer, from the split val; int8 learns its ranges from the split
    train of DATA. cache: remember the choice, by weights, size and machine. seconds: of timing, more where so many
    rounds take more. clock: seconds, as they are to be counted."""

    batch: int = 1
    tolerance: float = 0.005
    data: str = DATA
    cache: bool = True
    seconds: float = 8.0
    clock: racing.Clock = time.perf_counter

    def __post_init__(self) -> None:
        require(is_count(self.batch), "batch", self.batch, "a whole number from 1 up")
        given = self.tolerance
        require(isinstance(given, float | int) and 0 <= given <= 1, "tolerance", given, "a number from 0 to 1")


@dataclass
class Work:
    """One call of `optimise`: what was asked for, what the network answers, and what is known of each candidate."""

    model: PairModel
    device: torch.device
    size: tuple[int, int]
    how: OptimiseSettings
    tick: Tick
    chosen_on: list[Pair] = field(init=False)
    told_on: list[Pair] = field(init=False)
    answered: Maps = field(init=False)

    def __post_init__(self) -> None:
        self.chosen_on, self.told_on = (self._pairs(first) for first in (0, PAIRS))
        self.answered = answers(self.model, self.chosen_on)

    def _pairs(self, first: int) -> list[Pair]:
        batch = self.how.batch
        found = pairs(self.model.face, self.size, self.how.data, "val", [batch] * PAIRS, first * batch)
        moved = ({name: image.to(self.device) for name, image in each.items()} for each in found)
        return [Pair(each.get("bg"), each["fg_bg"]) for each in moved]

    def agreement(self, call: Call) -> Agreement:
        return agreement(self.answered, answers(call, self.chosen_on))

    def told(self, call: Call) -> Agreement:
        return agreement(answers(self.model, self.told_on), answers(call, self.told_on))


def again(work: Work, candidates: list[Candidate], key: str, folder: Path) -> Optimised | None:
    """As it was chosen before; None where nothing is known, or it does not hold any more."""
    report = choices.find(key)
    if report is None:
        return None
    if report.chosen == AS_IT_IS:
        return Optimised(work.model, None, work.chosen_on[0].fg_bg, report)
    candidate = next((each for each in candidates if str(each) == report.chosen), None)
    if candidate is None:
        return None
    work.tick(f"optimising: {candidate}, as before", 0, 1)
    try:
        suffix = {"onnxruntime": ".onnx", "openvino": ".xml"}.get(candidate.engine, "")
        kept = choices.files(key, suffix)
        made = opened(candidate, kept) if suffix and kept.is_file() else _made(work, candidate, folder)
        work.agreement(made.call).require(work.how.tolerance)
    except Exception:  # whatever is wrong with what was kept, all is measured again
        return None
    return Optimised(work.model, made, work.chosen_on[0].fg_bg, report)


def chosen(work: Work, candidates: list[Candidate], key: str | None, folder: Path) -> Optimised:
    """Build, compare and time all, and keep the fastest that agrees."""
    tried: dict[str, Tried] = {}
    made: dict[str, Made] = {}
    for number, candidate in enumerate(candidates):
        name, begun = str(candidate), time.perf_counter()
        work.tick(f"optimising: {name}", number, len(candidates) + 1)
        try:
            found = _made(work, candidate, folder)
            build = time.perf_counter() - begun
            agreed = work.agreement(found.call)
            tried[name] = Tried(name, None, agreed.mask, agreed.depth, build)
            made[name] = found  # timed in any case, so that it is known what more tolerance would give
            agreed.require(work.how.tolerance)
        except Exception as error:  # of whichever engine: the others go on
            known = tried.get(name, Tried(name, build=time.perf_counter() - begun))
            tried[name] = Tried(name, None, known.mask, known.depth, known.build, _why(error))
    times = _times(work, made, len(candidates))
    rows = [Tried(AS_IT_IS, times[AS_IT_IS])]
    rows += [Tried(**{**vars(each), "ms": times.get(name)}) for name, each in tried.items()]
    best = min((name for name in made if not tried[name].refused), key=lambda name: times[name], default=AS_IT_IS)
    if times[AS_IT_IS] < WORTH * times[best]:
        best = AS_IT_IS
    return _told(work, rows, made.get(best), best, key)


def _told(work: Work, rows: list[Tried], made: Made | None, best: str, key: str | None) -> Optimised:
    h, w = work.size
    about = f"{work.model.spec.name}, {work.how.batch} of {h} x {w}, {headline(describe(work.device))}"
    agreed = work.told(made.call if made else work.model)
    notes = []
    if made is None:
        notes.append("Nothing that answers the same was faster, so it stays as it is.")
    try:
        agreed.require(work.how.tolerance)
    except DisagreementError as error:
        notes.append(
            f"On pairs that it was not chosen on it is beyond the tolerance of {work.how.tolerance:g}: {error}."
        )
    report = Report(about, tuple(rows), best, agreed, " ".join(notes))
    if key is not None and (failed := choices.keep(key, report, made.files if made else ())):
        report = Report(about, tuple(rows), best, agreed, " ".join((*notes, failed)))
    return Optimised(work.model, made, work.chosen_on[0].fg_bg, report)


def _made(work: Work, candidate: Candidate, folder: Path) -> Made:
    model = work.model
    if not candidate.format:
        try:
            model = folded(model, work.chosen_on[0])[0]
        except FoldError:  # it is not needed for an answer
            model = copy.deepcopy(model)
    return make(candidate, model, work.model, work.chosen_on[0], folder)


def _times(work: Work, made: dict[str, Made], count: int) -> dict[str, float]:
    """Milliseconds of the network as it is, and of each candidate that answers the same."""
    pair = work.chosen_on[0]
    ways: dict[str, Call] = {AS_IT_IS: _plainly(work.model), **{name: each.call for name, each in made.items()}}
    calls: dict[str, Callable[[], Any]] = {name: partial(call, *pair) for name, call in ways.items()}

    def tick(done: float, whole: float) -> None:
        work.tick(f"optimising: timing {len(calls)} in shuffled rounds", count + done / whole, count + 1)

    return racing.race(calls, work.device, seconds=work.how.seconds, clock=work.how.clock, tick=tick)


def _plainly(model: PairModel) -> Call:
    def call(bg: Any, fg_bg: Any) -> Any:
        with torch.inference_mode():
            return model(bg, fg_bg)

    return call


def _why(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return first_line(cause)[:160] or type(cause).__name__
