"""What `benchmarks.upkeep.gpu` does on a device, step by step: mostly comparisons, named by what they ask for."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.checks import control, rendering
from benchmarks.measures import roofline
from benchmarks.measures.accuracy import at_once, learnable, test_set
from benchmarks.measures.training_recipe import content, own, predicted, recipe_for
from benchmarks.networks.entrants import Entrant, enter
from benchmarks.plan.comparison import of_effort
from benchmarks.store import files
from benchmarks.store.control import Control, ControlSettings
from benchmarks.store.names import ACCURACY, CONTROL, EFFORT, EQUAL, MORE, OWN, SPEED
from benchmarks.store.record import AccuracySettings
from benchmarks.timing.clocks import Clocks
from benchmarks.upkeep.ladder import Found, Step
from benchmarks.upkeep.room import TESTS, Room
from registry import ZooError
from zoo.progress import progress
from zoo.training.plan import effort, plan
from zoo.training.profile import pace, profile

RENDERED = "pairbench:wild"
LOOKS = 10  # at held-out data in a training, as zoo.training has it
STEP = 3  # of training in forward passes
SPARE = 0.8  # share of the time that a step has for which trainings are planned
ROOT = Path(__file__).resolve().parents[2]
PHOTOS = "photos:aligned"
CONTROL_MODEL = "unet(width=16)"


def steps(room: Room) -> tuple[Step, ...]:
    """The steps, each with its estimated seconds on a GPU; the trainings share what the others leave."""
    slower = room.scale.slower
    return (
        Step("facts", partial(facts, room), 20 * slower),
        Step("tests", partial(tests, room), 60 * slower),
        Step("speed", partial(speed, room), 90 * slower),
        Step("accuracy", partial(accuracy, room), share=0.5),
        Step("photos", partial(photos, room), share=0.3),
        Step("rendering", partial(rendered, room), 20 * slower),
        Step("more", partial(more, room)),
    )


def facts(room: Room, _: float) -> Found:
    """The machine, its clocks at work, and what it can do at best."""
    asked = dict.fromkeys([*room.scale.precisions.split(","), *room.scale.others.split(",")])
    with Clocks(room.device) as clocks:
        peaks = {precision: roofline.peaks(room.device, precision, room.scale.peak) for precision in asked}
        return {"machine": asdict(room.here()), "peaks": peaks, "clocks": clocks.read()}


def tests(room: Room, _: float) -> Found:
    """The tests that a GPU decides on; on the CPU those of them that hold there, too."""
    import pytest

    os.chdir(ROOT)
    with (room.out / TESTS).open("w") as said:
        os.dup2(said.fileno(), sys.stdout.fileno())
        os.dup2(said.fileno(), sys.stderr.fileno())
    counted = Counted()
    code = pytest.main(["-m", "gpu", "tests/gpu", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist"], [counted])
    found = {name: len(names) for name, names in counted.names.items()}
    if code:
        lost = ", ".join(counted.names["failed"]) or f"pytest ended with code {int(code)}"
        raise ZooError(f"{found.get('passed', 0)} tests passed, and failed: {lost}")
    return found


class Counted:
    """A plug-in of pytest that counts how tests ended."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.names[report.outcome].append(report.nodeid.rpartition("::")[2])


def speed(room: Room, _: float) -> Found:
    """Cost, latency and throughput of all networks."""
    scale = room.scale
    return room.compared(
        SPEED,
        scale.every,
        measure="cost,latency,throughput",
        sizes=scale.pixels,
        precisions=scale.precisions,
        layouts="contiguous",
        batches=scale.batches,
        seconds=scale.seconds,
    )


def accuracy(room: Room, seconds: float) -> Found:
    """All networks trained with equal effort, as long as the time divided fairly allows, and tested on every tier."""
    scale, (source, tested_on) = room.scale, _of_effort(room)
    amount = _amount(room, enter(scale.every), source, EFFORT, scale.train, seconds)
    found = room.compared(
        ACCURACY,
        scale.every,
        measure="accuracy",
        data=source,
        recipes=EFFORT,
        test=tested_on,
        train_size=scale.train,
        samples=amount,
        scenes=scale.scenes,
    )
    return {**found, "samples": amount}


def photos(room: Room, seconds: float) -> Found:
    """A founding network by its own recipe on composites of photographs, where these came along."""
    os.chdir(room.work)
    if not room.unpacked():
        return {"left out": f"{room.photos} has no photographs; `make photos` gets them"}
    scale = room.scale
    (entrant,) = enter(scale.own)
    amount = _amount(room, [entrant], PHOTOS, own(entrant.asked.name) or EQUAL, scale.pixels, seconds)
    found = room.compared(
        ACCURACY,
        scale.own,
        measure="accuracy",
        data=PHOTOS,
        recipes=OWN,
        train_size=scale.pixels,
        samples=amount,
        scenes=scale.scenes,
    )
    return {**found, "samples": amount}


def rendered(room: Room, _: float) -> Found:
    """Samples per second of each source, and where the time of a training step goes."""
    scale, sources = room.scale, [f"pairbench:{tier}" for tier in rendering.tiers()]
    os.chdir(room.work)
    if room.unpacked():
        sources += ["collage(plates=photos/backgrounds, cutouts=photos/cutouts)", "photos", PHOTOS]
    with progress() as tick:
        rates = rendering.measure(sources, scale.rendered, room.device, scale.effort, tick)
    steps = {}
    for entrant in enter(scale.few):
        cell = AccuracySettings((scale.train, scale.train), RENDERED, EQUAL, None, 0, scale.scenes)
        recipe = recipe_for(entrant.spec, cell)
        found = pace(recipe, steps=scale.profiled, device=scale.device)
        parts = profile(recipe, steps=scale.profiled, device=scale.device).seconds
        steps[str(entrant.asked)] = {**found._asdict(), "parts": parts}
    told = {f"{source}, {pixels} px": asdict(rate) for (source, pixels), rate in rates.items()}
    return {"samples_per_s": told, "steps": steps}


def more(room: Room, _: float) -> Found:
    """Other ways to run a few networks, the control of the timing, more seeds, and what must be compiled."""
    scale = room.scale
    timed = partial(room.compared, MORE, scale.few, layouts="contiguous", seconds=scale.seconds)
    timed(measure="latency", sizes=scale.pixels, precisions=scale.precisions, engines=f"eager,{scale.engine}")
    timed(measure="latency,throughput", sizes=scale.pixels, precisions=scale.others, batches=scale.batches)
    timed(measure="latency", sizes=scale.large, precisions=scale.precisions)
    timed(measure="latency", sizes=scale.pixels, precisions=scale.precisions, layouts="channels_last")
    _control(room)
    if scale.compiled:
        timed(measure="latency", sizes=scale.pixels, precisions=scale.precisions, engines="compile")
    source = _of_effort(room)[0]
    amount = _before(room, source)
    if amount is None:
        return {"left out": "more seeds: there is no training of the first"}
    return room.compared(
        MORE,
        scale.every,
        measure="accuracy",
        data=source,
        recipes=EFFORT,
        samples=amount,
        seeds=scale.seeds,
        train_size=scale.train,
        scenes=scale.scenes,
    )


def _of_effort(room: Room) -> tuple[str, list[str]]:
    """What networks learn from and are tested on, where steps work from now on: with photographs, if there are any."""
    os.chdir(room.work)
    room.unpacked()
    asked = of_effort()
    return asked["data"][0], list(asked["test"])


def _control(room: Room) -> None:
    """The timing's own control, once for each machine."""
    path, cell = room.out / CONTROL, ControlSettings((64, 64), 3.0 * room.scale.seconds, loaded=False)
    here = room.here()
    if path.exists() and any(one.machine.identity == here.identity for one in files.read_as(Control, path)):
        return
    with progress() as tick:
        files.append(path, control.measure(CONTROL_MODEL, CONTROL_MODEL, room.scale.controls, cell, room.device, tick))


def _before(room: Room, source: str) -> int | None:
    """Samples that networks were trained on in an earlier part of this run, or in the one that it goes on with."""
    path = room.out / ACCURACY
    told = [one.accuracy for one in (files.sound(path) if path.exists() else ()) if one.measure == "accuracy"]
    return next((cell.samples for cell in told if cell.data == source and cell.samples), None)


def _scene(cell: AccuracySettings, room: Room) -> float:
    """Seconds for one to be tested on."""
    scenes, count = test_set(cell, room.scale.device), at_once(*cell.size)
    scenes.batch(range(count))
    begun = time.monotonic()
    float(scenes.batch(range(count)).mask.sum())  # waits for the device
    return (time.monotonic() - begun) / count


def _amount(room: Room, entrants: Sequence[Entrant], source: str, recipe: str, pixels: int, seconds: float) -> int:
    """Samples for each training, so that all of them and their tests fit into the time; as before, if some are done."""
    if before := _before(room, source) or room.scale.samples:
        return before
    cell = AccuracySettings((pixels, pixels), source, recipe, None, 0, room.scale.scenes, content=content(recipe))
    known, begun, fixed, each = learnable(cell), time.monotonic(), 0.0, 0.0
    scene = _scene(cell, room)
    for entrant in entrants:
        start = time.monotonic()
        asked = recipe_for(entrant.spec, cell, [task for task in predicted(entrant.spec) if task in known])
        found = pace(asked, steps=room.scale.profiled, device=room.scale.device)
        phases = plan(asked, length=10**6)
        each += found.seconds / found.batch * effort(asked, phases) / sum(phase.samples for phase in phases)
        seen = LOOKS * asked.validate_samples + len(rendering.tiers()) * room.scale.scenes
        fixed += time.monotonic() - start + scene * seen  # to begin takes as long as it did now
        fixed += found.seconds / found.batch / STEP * seen
    left = SPARE * (seconds - (time.monotonic() - begun)) - fixed
    least = 10 * max(stage.batch for stage in asked.stages)
    return max(least, int(left / each) // 1000 * 1000)
