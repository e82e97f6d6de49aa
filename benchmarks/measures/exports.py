"""A network in several formats: the bytes and seconds of each, how fast it is, and what of its accuracy is left."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.networks.entrants import Entrant
from benchmarks.statistics.intervals import interval
from benchmarks.store.exported import ExportRecord, ExportSettings
from benchmarks.store.files import number, one_line
from benchmarks.store.record import Machine
from benchmarks.timing.rounds import TimedCall, images, interleave, warm_up
from registry import ZooError
from zoo import data, evaluate, load
from zoo.deploy.agreement import difference
from zoo.deploy.exporting import export
from zoo.deploy.formats import FORMATS
from zoo.exported.model import in_numbers
from zoo.metrics import Inference
from zoo.model import PairModel
from zoo.progress import Tick

CPU = torch.device("cpu")
COMPARED = 8  # pairs, at most, map by map
OF_TRUTH = ("mask_iou", "depth_rmse")


@dataclass(frozen=True)
class Asked:
    """size: of the images, one at a time. pairs: of the test split of `data`. weights: what of, None where they are
    drawn at random. seconds, rounds: of timing, for each format."""

    size: tuple[int, int]
    data: str
    pairs: int
    weights: str | None = None
    seconds: float = 2.5
    rounds: int = 3

    def cell(self, format: str) -> ExportSettings:
        return ExportSettings(format, self.size, self.data, self.pairs, self.weights)


@dataclass
class _Format:
    network: nn.Module
    values: dict[str, float | None]
    timed: TimedCall = field(init=False)


def measured(
    entrant: Entrant, model: PairModel, formats: Sequence[str], asked: Asked, tick: Tick
) -> Iterator[ExportRecord]:
    """A record for each format; one that fails says why, and the others go on."""
    model = model.float().cpu().eval()
    failed: dict[str, str] = {}
    made: dict[str, _Format] = {}
    pair = images(model.face.image_ch, *asked.size, CPU)
    with tempfile.TemporaryDirectory(prefix="pairzoo-formats-") as folder:
        for n, name in enumerate(formats):
            tick(f"{entrant.asked}: making {name}", n, len(formats))
            try:
                made[name] = _made(model, name, pair, Path(folder))
            except (ZooError, RuntimeError, NotImplementedError) as error:
                failed[name] = one_line(error)
        _time(made, pair, asked, tick)
        wanted = _Wanted(model, asked)
        for n, (name, each) in enumerate(made.items()):
            tick(f"{entrant.asked}: accuracy of {name}", n, len(made))
            if each.timed.failed:
                failed[name] = each.timed.failed
            else:
                each.values.update(wanted.differences(each.network), **wanted.truth(each.network))
    group, spec, machine = entrant.group, entrant.spec, Machine.here(CPU)
    for name in formats:
        values = {} if name in failed else {**made[name].values, "load": number(load_average())}
        about = {"model": str(entrant.asked), "spec": spec, "group": group, "machine": machine}
        yield ExportRecord(**about, cell=asked.cell(name), values=values, failed=failed.get(name))  # type: ignore[arg-type]


def _made(model: PairModel, name: str, pair: Tensor, folder: Path) -> _Format:
    """The network in a format, called once where that builds it."""
    begun = time.perf_counter()
    if name == "eager":
        held = sum(value.nbytes for value in model.state_dict().values())
        return _Format(model, {"bytes": held, "build_s": 0.0})
    if name == "compile":
        compiled: nn.Module = torch.compile(model, dynamic=False)  # type: ignore[assignment]
        with torch.inference_mode():
            compiled(*_given(model, pair))
        return _Format(compiled, {"build_s": number(time.perf_counter() - begun)})
    form = FORMATS[name]
    done = export(model, folder / f"{name}{form.suffix}", format=name)
    begun = time.perf_counter()
    network = load(done.path)
    seconds = done.seconds + time.perf_counter() - begun
    return _Format(network, {"bytes": done.bytes, "build_s": number(seconds)})


def load_average() -> float:
    """Of the last minute, as the system counts it; not a number where it does not."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _given(model: PairModel, pair: Tensor) -> tuple[Tensor | None, Tensor]:
    bg, fg_bg = pair
    return (bg if model.face.plate else None), fg_bg


def _time(made: Mapping[str, _Format], pair: Tensor, asked: Asked, tick: Tick) -> None:
    """Milliseconds of each, in shuffled rounds."""
    for name, each in made.items():
        each.timed = TimedCall(name, _called(each.network, pair), CPU)
        warm_up(each.timed, seconds=asked.seconds / 2)
    calls = [each.timed for each in made.values()]
    together = asked.seconds * len(calls)
    for timed in interleave(calls, seconds=together, min_rounds=asked.rounds):
        tick(f"timing {len(calls)} formats in shuffled rounds", sum(call.spent for call in calls), together)
        if timed.finished and not timed.failed:
            found = interval(timed.rounds)
            made[timed.name].values.update(ms=number(found.median), low=number(found.low), high=number(found.high))

    _count(made, asked.rounds)


def _count(made: Mapping[str, _Format], rounds: int) -> None:
    """Milliseconds of the CPU that a call of each takes, all its threads together: other work does not show in them."""
    spent: dict[str, list[float]] = {name: [] for name, each in made.items() if not each.timed.failed}
    for _ in range(rounds):
        for name in spent:
            begun = time.process_time()
            made[name].timed.call()
            spent[name].append(1e3 * (time.process_time() - begun))
    for name, times in spent.items():
        made[name].values["cpu_ms"] = number(median(times))


def _called(network: nn.Module, pair: Tensor) -> Callable[[], Any]:
    bg, fg_bg = pair

    def call() -> Any:
        with torch.inference_mode():
            return network(bg, fg_bg)

    return call


class _Wanted:
    """What the network itself computes, and what is true."""

    def __init__(self, model: PairModel, asked: Asked):
        self.asked = asked
        self.source = data.load(asked.data, split="test", size=asked.size)
        count = min(COMPARED, asked.pairs, len(self.source))
        samples = [self.source.batch([index]) for index in range(count)]
        channels = [channel % 3 for channel in range(model.face.image_ch)]
        self.pairs = [(sample.bg[:, channels], sample.fg_bg[:, channels]) for sample in samples]
        self.maps = [self._maps(model, *pair) for pair in self.pairs]

    def _maps(self, network: nn.Module, bg: Tensor, fg_bg: Tensor) -> dict[Any, Tensor]:
        with torch.inference_mode():
            return in_numbers(network(bg, fg_bg))

    def differences(self, network: nn.Module) -> dict[str, float | None]:
        found = []
        for pair, wanted in zip(self.pairs, self.maps, strict=True):
            given = self._maps(network, *pair)
            found += [difference(task, wanted[task], given[task]) for task in wanted]
        return {
            "largest": number(max(each.largest for each in found)),
            "mean": number(fmean(each.mean for each in found)),
        }

    def truth(self, network: nn.Module) -> dict[str, float | None]:
        """Metrics, where the weights were trained: one image at a time, as it was timed."""
        if self.asked.weights is None:
            return {}
        inference = Inference(batch=1)
        tasks = getattr(network, "trained_tasks", ("mask", "depth"))
        names = [name for name in OF_TRUTH if name.partition("_")[0] in tasks and name.partition("_")[0] in self._known]
        found = evaluate(
            network, self.source, samples=self.asked.pairs, metrics=names, resamples=0, inference=inference
        )
        return {name: number(value) for name, value in found.values.items()}

    @property
    def _known(self) -> tuple[str, ...]:
        return getattr(self.source, "tasks", ("mask", "depth"))
