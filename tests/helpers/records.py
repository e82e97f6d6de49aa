"""Records as the program writes them, of networks that never ran."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.statistics.intervals import interval
from benchmarks.store.control import Control, ControlSettings, Counts, Ranking, Runs
from benchmarks.store.record import (
    AccuracySettings,
    CostSettings,
    Machine,
    Raw,
    Record,
    SensitivitySettings,
    TimedSettings,
    WarmUp,
)

MACHINE = Machine(
    device="cpu", device_name="A CPU", cpu="A CPU", cores=2, threads=2, torch="2.x", python="3.11.9", platform="Linux",
    commit="0123456789abcdef", dirty=False, date="2026-01-02T03:04:05+00:00",
)  # fmt: skip
GPU = replace(MACHINE, device="cuda", device_name="A GPU", driver="1.2", cuda="13.2", cudnn=91000)
STEADY = [[10.0], [10.2], [9.9], [10.1], [10.0], [9.8]]  # ms
FASTER = [[8.0], [8.2], [7.9], [8.1], [8.0], [7.8]]
COST = {"params": 1_234_567, "trainable": 1_234_567, "weight_bytes": 4_938_268, "macs": 5 * 10**9, "flops": 10**10}

TIMED = TimedSettings((224, 224), 1, "fp32", "contiguous", "eager", "cpu")
TRAINED = AccuracySettings((64, 64), "pairbench:hard", "equal", 10_000, 0, 500)
SETTINGS: Mapping[str, Any] = {
    "cost": CostSettings((224, 224)),
    "latency": TIMED,
    "throughput": replace(TIMED, batch=8),
    "memory": TIMED,
    "accuracy": TRAINED,
    "sensitivity": SensitivitySettings(**vars(TRAINED), perturbation="shift"),
}
VALUES: Mapping[str, Mapping[str, Any]] = {
    "cost": COST,
    "latency": {"ms": 10.0, "p5": 9.8, "p95": 10.2, "p99": None},
    "throughput": {"images_per_s": 100.0, "batch": 8},
    "memory": {"inference_bytes": 40_000_000, "training_bytes": 160_000_000},
    "accuracy": {"mask_iou": 0.8, "depth_rmse": 0.1, "seconds": 110.0},
    "sensitivity": {"strength": [0.0, 1.0], "mask_iou": [0.8, 0.4], "depth_rmse": [0.1, 0.2]},
}


def record(measure: str, model: str = "unet", **changes: Any) -> Record:
    """A record of a measure, with the changes that `changed` takes. values, intervals, raw: these and no others."""
    found = Record(
        measure=measure, status="done", failed=None, model=model, spec=f"{model}(in_ch=6)", group="founding",
        cell=SETTINGS[measure], values=VALUES[measure], machine=MACHINE, took=1.5, run="one", load=0.5,
        clocks={"cpu_mhz": 2600.0, "stolen": 0.0}, date="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    return changed(found, **changes)


def changed(
    found: Record,
    *,
    cell: Mapping[str, Any] | None = None,
    raw: Mapping[str, Any] | Raw | None = None,
    machine: Mapping[str, Any] | Machine | None = None,
    **more: Any,
) -> Record:
    """A record with other fields; of cell, raw and machine those that are named, or a whole Raw or Machine."""
    return replace(
        found,
        cell=replace(found.cell, **(cell or {})),
        raw=raw if isinstance(raw, Raw) else replace(found.raw, **(raw or {})),
        machine=machine if isinstance(machine, Machine) else replace(found.machine, **(machine or {})),
        **more,
    )


def failed(found: Record, why: str = "failed: RuntimeError: no such thing") -> Record:
    """The same cell, of which nothing was found."""
    return replace(found, status="failed", failed=why, values={}, intervals={}, raw=Raw())


def cost(model: str = "unet", **changes: Any) -> Record:
    return record("cost", model, **changes)


def latency(
    model: str = "unet", layout: str = "contiguous", rounds: list[list[float]] = STEADY, **changes: Any
) -> Record:
    """Of these rounds, in milliseconds."""
    found, (p5, p95) = interval(rounds), np.percentile(rounds, (5, 95)).tolist()
    one = record(
        "latency",
        model,
        cell={"layout": layout},
        values={"ms": found.median, "p5": p5, "p95": p95, "p99": None},
        intervals={"ms": [found.low, found.high]},
        raw=Raw(rounds_ms=rounds, warm_up=WarmUp(8, 0.1, 0.01, settled=True)),
    )
    return changed(one, **changes)


def accuracy(model: str = "unet", iou: float = 0.8, rmse: float = 0.1, **changes: Any) -> Record:
    """With intervals of 0.01 and 0.005 to each side."""
    spans = {"mask_iou": [iou - 0.01, iou + 0.01], "depth_rmse": [rmse - 0.005, rmse + 0.005]}
    values = {"mask_iou": iou, "depth_rmse": rmse}
    return counted(changed(record("accuracy", model, values=values, intervals=spans), **changes))


def counted(found: Record) -> Record:
    """Trained and tested on as much as was asked for, unless its raw values say otherwise."""
    raw, cell = found.raw, found.accuracy
    images = raw.images if raw.images or raw.sums else cell.test_images
    samples = raw.samples if raw.samples or raw.curve else cell.samples
    return found if found.failed else replace(found, raw=replace(raw, samples=samples, images=images))


def sensitivity(
    model: str, perturbation: str, iou: Sequence[float | None], rmse: Sequence[float | None], **changes: Any
) -> Record:
    """The curves at strengths 0, 1, 2 ..."""
    values = {"strength": [*range(len(iou))], "mask_iou": [*iou], "depth_rmse": [*rmse]}
    one = record("sensitivity", model, cell={"perturbation": perturbation}, values=values, raw=Raw(images=128))
    return changed(one, **changes)


def control(held: int, found: int, turned: list[list[str]] | None = None) -> Control:
    """Of 40 runs; under load where some are turned, or none."""
    ms = {"a": [1.0, 1.5], "b": [20.0, 31.0]}
    return Control(
        model="unet",
        cell=ControlSettings((16, 24), 2.0, loaded=turned is not None),
        values=Counts(held, found, 40),
        raw=Runs(
            twin=[[1.0, 0.99, 1.01]] * 39 + [[0.97, 0.9, 1.1]],
            slowed=[[1.03, 1.02, 1.04]] * 40,
            anew=[[1.0, 0.99, 1.01]] * 30 + [[1.02, 1.01, 1.03]] * 10,
        ),
        machine=MACHINE,
        order=None if turned is None else Ranking(9, turned, [["b", "c"]], ms),
        load=1.5,
    )
