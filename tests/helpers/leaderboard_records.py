"""Records of comparisons, for the tests of what is made of them."""

from typing import Any

from benchmarks.statistics.intervals import summarise

MACHINE = {"device": "cpu", "device_name": "A CPU", "threads": 2, "torch": "2.x", "cores": 2, "commit": None}
STEADY = [[10.0], [10.2], [9.9], [10.1], [10.0], [9.8]]
FASTER = [[8.0], [8.2], [7.9], [8.1], [8.0], [7.8]]
COST = {"params": 1_234_567, "trainable": 1_234_567, "weight_bytes": 4_938_268, "macs": 5 * 10**9, "flops": 10**10}


def record(model: str, measure: str, cell: dict[str, Any], values: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {
        "schema": 2, "measure": measure, "status": "done", "failed": None, "model": model, "spec": f"{model}(in_ch=6)",
        "group": "founding", "cell": {"size": [224, 224]} | cell, "values": values, "intervals": {}, "raw": {},
        "gallery": None, "run": "one", "machine": MACHINE, "load": 0.5, "date": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    return base | more


def cost(model: str, values: dict[str, Any] = COST, **more: Any) -> dict[str, Any]:
    return record(model, "cost", {}, values, **more)


def latency(model: str, layout: str, rounds: list[list[float]], **more: Any) -> dict[str, Any]:
    found = summarise(rounds)
    cell = {"batch": 1, "precision": "fp32", "layout": layout, "engine": "eager", "device": "cpu"}
    values = {"ms": found.median, "p5": found.p5, "p95": found.p95, "p99": None}
    raw = {"rounds_ms": rounds, "warm_up": {"calls": 8, "seconds": 0.1, "drift": 0.01, "settled": True}}
    return record(model, "latency", cell, values, intervals={"ms": [found.low, found.high]}, raw=raw) | more


def accuracy(model: str, iou: float, rmse: float, *, tier: str = "hard", seed: int = 0, **more: Any) -> dict[str, Any]:
    cell = {"data": f"pairbench:{tier}", "recipe": "equal", "samples": 10_000, "seed": seed, "test_images": 500}
    spans = {"mask_iou": [iou - 0.01, iou + 0.01], "depth_rmse": [rmse - 0.005, rmse + 0.005]}
    values = {"mask_iou": iou, "depth_rmse": rmse}
    return record(model, "accuracy", {"size": [64, 64], **cell}, values, intervals=spans) | more
